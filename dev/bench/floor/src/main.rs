//! A plain Create with the minimum of code: blocking sockets, rustls on ring, signatures by hand.
//!
//! It opens its connections when the function opens them: those to the two services in INIT, and that of the answer during
//! the work. It panics on any failure.

#![expect(clippy::disallowed_methods, reason = "it is all there is")]

use std::collections::HashMap;
use std::env::var;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::{digest, hmac};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

type Tls = StreamOwned<ClientConnection, TcpStream>;

struct Client {
    tls: Arc<ClientConfig>,
    connections: HashMap<String, Tls>,
}

impl Client {
    fn new() -> Self {
        let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        if let Ok(file) = var("SSL_CERT_FILE") {
            roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(file).unwrap() {
                roots.add(certificate.unwrap()).unwrap();
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { tls: Arc::new(tls), connections: HashMap::new() }
    }

    /// Starts a connection, unless there is one. The handshake goes on with the first request.
    fn preconnect(&mut self, authority: &str) -> &mut Tls {
        self.connections.entry(authority.to_owned()).or_insert_with(|| {
            let host = authority.split(':').next().unwrap().to_owned();
            let tls = ClientConnection::new(self.tls.clone(), ServerName::try_from(host).unwrap()).unwrap();
            let mut stream = StreamOwned::new(tls, connect(authority));
            stream.conn.write_tls(&mut stream.sock).unwrap();
            stream
        })
    }

    /// Opens connections. Their handshakes run side by side.
    fn open(&mut self, authorities: &[String]) {
        for authority in authorities {
            self.preconnect(authority);
        }
        for authority in authorities {
            let stream = self.preconnect(authority);
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
    }

    fn send(&mut self, authority: &str, request: &[u8]) -> (String, Vec<u8>) {
        exchange(self.preconnect(authority), request)
    }
}

fn connect(authority: &str) -> TcpStream {
    let stream = TcpStream::connect(authority).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn exchange(stream: &mut (impl Read + Write), request: &[u8]) -> (String, Vec<u8>) {
    stream.write_all(request).unwrap();
    stream.flush().unwrap();
    let mut reply = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        if let Some(head) = reply.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let text = String::from_utf8(reply[..head].to_vec()).unwrap();
            let length: usize = header(&text, "content-length").unwrap().parse().unwrap();
            if reply.len() >= head + 4 + length {
                return (text, reply[head + 4..].to_vec());
            }
        }
        let count = stream.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "the connection was closed");
        reply.extend_from_slice(&buffer[..count]);
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A call in AWS JSON 1.1, signed: <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>
fn call(client: &mut Client, authority: &str, service: &str, target: &str, body: &Value) -> Value {
    let body = body.to_string();
    let date = date(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
    let (day, region, token) = (&date[..8], var("AWS_REGION").unwrap(), var("AWS_SESSION_TOKEN").unwrap());
    let signed = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
    let headers = format!(
        "content-type:application/x-amz-json-1.1\nhost:{authority}\nx-amz-date:{date}\nx-amz-security-token:{token}\n\
         x-amz-target:{target}\n"
    );
    let canonical = format!("POST\n/\n\n{headers}\n{signed}\n{}", hash(body.as_bytes()));
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(canonical.as_bytes()));
    let secret = format!("AWS4{}", var("AWS_SECRET_ACCESS_KEY").unwrap()).into_bytes();
    let key = [day, &region, service, "aws4_request"].iter().fold(secret, |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &to_sign));
    let request = format!(
        "POST / HTTP/1.1\r\n{}Content-Length: {}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={}/{scope}, \
         SignedHeaders={signed}, Signature={signature}\r\n\r\n{body}",
        headers.replace('\n', "\r\n"),
        body.len(),
        var("AWS_ACCESS_KEY_ID").unwrap(),
    );
    let (head, reply) = client.send(authority, request.as_bytes());
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    serde_json::from_slice(&reply).unwrap()
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds since 1970 as `20260102T030405Z`, by <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn date(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", time / 3_600, time / 60 % 60, time % 60)
}

/// The authority of a service, from the variable that sets its address.
fn authority(variable: &str) -> String {
    var(variable).unwrap().strip_prefix("https://").unwrap().to_owned()
}

fn main() {
    let mut client = Client::new();
    let services = ["AWS_ENDPOINT_URL_SAGEMAKER", "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING"].map(authority);
    client.open(&services);
    let address = var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut runtime = connect(&address);
    loop {
        let next = format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {address}\r\n\r\n");
        let (head, event) = exchange(&mut runtime, next.as_bytes());
        create(&mut client, &services, &serde_json::from_slice(&event).unwrap());
        let id = header(&head, "lambda-runtime-aws-request-id").unwrap();
        let done = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: {address}\r\nContent-Length: 4\r\n\r\nnull"
        );
        exchange(&mut runtime, done.as_bytes());
    }
}

fn create(client: &mut Client, [sagemaker, scaling]: &[String; 2], event: &Value) {
    let url = event["ResponseURL"].as_str().unwrap().strip_prefix("https://").unwrap();
    let (bucket, path) = url.split_once('/').unwrap();
    client.preconnect(bucket);
    let properties = &event["ResourceProperties"];
    let endpoint = &properties["EndpointName"];
    let described =
        call(client, sagemaker, "sagemaker", "SageMaker.DescribeEndpoint", &json!({"EndpointName": endpoint}));
    assert_eq!(described["EndpointStatus"], "InService");
    let resource =
        format!("endpoint/{}/variant/{}", endpoint.as_str().unwrap(), properties["VariantName"].as_str().unwrap());
    let capacity = |name: &str| properties[name].as_str().unwrap().parse::<i64>().unwrap();
    let target = "AnyScaleFrontendService.RegisterScalableTarget";
    let registered = call(
        client,
        scaling,
        "application-autoscaling",
        target,
        &json!({
            "ServiceNamespace": "sagemaker",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "ResourceId": resource,
            "MinCapacity": capacity("MinCapacity"),
            "MaxCapacity": capacity("MaxCapacity"),
            "Tags": {"stack-id": event["StackId"]},
        }),
    );
    let body = json!({
        "Status": "SUCCESS",
        "PhysicalResourceId": resource,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"ScalableTargetARN": registered["ScalableTargetARN"]},
    })
    .to_string();
    let put = format!("PUT /{path} HTTP/1.1\r\nHost: {bucket}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (head, _) = client.send(bucket, put.as_bytes());
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}
