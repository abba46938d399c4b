//! An HTTP server on loopback that does as it is told, connection by connection, and keeps what it received.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What the server does with one connection.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Accepts, and says nothing.
    Hang,
    /// Replies with a status, headers and a body.
    Reply(u16, &'static str, String),
    /// Resets the connection when it has the request.
    Reset,
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
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let task = tokio::spawn(async move {
            for turn in 0.. {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let request = read(&mut stream).await;
                kept.lock().expect("not poisoned").push(request);
                let last = acts.len() - 1;
                play(stream, acts[last.min(turn)].clone()).await;
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

async fn read(stream: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let request = Received { head: head.to_owned(), body: body.to_owned() };
            let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return request;
            }
        }
        if stream.read_buf(&mut bytes).await.expect("readable") == 0 {
            return Received::default();
        }
    }
}

async fn play(mut stream: TcpStream, act: Act) {
    match act {
        Act::Hang => {
            tokio::spawn(async move {
                sleep(Duration::from_secs(600)).await;
                drop(stream);
            });
        }
        Act::Reply(status, headers, body) => {
            let reply = format!(
                "HTTP/1.1 {status} Status\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(reply.as_bytes()).await.expect("writable");
            stream.shutdown().await.expect("open");
        }
        Act::Reset => stream.set_zero_linger().expect("a TCP socket"),
    }
}
