//! The canonical path (RFC 3986, section 6.2.2, and stricter): first how it is spelled, then what its segments are.
//!
//! A path that is canonical already, as nearly all are, is looked at once and
//! borrowed. All others are spelled anew before anything is asked about their
//! segments, so that `%2e%2e` is treated as what it stands for.

use std::borrow::Cow;

use super::{CanonicalPath, DotSegments, EncodedSlash, PathRules, Slashes, TargetFault};

const NO_SLASH: TargetFault = TargetFault("the path does not begin with `/`; send a path that does");
const CHARACTER: TargetFault =
    TargetFault("the path has a character that may not stand in it; send it as `%` and two hex digits");
const ESCAPE: TargetFault = TargetFault("the path has a `%` without two hex digits; send `%25` for the character `%`");
const CONTROL: TargetFault = TargetFault("the path has an escaped control character; leave it out");
const ENCODED_SLASH: TargetFault =
    TargetFault("the path has an escaped `/` or `\\`, which this listener does not take; send it in the query");
const TEXT: TargetFault = TargetFault("the path has escapes that are not UTF-8; send text in UTF-8");
const DOTS: TargetFault = TargetFault("the path has a segment `.` or `..`; send the path that results from it");
const CLIMBS: TargetFault = TargetFault("the path climbs above the root; send a path without `..`");
const EMPTY_THEN_DOTS: TargetFault =
    TargetFault("the path has a `..` after an empty segment, which is not read alike everywhere; send it without");
const OPAQUE_DOTS: TargetFault =
    TargetFault("the path has `.` or `..` beside an escaped `/` or `\\`; send the path that results from it");
const SLASHES: TargetFault = TargetFault("the path has an empty segment; send one `/` between two segments");
const HOST_LIKE: TargetFault =
    TargetFault("the path begins with `//` once its dots are resolved, as a host does; send it with one `/`");
const QUERY_CHARACTER: TargetFault =
    TargetFault("the query has a character that may not stand in it; send it as `%` and two hex digits");
const QUERY_ESCAPE: TargetFault =
    TargetFault("the query has a `%` without two hex digits; send `%25` for the character `%`");

/// The most bytes of one character in UTF-8.
const UTF8_BYTES: usize = 4;

/// Makes `path`, which is without query, canonical.
///
/// Escaped letters, digits and `-._~` are decoded and other escapes written in
/// upper case; then dot segments and empty segments are treated by `rules`. What
/// comes out is left as it is when it is put in again.
///
/// # Errors
/// When it may mean different things to different readers.
pub fn canonical_path(path: &str, rules: PathRules) -> Result<CanonicalPath<'_>, TargetFault> {
    let found = look(path, rules.encoded_slash)?;
    let spelled = if found.misspelled { Cow::Owned(spell(path)) } else { Cow::Borrowed(path) };
    if !found.segments {
        return Ok(CanonicalPath { text: spelled, resolved: false });
    }
    let seen = segments(&spelled, rules)?;
    if seen.dots {
        let resolved = resolve(&spelled)?;
        let text = if seen.merge { merge(&resolved) } else { resolved };
        if text.starts_with("//") {
            return Err(HOST_LIKE);
        }
        return Ok(CanonicalPath { text: Cow::Owned(text), resolved: true });
    }
    let text = if seen.merge { Cow::Owned(merge(&spelled)) } else { spelled };
    Ok(CanonicalPath { text, resolved: false })
}

/// Checks what follows the first `?`. It is passed on as it is.
///
/// # Errors
/// When it holds a byte that may not stand there, or a broken escape.
pub fn check_query(query: &str) -> Result<(), TargetFault> {
    let mut bytes = query.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                escaped(&mut bytes).ok_or(QUERY_ESCAPE)?;
            }
            // Brackets are not in the grammar, but browsers send those of `a[]=1` as they are.
            b'/' | b'?' | b'[' | b']' => {}
            byte if is_plain(byte) => {}
            _ => return Err(QUERY_CHARACTER),
        }
    }
    Ok(())
}

/// What the one pass over a path found.
#[derive(Default)]
struct Look {
    /// Some escape is not spelled the canonical way.
    misspelled: bool,
    /// Some segment may be empty or made of dots.
    segments: bool,
}

/// Refuses what is wrong wherever it stands, and says what is left to do.
fn look(path: &str, slash: EncodedSlash) -> Result<Look, TargetFault> {
    let mut bytes = path.bytes();
    if bytes.next() != Some(b'/') {
        return Err(NO_SLASH);
    }
    let (mut found, mut text, mut begins) = (Look::default(), Utf8::default(), true);
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let escape = escaped(&mut bytes).ok_or(ESCAPE)?;
                text.take(escape.byte)?;
                match escape.byte {
                    0..=0x1F | 0x7F => return Err(CONTROL),
                    b'/' | b'\\' if slash == EncodedSlash::Reject => return Err(ENCODED_SLASH),
                    b'/' | b'\\' => found.segments = true,
                    byte if is_unreserved(byte) => (found.misspelled, found.segments) = (true, true),
                    _ => {}
                }
                found.misspelled |= escape.lower;
                begins = false;
                continue;
            }
            b'/' | b'.' if begins => found.segments = true,
            b'/' => {}
            byte if is_plain(byte) => {}
            _ => return Err(CHARACTER),
        }
        text.end()?;
        begins = byte == b'/';
    }
    text.end()?;
    Ok(found)
}

