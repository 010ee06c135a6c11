//! A server outside: it counts who connects, keeps what it was sent, and answers what a test tells it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub(super) struct Upstream {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

/// What becomes of a connection after a request.
pub(super) enum Then {
    /// The next request.
    Next,
    /// It ends.
    Close,
}

impl Upstream {
    /// Answers every request with `answer`, as often as a client asks on one connection.
    pub(super) fn saying(answer: &'static str) -> Self {
        Self::with(move |stream, _head| stream.write_all(answer.as_bytes()).map(|()| Then::Next).unwrap_or(Then::Close))
    }

    /// Answers as `answer` does, which gets each head that arrives.
    #[expect(clippy::disallowed_methods, reason = "the server of a test has threads of its own")]
    pub(super) fn with(answer: impl Fn(&mut TcpStream, &str) -> Then + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let this = Self { port, connections: Arc::default(), closed: Arc::default(), heads: Arc::default() };
        let (connections, closed) = (Arc::clone(&this.connections), Arc::clone(&this.closed));
        let (heads, answer) = (Arc::clone(&this.heads), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (closed, heads, answer) = (Arc::clone(&closed), Arc::clone(&heads), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    while let Some(head) = read_head(&mut stream) {
                        heads.lock().unwrap().push(head.clone());
                        if let Then::Close = answer(&mut stream, &head) {
                            let _ = stream.shutdown(Shutdown::Both);
                            break;
                        }
                    }
                    closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        this
    }

    /// How many connections were made so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many of them are over.
    pub(super) fn closed(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }

    /// The heads of all requests.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// An address of it, by a name.
    pub(super) fn uri(&self, name: &str) -> String {
        format!("http://{name}:{}/", self.port)
    }
}

/// Up to and with the empty line; nothing at the end of the connection. A body of
/// known length is read as well and follows the head.
fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    while lower.contains("transfer-encoding: chunked") && !body.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        body.push(byte[0]);
    }
    Some(head + &String::from_utf8_lossy(&body))
}
