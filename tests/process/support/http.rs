//! A minimal HTTP server: one exchange per connection, which it then closes.

use test_support::http::Received;

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

/// Reads a request whole.
pub(crate) fn read(mut stream: &TcpStream) -> io::Result<Received> {
    let (mut bytes, mut more) = (Vec::new(), [0; 16_384]);
    loop {
        if let Some(request) = Received::read(&bytes) {
            return Ok(request);
        }
        match stream.read(&mut more)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => bytes.extend_from_slice(&more[..length]),
        }
    }
}

/// A reply.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: String::new(), body: body.into() }
    }

    /// The same, with another header.
    pub(crate) fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    /// Writes it. The client may have died meanwhile.
    pub(crate) fn write(&self, mut stream: &TcpStream) {
        let Self { status, headers, body } = self;
        let head =
            format!("HTTP/1.1 {status} Status\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        let _ = stream.write_all(&[head.as_bytes(), body].concat());
    }
}

/// Waits until the client closes the connection or dies.
pub(crate) fn wait_for_close(mut stream: &TcpStream) {
    while matches!(stream.read(&mut [0; 64]), Ok(1..)) {}
}