/// A path that [`look`] took, with every escape in its canonical spelling.
fn spell(path: &str) -> String {
    let mut spelled = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match (byte == b'%').then(|| escaped(&mut bytes)).flatten() {
            Some(escape) if !is_unreserved(escape.byte) => {
                spelled.push('%');
                for half in [escape.byte >> 4, escape.byte & 0xF] {
                    spelled.extend(char::from_digit(u32::from(half), 16).map(|digit| digit.to_ascii_uppercase()));
                }
            }
            Some(escape) => spelled.push(char::from(escape.byte)),
            None => spelled.push(char::from(byte)),
        }
    }
    spelled
}

/// What is to be done about the segments of a path.
struct Segments {
    dots: bool,
    merge: bool,
}

fn segments(path: &str, rules: PathRules) -> Result<Segments, TargetFault> {
    let (mut found, mut empty) = (Segments { dots: false, merge: false }, false);
    for segment in path.split('/').skip(1) {
        // An empty one is only doubled if something follows it: a trailing slash is no fault.
        match (empty, rules.slashes) {
            (false, _) | (true, Slashes::Keep) => {}
            (true, Slashes::Merge) => found.merge = true,
            (true, Slashes::Reject) => return Err(SLASHES),
        }
        empty = segment.is_empty();
        match (dots(segment), rules.dot_segments) {
            (None, _) if climbs_when_decoded(segment) => return Err(OPAQUE_DOTS),
            (None, _) => {}
            (Some(_), DotSegments::Reject) => return Err(DOTS),
            (Some(_), DotSegments::Resolve) => found.dots = true,
        }
    }
    Ok(found)
}

/// Takes out dot segments as RFC 3986, section 5.2.4, does.
fn resolve(path: &str) -> Result<String, TargetFault> {
    let mut kept: Vec<&str> = Vec::new();
    let mut open = false;
    for segment in path.split('/').skip(1) {
        open = true;
        match dots(segment) {
            None => {
                kept.push(segment);
                open = false;
            }
            Some(Dots::Here) => {}
            Some(Dots::Up) => match kept.pop() {
                Some("") => return Err(EMPTY_THEN_DOTS),
                Some(_) => {}
                None => return Err(CLIMBS),
            },
        }
    }
    // Dots at the end name a folder, which ends with a slash.
    if open {
        kept.push("");
    }
    Ok(kept.into_iter().fold(String::with_capacity(path.len()), |path, segment| path + "/" + segment))
}

fn merge(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !merged.ends_with('/') {
            merged.push(c);
        }
    }
    merged
}

enum Dots {
    Here,
    Up,
}

/// Whether a segment is `.` or `..`, also with parameters after a `;`, which some
/// servers leave out before they look.
fn dots(segment: &str) -> Option<Dots> {
    let name = segment.split_once(';').map_or(segment, |(name, _)| name);
    let name = name.split_once("%3B").map_or(name, |(name, _)| name);
    match name {
        "." => Some(Dots::Here),
        ".." => Some(Dots::Up),
        _ => None,
    }
}

/// Whether there are dots between escaped slashes: a service that decodes them
/// would climb, and nobody who means one name writes them.
fn climbs_when_decoded(segment: &str) -> bool {
    let mut pieces = segment.split("%2F").flat_map(|piece| piece.split("%5C"));
    pieces.any(|piece| dots(piece).is_some())
}

struct Escape {
    byte: u8,
    /// Whether a digit is written in lower case.
    lower: bool,
}

/// The escape whose `%` was just read.
fn escaped(bytes: &mut std::str::Bytes<'_>) -> Option<Escape> {
    let (high, low) = (bytes.next()?, bytes.next()?);
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let lower = high.is_ascii_lowercase() || low.is_ascii_lowercase();
    Some(Escape { byte: digit(high)? << 4 | digit(low)?, lower })
}

/// The bytes of one character that is written as several escapes.
#[derive(Default)]
struct Utf8 {
    bytes: [u8; UTF8_BYTES],
    length: usize,
}

impl Utf8 {
    fn take(&mut self, byte: u8) -> Result<(), TargetFault> {
        *self.bytes.get_mut(self.length).ok_or(TEXT)? = byte;
        self.length += 1;
        match std::str::from_utf8(self.bytes.get(..self.length).unwrap_or_default()) {
            Ok(_) => self.length = 0,
            Err(fault) if fault.error_len().is_some() => return Err(TEXT),
            Err(_) => {}
        }
        Ok(())
    }

    /// Something else follows: the character must be complete.
    fn end(&self) -> Result<(), TargetFault> {
        if self.length == 0 { Ok(()) } else { Err(TEXT) }
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What may stand in a segment unescaped (`pchar` of RFC 3986).
fn is_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@')
}
