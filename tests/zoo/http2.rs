//! One request over HTTP/2, frame by frame, to see whether its answer was ended or broken off.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::client::Answer;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A host that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first stream of a client.
const STREAM: u32 = 1;

/// Types of frames and their flags (RFC 9113, section 6).
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const GOAWAY: u8 = 0x7;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// What came of a request: of its head the status, of its body the length, and whether it ended.
pub fn ask(address: SocketAddr, method: &str, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let authority = address.to_string();
    let fields = [(":method", method), (":scheme", "http"), (":authority", &authority), (":path", path)];
    let mut request = PREFACE.to_vec();
    request.extend(frame(SETTINGS, 0, 0, &[]));
    request.extend(frame(HEADERS, END_HEADERS | END_STREAM, STREAM, &block(&fields)));
    stream.write_all(&request)?;
    let mut answer = Answer::default();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let [high, middle, low, kind, flags, id @ ..] = head;
        let mut payload = vec![0; usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)];
        stream.read_exact(&mut payload)?;
        if kind == GOAWAY {
            return Err(io::Error::other("the whole connection was ended"));
        }
        if u32::from_be_bytes(id) & 0x7fff_ffff != STREAM {
            continue;
        }
        match kind {
            HEADERS if answer.status == 0 => answer.status = status_of(&payload),
            DATA => answer.length += payload.len() as u64,
            RST_STREAM => return Ok(answer),
            _ => {}
        }
        if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            answer.complete = true;
            return Ok(answer);
        }
    }
}

/// The status in a block of compressed fields, of those that have a number there (RFC 7541, appendix A); else 1.
fn status_of(block: &[u8]) -> u16 {
    const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    // A change of the table's size may stand before it.
    let first = block.iter().find(|byte| **byte & 0b1110_0000 != 0b0010_0000).copied().unwrap_or_default();
    INDEXED.get(usize::from(first).wrapping_sub(0x88)).copied().unwrap_or(1)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame must be short").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Fields neither indexed nor compressed.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            bytes.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("a field must be short"));
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}
