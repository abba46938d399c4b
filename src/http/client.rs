//! hyper's client behind the SDK's connector interface, with one TLS stack.

use std::path::Path;
use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector as TcpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::preconnect::Connections;
use crate::timing::IDLE_CONNECTION;

/// The certificate authorities that the client trusts.
#[derive(Clone, Debug)]
pub struct Roots(RootCertStore);

impl Roots {
    /// Mozilla's root certificates at the time of the build. Reading the system's would slow down each start.
    pub fn bundled() -> Self {
        Self(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// The certificates of a PEM file, and no others.
    pub fn read(file: &Path) -> Result<Self, BoxError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file)? {
            roots.add(certificate?)?;
        }
        if roots.is_empty() { Err("the file has no certificate".into()) } else { Ok(Self(roots)) }
    }
}

/// Makes the client, and the connections that it uses.
pub fn client(roots: Roots) -> (SharedHttpConnector, Connections) {
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(roots.0)
        .with_no_client_auth();
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    let connections = Connections::new(connector);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .build(connections.clone());
    (SharedHttpConnector::new(Transport { client, connections: connections.clone() }), connections)
}

#[derive(Debug)]
struct Transport {
    client: Client<Connections, SdkBody>,
    connections: Connections,
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || poisonable(&connection));
        }
        let (uri, connections) = (request.uri().clone(), self.connections.clone());
        let reply = self.client.request(request);
        HttpConnectorFuture::new(async move {
            let reply = reply.await.map_err(|error| ConnectorError::io(error.into()))?;
            connections.note_reply(&uri);
            HttpResponse::try_from(reply.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The connection as the SDK sees it. The SDK poisons it after a transient error, so that it is not used again.
fn poisonable(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let connection = connection.clone();
    let poison = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    Some(ConnectionMetadata::builder().proxied(false).poison_fn(poison).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        assert!(Roots::read(Path::new("Cargo.toml")).is_err());
        assert!(Roots::read(Path::new("no such file")).is_err());
    }
}
