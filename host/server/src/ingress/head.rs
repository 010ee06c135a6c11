//! The head of an HTTP/1 request, judged line by line before the parser sees any of it.
//!
//! The parser is lenient where RFC 9112 allows it, and two lenient readers that
//! differ are what request smuggling lives on. So anything that another reader
//! might take differently is refused here: bare line ends, folded lines, more than
//! one length, any transfer coding but `chunked`. What passes means one thing.

use hostel_model::failure::Failure;
use hostel_model::limits::ListenerLimits;

use crate::edge::{Fault, METHODS};

#[cfg(test)]
mod tests;

/// How large a head may be.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the request line.
    pub line: u64,
    /// Bytes of it and the header fields.
    pub block: u64,
    /// Number of header fields.
    pub fields: u32,
}

impl From<&ListenerLimits> for HeadLimits {
    fn from(limits: &ListenerLimits) -> Self {
        Self { line: limits.request_line.0, block: limits.header_block.0, fields: limits.header_fields }
    }
}

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// So many bytes, perhaps none.
    Length(u64),
    /// Chunks (RFC 9112, section 7.1).
    Chunked,
}

/// A head that may be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the request line, and of empty lines before it.
    pub line: u64,
    /// Bytes of the rest.
    pub headers: u64,
    /// What follows.
    pub body: BodyKind,
    /// Whether it holds `Upgrade`; where, [`HeadScan::upgrades`] says.
    pub upgrades: bool,
}

/// How far a scan came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// Its end is not there yet.
    Partial,
    /// It is complete.
    Complete(Head),
    /// It may not be passed on.
    Refused(Fault),
}

/// Reads one head as its bytes come.
#[derive(Debug)]
pub struct HeadScan {
    limits: HeadLimits,
    /// Where the line that is not complete begins.
    at: usize,
    /// Up to where no line end was found.
    searched: usize,
    /// Where the header fields begin; zero until the request line is complete.
    fields_at: usize,
    fields: u32,
    http_10: bool,
    length: Option<u64>,
    chunked: bool,
    /// Where the names of `Upgrade` fields begin.
    upgrades: Vec<usize>,
}

impl HeadScan {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            at: 0,
            searched: 0,
            fields_at: 0,
            fields: 0,
            http_10: false,
            length: None,
            chunked: false,
            upgrades: Vec::new(),
        }
    }

    /// Where in the head the names of `Upgrade` fields begin.
    #[must_use]
    pub fn upgrades(&self) -> &[usize] {
        &self.upgrades
    }

    /// Goes on with `bytes`, which are all bytes from the head's first on.
    pub fn scan(&mut self, bytes: &[u8]) -> Scanned {
        while let Some(rest) = bytes.get(self.searched..) {
            let Some(end) = rest.iter().position(|byte| *byte == b'\n').map(|end| self.searched + end) else {
                self.searched = bytes.len();
                break;
            };
            let line = bytes.get(self.at..end).unwrap_or_default();
            if let Err(fault) = self.sizes(end + 1) {
                return Scanned::Refused(fault);
            }
            let begins = std::mem::replace(&mut self.at, end + 1);
            self.searched = end + 1;
            match self.line(line, begins) {
                Ok(false) => {}
                Ok(true) => return self.complete(),
                Err(fault) => return Scanned::Refused(fault),
            }
        }
        match self.sizes(bytes.len()) {
            Ok(()) => Scanned::Partial,
            Err(fault) => Scanned::Refused(fault),
        }
    }

    /// Holds what was read up to `end` to the limits.
    fn sizes(&self, end: usize) -> Result<(), Fault> {
        if self.fields_at == 0 && (end - self.at) as u64 > self.limits.line {
            return Err(Fault::new(Failure::UriTooLong, "the request line is longer than `limits.request_line`"));
        }
        if end as u64 > self.limits.block {
            return Err(Fault::new(Failure::HeadersTooLarge, "the head is larger than `limits.header_block`"));
        }
        Ok(())
    }

    /// Reads one line; true if it ends the head.
    fn line(&mut self, line: &[u8], begins: usize) -> Result<bool, Fault> {
        let Some(line) = line.strip_suffix(b"\r") else {
            return Err(Fault::bad("a line of the head ends without a carriage return"));
        };
        if line.contains(&b'\r') {
            return Err(Fault::bad("a carriage return stands inside a line of the head"));
        }
        match (self.fields_at, line) {
            // Empty lines before a request are to be ignored (RFC 9112, section 2.2).
            (0, []) => Ok(false),
            (0, line) => {
                self.http_10 = request_line(line)?;
                self.fields_at = self.at;
                Ok(false)
            }
            (_, []) => Ok(true),
            (_, line) => {
                self.fields += 1;
                if self.fields > self.limits.fields {
                    let why = "more header fields than `limits.header_fields`";
                    return Err(Fault::new(Failure::HeadersTooLarge, why));
                }
                self.field(line, begins)?;
                Ok(false)
            }
        }
    }

    fn field(&mut self, line: &[u8], begins: usize) -> Result<(), Fault> {
        let colon = line.iter().position(|byte| *byte == b':');
        let Some((name, value)) = colon.and_then(|colon| Some((line.get(..colon)?, line.get(colon + 1..)?))) else {
            return Err(Fault::bad("a header field has no colon"));
        };
        // A folded line begins with a blank, which no name has.
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Fault::bad("a header field's name holds a blank or another byte that may not stand there"));
        }
        let value = trimmed(value);
        if !value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..)) {
            return Err(Fault::bad("a header field's value holds a control character"));
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = content_length(value)?;
            if self.length.replace(length).is_some() {
                return Err(Fault::bad("more than one `Content-Length`"));
            }
        }
        if name.eq_ignore_ascii_case(b"upgrade") {
            self.upgrades.push(begins);
        }
        let is_coding = name.eq_ignore_ascii_case(b"transfer-encoding");
        if is_coding && (std::mem::replace(&mut self.chunked, true) || !value.eq_ignore_ascii_case(b"chunked")) {
            return Err(Fault::bad("a `Transfer-Encoding` other than one `chunked`"));
        }
        Ok(())
    }

    fn complete(&self) -> Scanned {
        if self.chunked && self.http_10 {
            return Scanned::Refused(Fault::bad("`Transfer-Encoding` in HTTP/1.0"));
        }
        if self.chunked && self.length.is_some() {
            return Scanned::Refused(Fault::bad("both `Content-Length` and `Transfer-Encoding`"));
        }
        let upgrades = !self.upgrades.is_empty();
        if upgrades && (self.chunked || self.length.is_some_and(|length| length > 0)) {
            return Scanned::Refused(Fault::bad("`Upgrade` came with a body"));
        }
        let body = if self.chunked { BodyKind::Chunked } else { BodyKind::Length(self.length.unwrap_or(0)) };
        let (line, headers) = (self.fields_at as u64, (self.at - self.fields_at) as u64);
        Scanned::Complete(Head { line, headers, body, upgrades })
    }
}

