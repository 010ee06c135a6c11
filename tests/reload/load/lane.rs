//! One kept connection, with at most one request on its way.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::board::Since;

/// A listener that takes nobody for so long is one that is not there.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection, or the place for one.
pub struct Lane {
    address: SocketAddr,
    stream: Option<TcpStream>,
    /// What came of the answer so far.
    pub received: Vec<u8>,
    /// The request that waits for its answer.
    pub pending: Option<Pending>,
}

/// A request without an answer yet.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// Which service was asked.
    pub service: usize,
    /// When it should have been sent.
    pub due: Instant,
    /// When it was, for the first time.
    pub sent: Instant,
    /// What was known when it was sent.
    pub since: Since,
    /// Whether it was sent before, on a connection that was closed.
    pub again: bool,
}

/// What there is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// More bytes than before.
    More,
    /// Nothing new.
    Nothing,
    /// The connection has ended.
    Ended,
}

impl Lane {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, received: Vec::with_capacity(16 * 1024), pending: None }
    }

    /// The connection, if it is open.
    pub fn stream(&self) -> Option<&TcpStream> {
        self.stream.as_ref()
    }

    /// Sends `request`, on a fresh connection if there is none.
    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        if self.stream.is_none() {
            let stream = TcpStream::connect_timeout(&self.address, CONNECT)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            self.stream = Some(stream);
        }
        self.received.clear();
        let stream = self.stream.as_mut().expect("there must be a connection by now");
        // A request is far smaller than the socket's buffer, which is empty: it is taken whole or not at all.
        match stream.write(request)? {
            written if written == request.len() => Ok(()),
            _ => Err(ErrorKind::WriteZero.into()),
        }
    }

    /// Takes what has arrived.
    pub fn read(&mut self, buffer: &mut [u8]) -> Arrival {
        let Some(stream) = &mut self.stream else {
            return Arrival::Nothing;
        };
        let mut found = Arrival::Nothing;
        loop {
            match stream.read(buffer) {
                Ok(0) => return Arrival::Ended,
                Ok(count) => {
                    self.received.extend_from_slice(&buffer[..count]);
                    found = Arrival::More;
                    if count < buffer.len() {
                        return found;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return found,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Arrival::Ended,
            }
        }
    }

    /// Ends the connection; the next request opens another.
    pub fn close(&mut self) {
        self.stream = None;
        self.received.clear();
    }
}
