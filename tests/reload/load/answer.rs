//! Reads one answer of HTTP/1.1 from bytes that arrive piece by piece, and knows a whole one from a part.

use std::borrow::Cow;

/// An answer that is there to its last byte.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub status: u16,
    /// What `x-revision` says.
    pub revision: Option<u32>,
    pub body: Cow<'a, [u8]>,
    /// Whether the connection ends after it.
    pub closes: bool,
    /// Bytes of the whole.
    pub length: usize,
}

/// What the bytes so far are.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// The beginning of an answer.
    Part,
    /// An answer.
    Whole(Answer<'a>),
    /// Not HTTP as this host speaks it.
    Strange(&'static str),
}

/// What the head says.
struct Head {
    status: u16,
    revision: Option<u32>,
    length: Option<usize>,
    chunked: bool,
    closes: bool,
}

/// What `bytes` are, which begin with an answer.
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return Parsed::Part;
    };
    let Some(head) = head(&bytes[..end]) else {
        return Parsed::Strange("a head that cannot be read");
    };
    let start = end + 4;
    let (body, length) = match (head.length, head.chunked) {
        (Some(length), false) => match bytes.get(start..start + length) {
            Some(body) => (Cow::Borrowed(body), start + length),
            None => return Parsed::Part,
        },
        (None, true) => match chunks(&bytes[start..]) {
            Ok(Some((body, length))) => (Cow::Owned(body), start + length),
            Ok(None) => return Parsed::Part,
            Err(what) => return Parsed::Strange(what),
        },
        (Some(_), true) => return Parsed::Strange("a length and chunks"),
        (None, false) => return Parsed::Strange("neither a length nor chunks"),
    };
    Parsed::Whole(Answer { status: head.status, revision: head.revision, body, closes: head.closes, length })
}

fn head(bytes: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let mut head = Head { status, revision: None, length: None, chunked: false, closes: false };
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            head.length = Some(value.parse().ok()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            head.chunked = value.eq_ignore_ascii_case("chunked");
        } else if name.eq_ignore_ascii_case("connection") {
            head.closes = value.eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("x-revision") {
            head.revision = Some(value.parse().ok()?);
        }
    }
    Some(head)
}

/// The body in chunks and how many bytes it takes; nothing if its end is not there yet.
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, &'static str> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else {
            return Ok(None);
        };
        let size =
            std::str::from_utf8(&bytes[at..at + line]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or("a chunk without a size")?;
        let start = at + line + 2;
        match bytes.get(start + size..start + size + 2) {
            None => return Ok(None),
            Some(end) if end != b"\r\n" => return Err("a chunk that is longer than its size, or trailers"),
            Some(_) => body.extend_from_slice(&bytes[start..start + size]),
        }
        at = start + size + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every part is a part, and the whole is this answer.
    #[track_caller]
    fn reads(text: &str, status: u16, body: &str, closes: bool) {
        let bytes = text.as_bytes();
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), Parsed::Part, "{:?}", &text[..end]);
        }
        let more = [bytes, b"HTTP/1.1 "].concat();
        for all in [bytes, more.as_slice()] {
            let Parsed::Whole(answer) = parse(all) else { panic!("{:?}", parse(all)) };
            assert_eq!((answer.status, answer.body.as_ref(), answer.closes), (status, body.as_bytes(), closes));
            assert_eq!((answer.length, answer.revision), (bytes.len(), Some(7)));
        }
    }

    #[test]
    fn an_answer_is_whole_with_its_last_byte_and_not_before() {
        reads("HTTP/1.1 200 OK\r\nX-Revision: 7\r\ncontent-length: 5\r\n\r\nhello", 200, "hello", false);
        reads("HTTP/1.1 503 Busy\r\nx-revision: 7\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 503, "", true);
        let chunked =
            "HTTP/1.1 200 OK\r\nx-revision: 7\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        reads(chunked, 200, "hello", false);
    }

    #[test]
    fn what_is_no_answer_is_told() {
        for text in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
        ] {
            assert!(matches!(parse(text.as_bytes()), Parsed::Strange(_)), "{text:?}");
        }
    }
}
