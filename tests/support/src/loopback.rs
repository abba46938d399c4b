//! An HTTP server on loopback that misbehaves on request, connection by connection, and keeps what it received.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::http::Received;

/// What the server does with one connection.
#[derive(Clone, Debug)]
pub enum Act {
    /// Accepts, and never replies.
    Hang,
    /// Replies with a status, headers and a body.
    Reply(u16, &'static str, String),
    /// Resets the connection after it has read the request.
    Reset,
    /// Replies with a status and a body, and resets the connection at the next request on it.
    Stale(u16, String),
    /// Replies with a body that is shorter than its `Content-Length`.
    Truncated(u16, String),
}

impl Act {
    /// Replies with a status only.
    pub fn status(status: u16) -> Self {
        Self::Reply(status, "", String::new())
    }

    /// Replies as the JSON services of AWS do.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::Reply(status, "Content-Type: application/x-amz-json-1.1\r\n", body.into())
    }
}

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server that performs the acts in order, and then repeats the last one.
    pub async fn start(acts: Vec<Act>) -> Self {
        let mut turn = 0;
        Self::start_with(move |_| {
            turn += 1;
            acts[(turn - 1).min(acts.len() - 1)].clone()
        })
        .await
    }

    /// Starts a server that decides at each request.
    pub async fn start_with(decide: impl FnMut(&Received) -> Act + Send + 'static) -> Self {
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
                    // A client may break off.
                    let Ok(request) = read(&mut stream).await else { return };
                    let act = (decide.lock().expect("not poisoned"))(&request);
                    kept.lock().expect("not poisoned").push(request);
                    let _ = perform(stream, act).await;
                });
            }
        });
        Self { port, received, task }
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("not poisoned").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A port of this machine that refuses connections. It is bound until the drop, so that no other test listens on it.
pub struct ClosedPort(TcpSocket);

impl ClosedPort {
    /// Binds a free port.
    pub fn bind() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        Self(socket)
    }

    /// The number of the port.
    pub fn number(&self) -> u16 {
        self.0.local_addr().expect("bound").port()
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Received> {
    let mut bytes = Vec::new();
    loop {
        if let Some(request) = Received::read(&bytes) {
            return Ok(request);
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn perform(mut stream: TcpStream, act: Act) -> io::Result<()> {
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
