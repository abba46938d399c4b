//! The one way out: an HTTP client for AWS and for the answer, with one TLS stack, on ring.
//!
//! It is hyper's client, which can be given connections that are open already: a TLS handshake is most of what a first
//! call costs, and most of what can be done before an event comes. It speaks HTTP/1.1, follows no redirects, and leaves
//! path and query as they are.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::Uri;
use http::uri::{Authority, Scheme};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector as TcpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower_service::Service;

use crate::deadline::Stopwatch;

/// Whom the client trusts.
#[derive(Clone, Debug)]
pub struct Roots(RootCertStore);

impl Roots {
    /// Mozilla's, as they were when this function was built: reading the system's would cost each start some time.
    pub fn bundled() -> Self {
        Self(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// Those of a PEM file and no others.
    pub fn read(file: &Path) -> Result<Self, BoxError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file)? {
            roots.add(certificate?)?;
        }
        if roots.is_empty() { Err("no certificate in it".into()) } else { Ok(Self(roots)) }
    }
}

/// Makes the client, and what it takes its connections from.
pub fn client(roots: Roots) -> (SharedHttpConnector, Connections) {
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 take")
        .with_root_certificates(roots.0)
        .with_no_client_auth();
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    let connections = Connections { connector, hosts: Arc::default(), often: Arc::default() };
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(STAYS_OPEN)
        .build(connections.clone());
    (SharedHttpConnector::new(Transport { client, connections: connections.clone() }), connections)
}

/// Where connections come from: opened on demand, or ahead of it.
#[derive(Clone)]
pub struct Connections {
    connector: HttpsConnector<TcpConnector>,
    hosts: Arc<Mutex<HashMap<Authority, Host>>>,
    /// Where almost every request goes.
    often: Arc<[Uri]>,
}

/// A host that a connection was opened to ahead of a request.
struct Host {
    opening: Option<JoinHandle<Result<Stream, BoxError>>>,
    /// Since the connection was asked for, or a reply came.
    idle: Stopwatch,
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Connections {
    /// Takes these for where almost every request goes.
    pub fn often_to(self, often: Vec<Uri>) -> Self {
        Self { often: often.into(), ..self }
    }

    /// Begins to open connections to where almost every request goes, and returns what waits for them.
    pub fn open_often(&self) -> impl Future<Output = ()> + use<> {
        join_all(self.often.iter().map(|uri| self.open_ahead(uri))).map(drop)
    }

    /// Begins to open a connection for the next request to this host, and returns what waits until it is open or failed.
    /// A failure is silent: the request will tell.
    ///
    /// Does so where the client has no connection that it would use, as far as is known; and not for plain HTTP, which
    /// has no handshake that would be worth it.
    pub fn open_ahead(&self, uri: &Uri) -> impl Future<Output = ()> + use<> {
        let (open, opened) = oneshot::channel::<()>();
        if let Some(host) = host_over_tls(uri) {
            let mut hosts = self.hosts();
            if hosts.get(&host).is_none_or(|host| host.idle.elapsed() >= STAYS_OPEN) {
                let opening = self.connect(uri.clone());
                let opening = tokio::spawn(async move {
                    let stream = opening.await;
                    drop(open);
                    stream
                });
                hosts.insert(host, Host { opening: Some(opening), idle: Stopwatch::start() });
            }
        }
        // It ends when the other side is dropped.
        async move { drop(opened.await) }
    }

    async fn take_or_connect(self, uri: Uri) -> Result<Stream, BoxError> {
        if let Some(opening) = self.take(&uri)
            && let Ok(Ok(mut stream)) = opening.await
            && is_open(&mut stream)
        {
            return Ok(stream);
        }
        self.connect(uri).await
    }

    fn take(&self, uri: &Uri) -> Option<JoinHandle<Result<Stream, BoxError>>> {
        let mut hosts = self.hosts();
        let host = hosts.get_mut(&host_over_tls(uri)?)?;
        host.opening.take().filter(|_| host.idle.elapsed() < STAYS_OPEN)
    }

    fn answered(&self, uri: &Uri) {
        if let Some(authority) = host_over_tls(uri)
            && let Some(host) = self.hosts().get_mut(&authority)
        {
            host.idle = Stopwatch::start();
        }
    }

    fn connect(&self, uri: Uri) -> impl Future<Output = Result<Stream, BoxError>> + use<> {
        let mut connector = self.connector.clone();
        async move {
            let connecting = async {
                poll_fn(|context| connector.poll_ready(context)).await?;
                connector.call(uri).await
            };
            timeout(CONNECT_WITHIN, connecting)
                .await
                .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in time").into()))
        }
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<Authority, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}

/// As hyper's client asks for them.
impl Service<Uri> for Connections {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().take_or_connect(uri))
    }
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
            connections.answered(&uri);
            HttpResponse::try_from(reply.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What the SDK calls a connection: after a reply that speaks of trouble, it wants to use another one.
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

/// Whether the server has neither closed it nor said anything, as far as is known here: nobody has asked it anything.
fn is_open(stream: &mut Stream) -> bool {
    let mut byte = [0];
    let mut byte = ReadBuf::new(&mut byte);
    let read = poll_fn(|context| Pin::new(&mut TokioIo::new(&mut *stream)).poll_read(context, &mut byte));
    read.now_or_never().is_none()
}

fn host_over_tls(uri: &Uri) -> Option<Authority> {
    uri.authority().filter(|_| uri.scheme() == Some(&Scheme::HTTPS)).cloned()
}

const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// How long a server is relied on to wait for the next request of a connection. AWS does not say how long its own do.
const STAYS_OPEN: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[tokio::test]
    async fn a_connection_is_opened_ahead_once_a_host_and_its_failure_is_silent() {
        let (listener, port) = listener().await;
        let (_, connections) = client(Roots::bundled());
        let uri: Uri = format!("https://127.0.0.1:{port}/").parse().unwrap();
        let opening = connections.open_ahead(&uri);
        connections.open_ahead(&uri).await;
        let (stream, _) = listener.accept().await.unwrap();
        drop(stream);
        opening.await;
        assert!(timeout(Duration::from_millis(50), listener.accept()).await.is_err(), "one connection");
        drop(listener);
        assert!(connections.take_or_connect(uri).await.is_err(), "nobody speaks TLS there");
    }

    #[tokio::test]
    async fn a_host_that_was_asked_nothing_for_long_is_connected_to_again() {
        let (listener, port) = listener().await;
        let (_, connections) = client(Roots::bundled());
        let connections = connections.often_to(vec![format!("https://127.0.0.1:{port}/").parse().unwrap()]);
        for _ in 0..2 {
            drop(connections.open_often());
            drop(connections.open_often());
            timeout(Duration::from_secs(5), listener.accept()).await.expect("a connection").unwrap();
            assert!(timeout(Duration::from_millis(50), listener.accept()).await.is_err(), "one connection");
            tokio::time::pause();
            tokio::time::advance(STAYS_OPEN).await;
            tokio::time::resume();
        }
    }

    #[tokio::test]
    async fn plain_http_is_not_opened_ahead() {
        let (listener, port) = listener().await;
        let (_, connections) = client(Roots::bundled());
        connections.open_ahead(&format!("http://127.0.0.1:{port}/").parse().unwrap()).await;
        assert!(timeout(Duration::from_millis(50), listener.accept()).await.is_err());
    }

    #[test]
    fn a_file_without_a_certificate_is_nobody_to_trust() {
        assert!(Roots::read(Path::new("Cargo.toml")).is_err());
        assert!(Roots::read(Path::new("no such file")).is_err());
    }
}