/// Checks a request line; true if it is HTTP/1.0.
fn request_line(line: &[u8]) -> Result<bool, Fault> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fault::bad("the request line is not method, target and version with one space between them"));
    };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err(Fault::bad("the method is not a token"));
    }
    if method == b"CONNECT" {
        let why = "tunnels are not offered";
        return Err(Fault { allow: Some(METHODS), ..Fault::new(Failure::MethodNotAllowed, why) });
    }
    if !target.iter().all(|byte| may_stand_in_target(*byte)) {
        return Err(Fault::bad("the target holds a byte that must be escaped, or a `#`, which is never sent"));
    }
    if !has_form(target) {
        return Err(Fault::bad("the target is neither a path nor an address of `http` or `https`"));
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(Fault::bad("the version is neither HTTP/1.1 nor HTTP/1.0")),
    }
}

/// What RFC 3986 lets stand in an address, fragments aside.
fn may_stand_in_target(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte)
}

/// Whether `target` has one of the forms of RFC 9112, section 3.2.
fn has_form(target: &[u8]) -> bool {
    let after = |scheme: &[u8]| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let address = after(b"http://").or_else(|| after(b"https://"));
    let has_host = address.and_then(<[u8]>::first).is_some_and(|first| !matches!(first, b'/' | b'?'));
    target.starts_with(b"/") || target == b"*" || has_host
}

/// Without the blanks that may stand around a value, which are two and no others.
fn trimmed(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

/// A number as RFC 9110 section 8.6 has it: digits alone.
fn content_length(value: &[u8]) -> Result<u64, Fault> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Fault::bad("`Content-Length` is not one number"));
    }
    let length = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
    // Nobody sends so much, and the parser keeps some of the largest numbers for itself.
    length
        .filter(|length| *length <= u64::MAX / 2)
        .ok_or(Fault::new(Failure::ContentTooLarge, "`Content-Length` is larger than anything that is sent"))
}

/// `tchar` of RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Method and target of a head as far as they can be told, for the log alone.
#[must_use]
pub fn described(head: &[u8]) -> (String, String) {
    let mut head = head;
    while let Some(rest) = head.strip_prefix(b"\r\n") {
        head = rest;
    }
    let line = head.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
    let mut parts = line.split(|byte| *byte == b' ').map(|part| part.get(..DESCRIBED_BYTES).unwrap_or(part));
    let method = parts.next().filter(|method| !method.is_empty() && method.iter().all(|byte| is_token(*byte)));
    let target = parts.next().and_then(|target| target.split(|byte| *byte == b'?').next()).unwrap_or_default();
    match method {
        Some(method) => (String::from_utf8_lossy(method).into_owned(), String::from_utf8_lossy(target).into_owned()),
        None => Default::default(),
    }
}

/// Of what is refused, the log shows no more.
const DESCRIBED_BYTES: usize = 128;
