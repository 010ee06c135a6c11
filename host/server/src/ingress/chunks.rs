//! Where the body of an HTTP/1 request ends: by its length, or by its chunks, read strictly.
//!
//! The parser reads the chunks, too; this follows them so that the next head is
//! found, and refuses what the parser would let pass: blanks around sizes, line
//! ends of one byte, sizes that are not plain hexadecimal (RFC 9112, section 7.1).

use super::framing::{Followed, MessageBytes};
use super::head::BodyKind;

#[cfg(test)]
mod tests;

/// Digits of a chunk's size: as many as 64 bits have.
const SIZE_DIGITS: u8 = 16;
/// Bytes of chunk extensions in one body. Nobody uses them but attackers.
const EXTENSION_BYTES: u64 = 1_024;
/// Bytes of trailers in one body.
const TRAILER_BYTES: u64 = 16 * 1_024;

/// Follows one body.
#[derive(Debug)]
pub struct BodyScan {
    state: State,
    extension: u64,
    trailers: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Plain {
        left: u64,
    },
    Size {
        digits: u8,
        size: u64,
    },
    Extension {
        size: u64,
    },
    SizeEnd {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataReturn,
    DataEnd,
    /// At the beginning of a trailer line.
    Trailer,
    TrailerLine,
    TrailerEnd,
    LastEnd,
    Over,
}

/// The framing cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl BodyScan {
    /// At the beginning of a body.
    #[must_use]
    pub fn new(body: BodyKind) -> Self {
        let state = match body {
            BodyKind::Length(0) => State::Over,
            BodyKind::Length(left) => State::Plain { left },
            BodyKind::Chunked => State::Size { digits: 0, size: 0 },
        };
        Self { state, extension: 0, trailers: 0 }
    }

    /// Whether nothing of it is missing.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Follows `bytes` to the end of the body or of the bytes, adding to `counts`.
    ///
    /// # Errors
    /// When what came cannot be a body framed as its head says.
    pub fn follow(&mut self, bytes: &[u8], counts: &mut MessageBytes) -> Result<Followed, Broken> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            if self.is_over() {
                break;
            }
            taken += self.step(rest, counts)?;
        }
        Ok(Followed { taken, ended: self.is_over() })
    }

    /// Takes a run of data, or one byte of what frames it.
    fn step(&mut self, bytes: &[u8], counts: &mut MessageBytes) -> Result<usize, Broken> {
        if let State::Plain { left } | State::Data { left } = self.state {
            let step = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
            counts.body += step as u64;
            let left = left - step as u64;
            self.state = match (self.state, left) {
                (State::Plain { .. }, 0) => State::Over,
                (State::Plain { .. }, left) => State::Plain { left },
                (_, 0) => State::DataReturn,
                (_, left) => State::Data { left },
            };
            return Ok(step);
        }
        let byte = bytes.first().copied().ok_or(Broken)?;
        // The empty line ends the chunks; fields before it are headers.
        match self.state {
            State::TrailerLine | State::TrailerEnd => counts.headers += 1,
            State::Trailer if byte != b'\r' => counts.headers += 1,
            _ => counts.framing += 1,
        }
        self.state = self.after(byte)?;
        Ok(1)
    }

    fn after(&mut self, byte: u8) -> Result<State, Broken> {
        Ok(match (self.state, byte) {
            (State::Size { digits, size }, byte) if byte.is_ascii_hexdigit() && digits < SIZE_DIGITS => {
                let digit = char::from(byte).to_digit(16).ok_or(Broken)?;
                State::Size { digits: digits + 1, size: size << 4 | u64::from(digit) }
            }
            (State::Size { digits: 1.., size }, b'\r') => State::SizeEnd { size },
            (State::Size { digits: 1.., size }, b';') => State::Extension { size },
            (State::Extension { size }, b'\r') => State::SizeEnd { size },
            (State::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extension += 1;
                if self.extension > EXTENSION_BYTES {
                    return Err(Broken);
                }
                State::Extension { size }
            }
            (State::SizeEnd { size: 0 }, b'\n') => State::Trailer,
            (State::SizeEnd { size }, b'\n') => State::Data { left: size },
            (State::DataReturn, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Size { digits: 0, size: 0 },
            (State::Trailer, b'\r') => State::LastEnd,
            (State::Trailer | State::TrailerLine, b'\t' | b' '..=b'~' | 0x80..) => {
                self.trailers += 1;
                let folded = self.state == State::Trailer && matches!(byte, b' ' | b'\t');
                if folded || self.trailers > TRAILER_BYTES {
                    return Err(Broken);
                }
                State::TrailerLine
            }
            (State::TrailerLine, b'\r') => State::TrailerEnd,
            (State::TrailerEnd, b'\n') => State::Trailer,
            (State::LastEnd, b'\n') => State::Over,
            _ => return Err(Broken),
        })
    }
}
