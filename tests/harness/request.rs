//! A request as a test tells it, and the bytes it becomes.

use std::net::SocketAddr;

use super::client::{Answer, Connection};

/// A request in the making.
pub struct Request {
    address: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Body,
}

enum Body {
    None,
    Length(Vec<u8>),
    Chunks(Vec<Vec<u8>>),
}

impl Request {
    /// A request without a body to the host at `address`.
    pub fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        Self { address, method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Body::None }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body of a known length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Length(body.into());
        self
    }

    /// With a body in these chunks.
    #[must_use]
    pub fn chunks<B: AsRef<[u8]>>(mut self, chunks: impl IntoIterator<Item = B>) -> Self {
        self.body = Body::Chunks(chunks.into_iter().map(|chunk| chunk.as_ref().to_vec()).collect());
        self
    }

    /// The bytes to be sent.
    pub fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str("Host: localhost\r\n");
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match &self.body {
            Body::None => {}
            Body::Length(body) => head.push_str(&format!("Content-Length: {}\r\n", body.len())),
            Body::Chunks(_) => head.push_str("Transfer-Encoding: chunked\r\n"),
        }
        let mut bytes = format!("{head}\r\n").into_bytes();
        match &self.body {
            Body::None => {}
            Body::Length(body) => bytes.extend(body),
            Body::Chunks(chunks) => {
                for chunk in chunks {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
            }
        }
        bytes
    }

    /// Sends it on a connection of its own and reads the answer.
    #[track_caller]
    pub fn send(&self) -> Answer {
        self.send_on(&mut Connection::to(self.address))
    }

    /// Sends it on `connection` and reads the answer.
    #[track_caller]
    pub fn send_on(&self, connection: &mut Connection) -> Answer {
        // A host may answer and close before it has read everything.
        let _ = connection.try_send(self.bytes());
        connection.read_answer(&self.method)
    }

    /// Sends it on a connection of its own, where the answer waits to be read.
    pub fn begin(&self) -> Connection {
        let mut connection = Connection::to(self.address);
        connection.send(self.bytes());
        connection
    }
}
