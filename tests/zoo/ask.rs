//! One request to a guest, and what a client sees of its answer.

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::client::{Answer, Connection};
use super::http2;
use super::revision;
use super::row::Expect;

/// Sent at once of a body that is made on the way.
const PIECE: usize = 64 * 1024;

/// A request, and what may come of it.
#[derive(Clone)]
pub struct Ask {
    pub method: &'static str,
    /// The whole target.
    pub path: String,
    pub body: Body,
    pub how: How,
    /// Whether the connection may end with it.
    pub last: bool,
    /// Any of these.
    pub expect: Vec<Expect>,
}

/// What is sent with it.
#[derive(Clone)]
pub enum Body {
    None,
    Bytes(Vec<u8>),
    /// So many bytes in chunks, while the answer is read.
    Streamed(u64),
}

/// How the answer is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// All of it, over HTTP/1.1.
    Whole,
    /// So many bytes of it; then the client leaves.
    Leaves(u64),
    /// All of it, over HTTP/2.
    Http2,
}

/// What a client saw.
#[derive(Clone, Debug)]
pub struct Reply {
    pub answer: Answer,
    /// Why there is none, or what is wrong with it.
    pub error: Option<String>,
    pub took: Duration,
    /// What is wrong with the next answer on the same connection, of another service.
    pub next: Option<String>,
}

impl Ask {
    /// `GET` of `/service?query`, of which this may come.
    pub fn get(service: &str, query: &str, expect: Expect) -> Self {
        let path = if query.is_empty() { format!("/{service}") } else { format!("/{service}?{query}") };
        let expect = vec![expect];
        Self { method: "GET", path, body: Body::None, how: How::Whole, last: false, expect }
    }

    /// With another method.
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// With a body.
    pub fn body(mut self, body: Body) -> Self {
        (self.method, self.body) = ("POST", body);
        self
    }

    /// With which the connection may end.
    pub fn last(mut self) -> Self {
        self.last = true;
        self
    }

    /// Taken in another way.
    pub fn how(mut self, how: How) -> Self {
        self.how = how;
        self
    }

    /// This may come of it as well.
    pub fn or(mut self, expect: Expect) -> Self {
        self.expect.push(expect);
        self
    }

    /// The service it is for.
    pub fn service(&self) -> &str {
        self.path.trim_start_matches('/').split(['?', '/']).next().unwrap_or_default()
    }

    /// Asks; with `next`, a canary is asked on the same connection afterwards.
    pub fn send(&self, address: SocketAddr, next: bool, patience: Option<Duration>) -> Reply {
        let began = Instant::now();
        let mut reply = match self.how {
            How::Http2 => self.send_http2(address),
            How::Whole | How::Leaves(_) => self.send_http1(address, next, patience),
        };
        if reply.took == Duration::ZERO {
            reply.took = began.elapsed();
        }
        reply
    }

    fn send_http1(&self, address: SocketAddr, next: bool, patience: Option<Duration>) -> Reply {
        let began = Instant::now();
        let mut reply = Reply { answer: Answer::default(), error: None, took: Duration::ZERO, next: None };
        let mut connection = match Connection::to(address, patience) {
            Ok(connection) => connection,
            Err(error) => return Reply { error: Some(format!("not connected: {error}")), ..reply },
        };
        // A host may answer and close before it has read everything.
        let _ = connection.send(&self.head(address));
        let most = if let How::Leaves(bytes) = self.how { bytes } else { u64::MAX };
        let answer = std::thread::scope(|scope| {
            if let (Body::Streamed(bytes), Ok(socket)) = (&self.body, connection.socket()) {
                scope.spawn(move || stream(socket, *bytes));
            }
            let answer = connection.answer(self.method, most);
            if let (Body::Streamed(_), Ok(socket)) = (&self.body, connection.socket()) {
                // Whoever has its answer does not go on sending.
                let _ = socket.shutdown(std::net::Shutdown::Write);
            }
            answer
        });
        reply.took = began.elapsed();
        match answer {
            Ok(answer) => reply.answer = answer,
            Err(error) => reply.error = Some(error.to_string()),
        }
        let open = reply.answer.complete && reply.answer.header("connection") != Some("close");
        if next && open && self.how == How::Whole && !self.last {
            reply.next = canary_on(&mut connection, address).err();
        }
        reply
    }

    fn head(&self, address: SocketAddr) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {address}\r\n", self.method, self.path);
        match &self.body {
            Body::None => head.push_str("\r\n"),
            Body::Bytes(bytes) => head.push_str(&format!("content-length: {}\r\n\r\n", bytes.len())),
            Body::Streamed(_) => head.push_str("transfer-encoding: chunked\r\n\r\n"),
        }
        let mut head = head.into_bytes();
        if let Body::Bytes(bytes) = &self.body {
            head.extend_from_slice(bytes);
        }
        head
    }

    /// The status is all that is read of the head, whose fields are compressed.
    fn send_http2(&self, address: SocketAddr) -> Reply {
        let (answer, error) = match http2::ask(address, self.method, &self.path) {
            Ok(answer) => (answer, None),
            Err(error) => (Answer::default(), Some(error.to_string())),
        };
        Reply { answer, error, took: Duration::ZERO, next: None }
    }
}

fn stream(mut socket: std::net::TcpStream, bytes: u64) {
    let mut piece = format!("{PIECE:x}\r\n").into_bytes();
    piece.extend(std::iter::repeat_n(b'x', PIECE));
    piece.extend(b"\r\n");
    for _ in 0..bytes / PIECE as u64 {
        // The host may have had enough.
        if socket.write_all(&piece).is_err() {
            return;
        }
    }
    let _ = socket.write_all(b"0\r\n\r\n");
}

/// The path of a canary.
pub fn canary_path(canary: usize) -> String {
    format!("/canary-{canary}")
}

/// Asks the first canary on a connection that was used.
fn canary_on(connection: &mut Connection, address: SocketAddr) -> Result<(), String> {
    let request = format!("GET {} HTTP/1.1\r\nhost: {address}\r\n\r\n", canary_path(0));
    connection.send(request.as_bytes()).map_err(|error| format!("the next request: {error}"))?;
    let answer = connection.answer("GET", u64::MAX).map_err(|error| format!("the next answer: {error}"))?;
    if answer.complete && answer.status == 200 && answer.body == revision::body(1, false) {
        return Ok(());
    }
    Err(format!("the next answer on the connection is another's: {} {:?}", answer.status, answer.head))
}

impl Reply {
    /// The id the host gave it.
    pub fn id(&self) -> Option<&str> {
        self.answer.header("x-request-id")
    }

    /// The kept part of the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer.body).into_owned()
    }

    /// The slug of the host's problem.
    pub fn problem(&self) -> Option<String> {
        if self.answer.header("content-type") != Some("application/problem+json") {
            return None;
        }
        let problem: serde_json::Value = serde_json::from_slice(&self.answer.body).ok()?;
        problem["type"].as_str()?.strip_prefix("urn:hostel:problem:").map(str::to_owned)
    }
}
