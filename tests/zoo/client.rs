//! A client of HTTP/1.1 that tells an answer that broke off from a whole one, and keeps only the beginning of a long one.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A host that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of a body this much is kept; the rest is counted.
const KEPT: usize = 256 * 1024;
/// More than any head.
const HEAD_MAX: usize = 1024 * 1024;

/// A connection on which answers are read.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The head as it was on the wire.
    pub head: String,
    /// The beginning of the body.
    pub body: Vec<u8>,
    /// Bytes of all of the body.
    pub length: u64,
    /// Whether it came to its end.
    pub complete: bool,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn take(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let room = KEPT.saturating_sub(self.body.len()).min(bytes.len());
        self.body.extend_from_slice(&bytes[..room]);
    }
}

impl Connection {
    /// Connects to `address`; nothing that is waited for there takes longer than `patience`.
    pub fn to(address: SocketAddr, patience: Option<Duration>) -> io::Result<Self> {
        let patience = patience.unwrap_or(PATIENCE);
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// The socket, for whoever sends while this reads.
    pub fn socket(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The answer to a request of `method`, of whose body no more is read than `most` bytes.
    pub fn answer(&mut self, method: &str, most: u64) -> io::Result<Answer> {
        let mut answer = self.head()?;
        while (100..200).contains(&answer.status) && answer.status != 101 {
            answer = self.head()?;
        }
        answer.complete = if method == "HEAD" || matches!(answer.status, 101 | 204 | 304) {
            true
        } else if answer.header("transfer-encoding").is_some() {
            self.chunks(&mut answer, most)?
        } else {
            match answer.header("content-length").map(str::parse) {
                Some(Ok(length)) => self.bytes(length, most, &mut answer)?,
                Some(Err(_)) => return Err(io::Error::other("a length that is no number")),
                None => return Err(io::Error::other("neither a length nor chunks")),
            }
        };
        Ok(answer)
    }

    fn head(&mut self) -> io::Result<Answer> {
        let end = loop {
            if let Some(end) = super::find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            if self.buffer.len() > HEAD_MAX {
                return Err(io::Error::other("a head without an end"));
            }
            if !self.fill()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status: {head:?}")))?;
        let fields = lines.filter_map(|line| line.split_once(':'));
        let headers = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        Ok(Answer { status, headers, head, ..Answer::default() })
    }

    /// Takes `length` bytes; false if there are fewer, or more than are wanted.
    fn bytes(&mut self, length: u64, most: u64, answer: &mut Answer) -> io::Result<bool> {
        let mut left = length;
        loop {
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            answer.take(&self.buffer[..now]);
            self.buffer.drain(..now);
            left -= now as u64;
            if left == 0 {
                return Ok(true);
            }
            if answer.length >= most || !self.fill()? {
                return Ok(false);
            }
        }
    }

    fn chunks(&mut self, answer: &mut Answer, most: u64) -> io::Result<bool> {
        loop {
            let Some(line) = self.line()? else {
                return Ok(false);
            };
            let size = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16);
            let size = size.map_err(|_| io::Error::other(format!("a chunk without a size: {line:?}")))?;
            if size == 0 {
                // Trailers, to the empty line.
                loop {
                    match self.line()? {
                        None => return Ok(false),
                        Some(line) if line.is_empty() => return Ok(true),
                        Some(trailer) => answer.head.push_str(&format!("{trailer}\r\n")),
                    }
                }
            }
            if !self.bytes(size, most, answer)? || self.line()?.is_none() {
                return Ok(false);
            }
        }
    }

    /// The next line without its end; nothing if the connection ends before.
    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = super::find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// More bytes; false at the end of the connection.
    fn fill(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 64 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
