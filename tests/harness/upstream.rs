//! A server outside the host: it counts who connects, keeps what it was sent, and answers what a test tells it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Threads that answer for as long as the process lives.
pub struct Upstream {
    port: u16,
    connections: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// One that answers each request with `answer`.
    pub fn saying(answer: &'static str) -> Self {
        Self::with(move |stream, _request| stream.write_all(answer.as_bytes()).is_ok())
    }

    /// One that does with each request what `answer` does, which says whether the connection goes on.
    pub fn with(answer: impl Fn(&mut TcpStream, &str) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let this = Self {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
            closed: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, closed) = (Arc::clone(&this.connections), Arc::clone(&this.closed));
        let (requests, answer) = (Arc::clone(&this.requests), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (closed, requests, answer) = (Arc::clone(&closed), Arc::clone(&requests), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    while let Some(request) = read_request(&mut stream) {
                        requests.lock().unwrap().push(request.clone());
                        if !answer(&mut stream, &request) {
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

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many of them are over.
    pub fn closed(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }

    /// Heads and bodies of all requests.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A head, with a body after it if it has one; nothing at the end of the connection.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let head = read_to(stream, b"\r\n\r\n")?;
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let mut body = String::from_utf8_lossy(&body).into_owned();
    if lower.contains("transfer-encoding: chunked") {
        body = read_to(stream, b"0\r\n\r\n")?;
    }
    Some(head + &body)
}

fn read_to(stream: &mut TcpStream, end: &[u8]) -> Option<String> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(end) {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
