//! An HTTP server for the model, in the services' protocol AWS JSON 1.1:
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>
//!
//! All services have one address; the header `X-Amz-Target` names service and operation. CloudFormation's operations are
//! in [`query`]. Signatures are not checked.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Fault, LocalAws, query};

/// Serves calls on `listener` until it fails or the future is dropped.
///
/// Each connection is a task of its own, which ends with the runtime.
pub async fn serve(listener: TcpListener, aws: Arc<Mutex<LocalAws>>) -> io::Result<Infallible> {
    let requests = Arc::new(AtomicU64::new(0));
    loop {
        let (stream, _) = listener.accept().await?;
        let (aws, requests) = (Arc::clone(&aws), Arc::clone(&requests));
        let service = service_fn(move |request| {
            let (aws, number) = (Arc::clone(&aws), requests.fetch_add(1, Ordering::Relaxed));
            async move { response(number, handle(request, &aws).await) }
        });
        // A client that disconnects early is not an error of the server.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// A reply, in the protocol of its request.
enum Reply {
    Json(Value),
    Query { action: String, answer: Result<Value, Fault> },
}

async fn handle(request: Request<Incoming>, aws: &Mutex<LocalAws>) -> Result<Reply, Fault> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/") => {}
        (&Method::GET, "/health") => return Ok(Reply::Json(json!({}))),
        (_, path) => {
            let status = if matches!(path, "/" | "/health") { 405 } else { 404 };
            return Err(Fault { status, ..Fault::new("UnknownOperationException", "calls are POST /") });
        }
    }
    let target = request.headers().get("X-Amz-Target").and_then(|target| target.to_str().ok());
    let target = target.unwrap_or_default().to_owned();
    let malformed = |error: &dyn Error| Fault::new("SerializationException", error.to_string());
    let body = request.into_body().collect().await.map_err(|error| malformed(&error))?.to_bytes();
    // A panic while the lock is held is a bug of the model and fails that call; later calls continue.
    let call = |target: &str, input| aws.lock().unwrap_or_else(PoisonError::into_inner).call(target, &input, now());
    if let Some((action, input)) = std::str::from_utf8(&body).ok().and_then(query::read_form) {
        let answer = call(&format!("CloudFormation.{action}"), input);
        return Ok(Reply::Query { action, answer });
    }
    let body = if body.is_empty() { b"{}" } else { &body[..] };
    let input = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    call(&target, input).map(Reply::Json)
}

fn response(number: u64, reply: Result<Reply, Fault>) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    let response = Response::builder().header("x-amzn-RequestId", format!("00000000-0000-4000-8000-{number:012x}"));
    let json = "application/x-amz-json-1.1";
    match reply {
        Ok(Reply::Json(answer)) => response.header("Content-Type", json).body(answer.to_string().into()),
        Ok(Reply::Query { action, answer }) => response
            .header("Content-Type", "text/xml")
            .status(answer.as_ref().map_or_else(|fault| fault.status, |_| 200))
            .body(query::reply(&action, &answer).into()),
        Err(fault) => response
            .header("Content-Type", json)
            .status(fault.status)
            .header("x-amzn-ErrorType", fault.code.as_ref())
            .body(fault.body().to_string().into()),
    }
}

#[expect(clippy::disallowed_methods, reason = "the server passes the time to the model")]
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| (elapsed.as_secs_f64() * 1e3).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};

    use super::*;

    fn exchange(address: SocketAddr, request: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(request.as_bytes())?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    }

    fn call(address: SocketAddr, target: &str, body: &str) -> io::Result<String> {
        exchange(
            address,
            &format!(
                "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Amz-Target: {target}\r\n\
                 Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        )
    }

    #[tokio::test]
    async fn the_server_answers_calls_faults_and_bad_requests() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = tokio::spawn(serve(listener, Arc::default()));
        let exchanges = tokio::task::spawn_blocking(move || {
            let input = r#"{"ServiceNamespace":"sagemaker"}"#;
            let found = call(address, "AnyScaleFrontendService.DescribeScalableTargets", input)?;
            assert!(found.starts_with("HTTP/1.1 200 OK\r\n"), "{found}");
            assert!(found.contains("content-type: application/x-amz-json-1.1\r\n"), "{found}");
            assert!(found.contains("x-amzn-requestid: 00000000-0000-4000-8000-000000000000\r\n"), "{found}");
            assert!(found.ends_with("\r\n\r\n{\"ScalableTargets\":[]}"), "{found}");

            let refused = call(address, "SageMaker.DescribeEndpoint", r#"{"EndpointName":"e"}"#)?;
            assert!(refused.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{refused}");
            assert!(refused.contains("x-amzn-errortype: ValidationException\r\n"), "{refused}");
            assert!(refused.contains(r#""__type":"ValidationException""#), "{refused}");
            assert!(refused.contains(r#""message":"Could not find endpoint "#), "{refused}");

            assert!(call(address, "SageMaker.DescribeEndpoint", "{")?.contains("SerializationException"));
            let unknown = call(address, "", "Action=DescribeStacks&Version=2010-05-15&StackName=demo")?;
            assert!(unknown.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{unknown}");
            assert!(unknown.contains("content-type: text/xml\r\n"), "{unknown}");
            assert!(unknown.contains("<Code>ValidationError</Code>"), "{unknown}");
            assert!(call(address, "LocalAws.Calls", "")?.contains("SageMaker.DescribeEndpoint"));
            let get = |path| exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
            assert!(get("/health")?.starts_with("HTTP/1.1 200 OK\r\n"));
            assert!(get("/elsewhere")?.starts_with("HTTP/1.1 404 Not Found\r\n"));
            assert!(get("/")?.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
            io::Result::Ok(())
        });
        exchanges.await.expect("the responses are as expected").expect("the server answers");
        server.abort();
    }
}
