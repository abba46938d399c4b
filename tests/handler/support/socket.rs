//! An HTTP server on loopback that does as it is told, connection by connection, and keeps what it received.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What the server does with one connection.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Accepts, and says nothing.
    Hang,
    /// Replies with a status, headers and a body.
    Reply(u16, &'static str, String),
    /// Resets the connection when it has the request.
    Reset,
    /// Replies with a status and a body, and resets the connection at the next request on it.
    Stale(u16, String),
    /// Replies with less than it announces.
    Truncated(u16, String),
}

/// A request as it came over the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Received {
    /// The request line.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server that plays the acts in order, and the last one for ever.
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        let mut turn = 0;
        Self::start_with(move |_| {
            turn += 1;
            acts[(turn - 1).min(acts.len() - 1)].clone()
        })
        .await
    }

    /// Starts a server that decides at each request.
    pub(crate) async fn start_with(decide: impl FnMut(&Received) -> Act + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let decide = Arc::new(Mutex::new(decide));
        let task = tokio::spawn(async move {
            // They end with the server.
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let (kept, decide) = (Arc::clone(&kept), Arc::clone(&decide));
                connections.spawn(async move {
                    // A client that breaks off is its own affair.
                    let Ok(request) = read(&mut stream).await else { return };
                    let act = (decide.lock().expect("not poisoned"))(&request);
                    kept.lock().expect("not poisoned").push(request);
                    let _ = play(stream, act).await;
                });
            }
        });
        Self { port, received, task }
    }

    /// What came so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("not poisoned").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Received> {
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut request = Received { head, body: String::new() };
            let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                request.body = String::from_utf8(bytes.split_off(end + 4)).expect("UTF-8");
                return Ok(request);
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn play(mut stream: TcpStream, act: Act) -> io::Result<()> {
    let reply = |status: u16, headers: &str, length: usize, body: &str| {
        format!("HTTP/1.1 {status} Status\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
    };
    match act {
        Act::Hang => std::future::pending().await,
        Act::Reply(status, headers, body) => {
            let headers = format!("{headers}Connection: close\r\n");
            stream.write_all(&reply(status, &headers, body.len(), &body)).await?;
            stream.shutdown().await
        }
        Act::Reset => stream.set_zero_linger(),
        Act::Stale(status, body) => {
            stream.write_all(&reply(status, "", body.len(), &body)).await?;
            read(&mut stream).await?;
            stream.set_zero_linger()
        }
        Act::Truncated(status, body) => {
            stream.write_all(&reply(status, "", body.len() + 1, &body)).await?;
            stream.shutdown().await
        }
    }
}
