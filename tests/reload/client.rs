//! One client that asks and waits, for what needs no load.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::load::answer::{Parsed, parse};
use super::revision;

/// Longer than the deadline of any request.
const PATIENCE: Duration = Duration::from_secs(45);

/// A kept connection.
pub struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub revision: Option<u32>,
    pub body: Vec<u8>,
}

impl Client {
    /// For the listener at `address`.
    pub fn of(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// The answer to `GET` of `path`; an error ends the connection, and the next request opens another.
    pub fn get(&mut self, path: &str) -> io::Result<Got> {
        let got = self.exchange(path);
        if got.is_err() {
            self.stream = None;
        }
        got
    }

    fn exchange(&mut self, path: &str) -> io::Result<Got> {
        if self.stream.is_none() {
            let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().expect("there must be a connection by now");
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address).as_bytes())?;
        let mut received = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = stream.read(&mut buffer)?;
            received.extend_from_slice(&buffer[..count]);
            match parse(&received) {
                Parsed::Whole(answer) => {
                    let (status, revision, closes) = (answer.status, answer.revision, answer.closes);
                    let body = answer.body.into_owned();
                    if closes {
                        self.stream = None;
                    }
                    return Ok(Got { status, revision, body });
                }
                Parsed::Strange(what) => return Err(io::Error::other(what)),
                Parsed::Part if count == 0 => return Err(ErrorKind::UnexpectedEof.into()),
                Parsed::Part => {}
            }
        }
    }

    /// The revision that answers at `path`, if its answer is whole and its own.
    pub fn revision(&mut self, path: &str) -> Result<u32, String> {
        let got = self.get(path).map_err(|error| error.to_string())?;
        let right = |number: &u32| got.status == 200 && got.body == revision::body(*number, false);
        got.revision.filter(right).ok_or_else(|| {
            let start = String::from_utf8_lossy(&got.body[..got.body.len().min(200)]).into_owned();
            format!("status {}, x-revision {:?}: {start}", got.status, got.revision)
        })
    }
}
