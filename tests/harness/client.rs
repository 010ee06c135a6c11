//! A client of HTTP/1.1 that hides nothing: every byte is counted, and an answer that broke off is told from a complete one.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A host that says nothing for so long has failed the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection on which raw bytes are sent and answers read.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes sent so far.
    pub sent: u64,
    /// Bytes of answers read so far.
    pub received: u64,
}

/// An answer as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in their order; trailers among them.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether it came to its end; false if the connection closed before.
    pub complete: bool,
    /// Statuses of interim answers that came before it.
    pub interim: Vec<u16>,
}

impl Connection {
    /// Connects to `address`.
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the host must accept");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new(), sent: 0, received: 0 }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the host must take the bytes");
    }

    /// As `send`, for a host that may have closed.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())?;
        self.sent += bytes.as_ref().len() as u64;
        Ok(())
    }

    /// Says that nothing more is sent.
    pub fn finish_sending(&self) {
        // Fails only if the host has closed already.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The socket itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether the host has closed: waits for it, and for nothing more to come.
    pub fn is_closed_by_host(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill()
    }

    /// The answer to a request of `method`.
    #[track_caller]
    pub fn read_answer(&mut self, method: &str) -> Answer {
        self.try_read_answer(method).expect("there must be an answer before the connection closes")
    }

    /// The answer, or none if the connection closed before its head was there.
    pub fn try_read_answer(&mut self, method: &str) -> Option<Answer> {
        let mut answer = self.read_head()?;
        let mut interim = Vec::new();
        while (100..200).contains(&answer.status) && answer.status != 101 {
            interim.push(answer.status);
            answer = self.read_head()?;
        }
        answer.interim = interim;
        answer.complete = if method == "HEAD" || matches!(answer.status, 204 | 304) {
            true
        } else if answer.header("transfer-encoding").is_some() {
            self.read_chunks(&mut answer).is_some()
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().expect("the length must be a number");
            self.read_length(length, &mut answer)
        } else {
            // Ends with the connection, so nothing tells whether it is complete.
            while self.fill() {}
            answer.body = self.take(self.buffer.len());
            false
        };
        Some(answer)
    }

    /// The head of an answer.
    pub fn read_head(&mut self) -> Option<Answer> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut answer = Answer { status: status.unwrap_or_else(|| panic!("{status_line}")), ..Answer::default() };
        self.read_fields(&mut answer)?;
        Some(answer)
    }

    /// At most `count` bytes of what comes next, as they are.
    pub fn read_raw(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count && self.fill() {}
        self.take(count.min(self.buffer.len()))
    }

    fn read_fields(&mut self, answer: &mut Answer) -> Option<()> {
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                return line.is_empty().then_some(());
            };
            answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn read_length(&mut self, length: usize, answer: &mut Answer) -> bool {
        while self.buffer.len() < length && self.fill() {}
        answer.body = self.take(length.min(self.buffer.len()));
        answer.body.len() == length
    }

    fn read_chunks(&mut self, answer: &mut Answer) -> Option<()> {
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).unwrap_or_else(|error| panic!("{error}: {line}"));
            if size == 0 {
                return self.read_fields(answer);
            }
            while self.buffer.len() < size && self.fill() {}
            let taken = self.take(size.min(self.buffer.len()));
            answer.body.extend(&taken);
            if taken.len() < size || !self.line()?.is_empty() {
                return None;
            }
        }
    }

    /// The next line without its end, or nothing if the connection ended before it.
    fn line(&mut self) -> Option<String> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.take(searched + end + 1);
                return Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            searched = self.buffer.len();
            if !self.fill() {
                return None;
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.received += count as u64;
        let rest = self.buffer.split_off(count);
        std::mem::replace(&mut self.buffer, rest)
    }

    /// More bytes; false at the end of the connection.
    fn fill(&mut self) -> bool {
        let mut bytes = vec![0; 64 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                true
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => false,
            Err(error) => panic!("the host said nothing: {error}"),
        }
    }
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The id the host gave the request.
    #[track_caller]
    pub fn id(&self) -> &str {
        self.header("x-request-id").expect("every answer must carry an id")
    }

    /// The slug of the host's problem, or nothing if this is no problem.
    pub fn problem(&self) -> Option<String> {
        if self.header("content-type") != Some("application/problem+json") {
            return None;
        }
        self.json()["type"].as_str()?.strip_prefix("urn:hostel:problem:").map(str::to_owned)
    }
}
