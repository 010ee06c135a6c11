//! Where one HTTP/1 response ends and the next begins, and how many of its bytes are what.
//!
//! hyper writes the responses; this only counts the bytes that pass, so that the
//! access log can tell the length of a message as its wire form has it: the sum
//! of start line, header fields and body, with chunk framing apart (RFC 9112).

/// Header lines are only read to find the framing: longer ones cannot be it.
const LINE_PREFIX: usize = 96;

/// Bytes of one message by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageBytes {
    /// Request or status line, its end included; interim responses add theirs.
    pub line: u64,
    /// Header fields with the empty line that ends them, and trailer fields.
    pub headers: u64,
    /// The body as the sender meant it.
    pub body: u64,
    /// Sizes and line ends of chunks.
    pub framing: u64,
}

impl MessageBytes {
    /// All bytes of the message.
    #[must_use]
    pub fn total(self) -> u64 {
        self.line + self.headers + self.body + self.framing
    }
}

/// Follows the responses of a connection.
#[derive(Debug, Default)]
pub struct Framing {
    state: State,
    line: Vec<u8>,
    length: Option<u64>,
    chunked: bool,
    status: u16,
    last_status: u16,
    /// The framing could not be read.
    lost: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    StartLine,
    Headers,
    Body {
        left: u64,
    },
    ChunkSize,
    ChunkData {
        left: u64,
    },
    ChunkEnd,
    Trailers,
    UntilClose,
}

/// What following some bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// How many of the bytes belong to the message.
    pub taken: usize,
    /// Whether it ended with them.
    pub ended: bool,
}

impl Framing {
    /// The status of the response that began last; zero before the first.
    #[must_use]
    pub fn last_status(&self) -> u16 {
        self.last_status
    }

    /// Whether the message now followed has no end of its own.
    #[must_use]
    pub fn ends_with_connection(&self) -> bool {
        self.state == State::UntilClose
    }

    /// Follows `bytes` to the end of the message or of the bytes, adding to
    /// `counts`. `bodyless` says that a response answers `HEAD`.
    pub fn follow(&mut self, bytes: &[u8], bodyless: bool, counts: &mut MessageBytes) -> Followed {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let (step, ended) = self.step(rest, bodyless, counts);
            taken += step;
            if ended {
                self.reset();
                return Followed { taken, ended: true };
            }
        }
        Followed { taken, ended: false }
    }

    fn step(&mut self, bytes: &[u8], bodyless: bool, counts: &mut MessageBytes) -> (usize, bool) {
        match self.state {
            State::StartLine => self.start_line(bytes, counts),
            State::Headers => self.header_line(bytes, bodyless, counts),
            State::Body { left } => {
                let step = at_most(bytes, left);
                counts.body += step as u64;
                self.state = State::Body { left: left - step as u64 };
                (step, left == step as u64)
            }
            State::ChunkSize => self.chunk_size(bytes, counts),
            State::ChunkData { left } => {
                let step = at_most(bytes, left);
                counts.body += step as u64;
                let left = left - step as u64;
                self.state = if left == 0 { State::ChunkEnd } else { State::ChunkData { left } };
                (step, false)
            }
            State::ChunkEnd => {
                let (step, whole) = self.take_line(bytes);
                counts.framing += step as u64;
                if whole {
                    self.end_line();
                    self.state = State::ChunkSize;
                }
                (step, false)
            }
            State::Trailers => {
                let (step, whole) = self.take_line(bytes);
                let empty = whole && self.line_is_empty();
                // The empty line ends the chunks; fields before it are headers.
                if empty || self.line == b"\r" {
                    counts.framing += step as u64;
                } else {
                    counts.headers += step as u64;
                }
                if whole {
                    self.end_line();
                }
                (step, empty)
            }
            State::UntilClose => {
                counts.body += bytes.len() as u64;
                (bytes.len(), false)
            }
        }
    }

    fn start_line(&mut self, bytes: &[u8], counts: &mut MessageBytes) -> (usize, bool) {
        let (step, whole) = self.take_line(bytes);
        counts.line += step as u64;
        if whole {
            let status = self.line.get(8..11).and_then(|digits| std::str::from_utf8(digits).ok());
            self.status = status.and_then(|digits| digits.parse().ok()).unwrap_or(0);
            self.last_status = self.status;
            self.state = State::Headers;
            self.end_line();
        }
        (step, false)
    }

    fn header_line(&mut self, bytes: &[u8], bodyless: bool, counts: &mut MessageBytes) -> (usize, bool) {
        let (step, whole) = self.take_line(bytes);
        counts.headers += step as u64;
        if !whole {
            return (step, false);
        }
        if !self.line_is_empty() {
            self.read_header();
            self.end_line();
            return (step, false);
        }
        self.end_line();
        (step, self.head_ended(bodyless))
    }

    /// Chooses what follows the head; true if the message ends with it.
    fn head_ended(&mut self, bodyless: bool) -> bool {
        if (100..200).contains(&self.status) && self.status != 101 {
            // An interim response: the final one follows and belongs to it.
            self.reset();
            return false;
        }
        if bodyless || matches!(self.status, 204 | 304) {
            return true;
        }
        if self.lost {
            self.state = State::UntilClose;
            return false;
        }
        self.state = match (self.chunked, self.length) {
            (true, _) => State::ChunkSize,
            (false, Some(0)) => return true,
            (false, Some(left)) => State::Body { left },
            (false, None) => State::UntilClose,
        };
        false
    }

    fn chunk_size(&mut self, bytes: &[u8], counts: &mut MessageBytes) -> (usize, bool) {
        let (step, whole) = self.take_line(bytes);
        counts.framing += step as u64;
        if whole {
            let digits: String =
                self.line.iter().take_while(|byte| byte.is_ascii_hexdigit()).map(|byte| char::from(*byte)).collect();
            let left = u64::from_str_radix(&digits, 16).unwrap_or(0);
            self.end_line();
            self.state = if left == 0 { State::Trailers } else { State::ChunkData { left } };
        }
        (step, false)
    }

    fn read_header(&mut self) {
        let Some(colon) = self.line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = self.line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let (length, coding) = (b"content-length", b"transfer-encoding");
        let cut = self.line.len() >= LINE_PREFIX;
        if cut && (name.eq_ignore_ascii_case(length) || name.eq_ignore_ascii_case(coding)) {
            // Nobody writes it like that; whatever follows is not told apart.
            self.lost = true;
        } else if name.eq_ignore_ascii_case(length) {
            self.length = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
        } else if name.eq_ignore_ascii_case(coding) {
            let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            self.chunked = last.eq_ignore_ascii_case(b"chunked");
        }
    }

    /// Takes bytes up to and with the end of a line; true if it is there.
    fn take_line(&mut self, bytes: &[u8]) -> (usize, bool) {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let step = end.map_or(bytes.len(), |end| end + 1);
        let room = LINE_PREFIX.saturating_sub(self.line.len());
        // Without blanks, of which any number may stand around a value.
        let marks = bytes.iter().take(step).filter(|byte| !matches!(byte, b' ' | b'\t'));
        self.line.extend(marks.take(room));
        (step, end.is_some())
    }

    fn line_is_empty(&self) -> bool {
        matches!(self.line.as_slice(), b"\n" | b"\r\n")
    }

    fn end_line(&mut self) {
        self.line.clear();
    }

    fn reset(&mut self) {
        self.end_line();
        self.state = State::StartLine;
        self.length = None;
        self.chunked = false;
        self.status = 0;
    }
}

fn at_most(bytes: &[u8], left: u64) -> usize {
    usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))
}

#[cfg(test)]
mod tests;
