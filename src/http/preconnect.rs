//! Opens connections before they are needed. A TLS handshake is most of the cost of a first call.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use aws_smithy_runtime_api::box_error::BoxError;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::Uri;
use http::uri::{Authority, Scheme};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower_service::Service;

use crate::deadline::Stopwatch;
use crate::timing::{CONNECT_TIMEOUT, IDLE_CONNECTION};

/// Connections that are opened on demand or ahead of demand.
#[derive(Clone)]
pub struct Connections {
    connector: HttpsConnector<TcpConnector>,
    hosts: Arc<Mutex<HashMap<Authority, Host>>>,
    /// The origins that almost every request calls.
    origins: Arc<[Uri]>,
}

/// A host that has a preconnected connection.
struct Host {
    opening: Option<JoinHandle<Result<Stream, BoxError>>>,
    /// Measures from the start of the connection or from the last reply.
    idle: Stopwatch,
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Connections {
    pub(super) fn new(connector: HttpsConnector<TcpConnector>) -> Self {
        Self { connector, hosts: Arc::default(), origins: Arc::default() }
    }

    /// Sets the origins to preconnect.
    pub fn with_origins(self, origins: Vec<Uri>) -> Self {
        Self { origins: origins.into(), ..self }
    }

    /// Starts a connection to each of the origins. The future waits for all of them.
    pub fn preconnect_origins(&self) -> impl Future<Output = ()> + use<> {
        join_all(self.origins.iter().map(|uri| self.preconnect(uri))).map(drop)
    }

    /// Starts a connection for the next request to this host. The future waits until it is open or has failed.
    ///
    /// A failure is silent: the request will fail, too, and report it. Nothing happens if the client has a connection
    /// that it would use, or for plain HTTP, which has no handshake to save.
    pub fn preconnect(&self, uri: &Uri) -> impl Future<Output = ()> + use<> {
        let (open, opened) = oneshot::channel::<()>();
        if let Some(host) = https_host(uri) {
            let mut hosts = self.hosts();
            if hosts.get(&host).is_none_or(|host| host.idle.elapsed() >= IDLE_CONNECTION) {
                let opening = self.connect(uri.clone());
                let opening = tokio::spawn(async move {
                    let stream = opening.await;
                    drop(open);
                    stream
                });
                hosts.insert(host, Host { opening: Some(opening), idle: Stopwatch::start() });
            }
        }
        // The receiver ends when the sender is dropped.
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
        let host = hosts.get_mut(&https_host(uri)?)?;
        host.opening.take().filter(|_| host.idle.elapsed() < IDLE_CONNECTION)
    }

    pub(super) fn note_reply(&self, uri: &Uri) {
        if let Some(authority) = https_host(uri)
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
            timeout(CONNECT_TIMEOUT, connecting)
                .await
                .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "connecting took too long").into()))
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

/// The interface through which hyper's client asks for a connection.
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

/// Whether the server has kept the connection open. Nothing was sent over it yet, so there is nothing to read.
fn is_open(stream: &mut Stream) -> bool {
    let mut byte = [0];
    let mut byte = ReadBuf::new(&mut byte);
    let read = poll_fn(|context| Pin::new(&mut TokioIo::new(&mut *stream)).poll_read(context, &mut byte));
    read.now_or_never().is_none()
}

fn https_host(uri: &Uri) -> Option<Authority> {
    uri.authority().filter(|_| uri.scheme() == Some(&Scheme::HTTPS)).cloned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;
    use crate::http::{Roots, client};

    async fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[tokio::test]
    async fn a_host_is_preconnected_once_and_a_failure_is_silent() {
        let (listener, port) = listener().await;
        let (_, connections) = client(Roots::bundled());
        let uri: Uri = format!("https://127.0.0.1:{port}/").parse().unwrap();
        let opening = connections.preconnect(&uri);
        connections.preconnect(&uri).await;
        let (stream, _) = listener.accept().await.unwrap();
        drop(stream);
        opening.await;
        assert!(timeout(Duration::from_millis(50), listener.accept()).await.is_err(), "one connection");
        drop(listener);
        assert!(connections.take_or_connect(uri).await.is_err(), "the listener speaks no TLS");
    }

    #[tokio::test]
    async fn an_idle_host_is_preconnected_again() {
        let (listener, port) = listener().await;
        let (_, connections) = client(Roots::bundled());
        let connections = connections.with_origins(vec![format!("https://127.0.0.1:{port}/").parse().unwrap()]);
        for _ in 0..2 {
            drop(connections.preconnect_origins());
            drop(connections.preconnect_origins());
            timeout(Duration::from_secs(5), listener.accept()).await.expect("a connection").unwrap();
            assert!(timeout(Duration::from_millis(50), listener.accept()).await.is_err(), "one connection");
            tokio::time::pause();
            tokio::time::advance(IDLE_CONNECTION).await;
            tokio::time::resume();
        }
    }

    #[tokio::test]
    async fn plain_http_is_not_preconnected() {
        let (listener, port) = listener().await;
        let (_, connections) = client(Roots::bundled());
        connections.preconnect(&format!("http://127.0.0.1:{port}/").parse().unwrap()).await;
        assert!(timeout(Duration::from_millis(50), listener.accept()).await.is_err());
    }
}
