//! The paths a route takes: one path, a template with parameters, or everything below a prefix.
//!
//! A path is kept in the one spelling that a request's path can have once it is
//! canonical; other spellings are refused here, as they would never be found.

use std::collections::BTreeSet;
use std::fmt;

use super::RouteError;
use crate::target::{DotSegments, EncodedSlash, PathRules, Slashes, canonical_path};

/// The most segments of a path. Their kinds fit in one word, and no hand-made
/// path comes near it.
pub(super) const SEGMENTS: usize = 64;

/// What listeners may at most be told to take as it is: a segment that is refused
/// by these rules is refused by all.
const WIDEST: PathRules =
    PathRules { encoded_slash: EncodedSlash::Opaque, dot_segments: DotSegments::Reject, slashes: Slashes::Keep };

/// A pattern of paths. Equal patterns take the same paths and name their
/// parameters alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// Without the trailing `/*`.
    segments: Vec<Segment>,
    /// Whether everything below is taken too.
    below: bool,
}

/// What stands between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Itself; empty only at the end, after a trailing slash.
    Literal(String),
    /// Any one segment that is not empty.
    Parameter(String),
}

/// How specific a path pattern is; the greater one wins. Fields are compared in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) kind: Kind,
    pub(super) segments: usize,
    pub(super) literals: u32,
    /// One bit for each literal, the leftmost highest.
    pub(super) places: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Prefix,
    Template,
    Exact,
}

impl PathPattern {
    /// Reads `/a/b`, `/user/{id}` or `/files/*`.
    ///
    /// # Errors
    /// When it is not a path, not in canonical spelling, or braces or `*` are
    /// used otherwise.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(RouteError::Slash { path: text.to_owned() });
        };
        let wrong = |(fault, remedy): (String, String)| RouteError::Path { path: text.to_owned(), fault, remedy };
        let (rest, below) = match rest.strip_suffix('*') {
            Some("") => (None, true),
            Some(front) if front.ends_with('/') => (front.strip_suffix('/'), true),
            _ => (Some(rest), false),
        };
        let mut segments = Vec::new();
        let mut names = BTreeSet::new();
        let mut parts = rest.into_iter().flat_map(|rest| rest.split('/')).peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none() && !below;
            let segment = segment(part, last).map_err(wrong)?;
            if let Segment::Parameter(name) = &segment
                && !names.insert(name.clone())
            {
                let fault = format!("names the parameter `{{{name}}}` twice");
                return Err(wrong((fault, "give one of them another name".to_owned())));
            }
            segments.push(segment);
        }
        if segments.len() > SEGMENTS {
            return Err(wrong((
                format!("has {} segments", segments.len()),
                format!("write at most {SEGMENTS}, and `/*` for what is below"),
            )));
        }
        Ok(Self { segments, below })
    }

    /// Everything at and below `/<name>`: what a component that is dropped in answers.
    #[must_use]
    pub fn below_name(name: &crate::name::ServiceName) -> Self {
        Self { segments: vec![Segment::Literal(name.as_str().to_owned())], below: true }
    }

    /// Whether `path` is one of these. Case and a trailing slash matter.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else {
            return false;
        };
        let mut parts = rest.split('/');
        let fits = self.segments.iter().all(|segment| match (segment, parts.next()) {
            (Segment::Literal(literal), Some(part)) => literal == part,
            (Segment::Parameter(_), Some(part)) => !part.is_empty(),
            (_, None) => false,
        });
        fits && (self.below || parts.next().is_none())
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(super) fn is_below(&self) -> bool {
        self.below
    }

    /// The path itself, if there is only one.
    pub(super) fn exact(&self) -> Option<String> {
        (self.rank().kind == Kind::Exact).then(|| self.to_string())
    }

    pub(super) fn rank(&self) -> Rank {
        let mut rank = Rank { kind: Kind::Exact, segments: self.segments.len(), literals: 0, places: 0 };
        for segment in &self.segments {
            rank.places <<= 1;
            match segment {
                Segment::Literal(_) => {
                    rank.literals += 1;
                    rank.places |= 1;
                }
                Segment::Parameter(_) => rank.kind = Kind::Template,
            }
        }
        if self.below {
            rank.kind = Kind::Prefix;
        }
        rank
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(literal) => write!(out, "/{literal}")?,
                Segment::Parameter(name) => write!(out, "/{{{name}}}")?,
            }
        }
        out.write_str(if self.below { "/*" } else { "" })
    }
}

/// One segment, or what is wrong with it and what to do.
fn segment(part: &str, last: bool) -> Result<Segment, (String, String)> {
    let wrong = |fault: &str, remedy: &str| Err((fault.to_owned(), remedy.to_owned()));
    match part {
        "" if last => return Ok(Segment::Literal(String::new())),
        "" => return wrong("has `//` in it", "write one `/`"),
        "." | ".." => return wrong(&format!("has the segment `{part}`"), "write the path without it"),
        _ => {}
    }
    if part.contains(['{', '}']) {
        return parameter(part);
    }
    if let Some(fault) = fault(part) {
        return Err(fault);
    }
    if canonical_path(&format!("/{part}"), WIDEST).is_err() {
        let remedy = "write text in UTF-8, and something other than dots before a `;`";
        return wrong(&format!("has `{part}` in it, which no request has"), remedy);
    }
    Ok(Segment::Literal(part.to_owned()))
}

fn parameter(part: &str) -> Result<Segment, (String, String)> {
    let name = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let is_name = |name: &&str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    match name.filter(is_name) {
        Some(name) => Ok(Segment::Parameter(name.to_owned())),
        None => Err((
            format!("has `{part}` in it"),
            "write a whole segment as `{name}`, with a name of letters, digits, `_` and `-`".to_owned(),
        )),
    }
}

/// What keeps a literal segment from being found: an illegal byte, or a
/// spelling that a canonical path does not have.
fn fault(part: &str) -> Option<(String, String)> {
    let mut rest = part.chars();
    while let Some(c) = rest.next() {
        let remedy = match c {
            '%' => match escape(rest.as_str()) {
                Some(fault) => return Some(fault),
                None => continue,
            },
            '*' => "write `*` only as a trailing `/*`, and `{name}` for one segment".to_owned(),
            c if c.is_ascii_control() => "leave it out".to_owned(),
            '#' | '?' => "leave the rest out, routes look at the path only".to_owned(),
            c if c.is_ascii_alphanumeric() || "-._~!$&'()+,;=:@".contains(c) => continue,
            c => format!("write `{}`", encoded(c)),
        };
        return Some((format!("has `{}` in it", c.escape_debug()), remedy));
    }
    None
}

/// What is wrong with the escape whose digits begin `rest`.
fn escape(rest: &str) -> Option<(String, String)> {
    let digits = rest.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let Some(digits) = digits else {
        return Some(("has a `%` without two hex digits".to_owned(), "write `%25` for the character `%`".to_owned()));
    };
    let found = format!("has `%{digits}` in it");
    let byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    match char::from(byte) {
        '/' => Some((found, "a segment cannot contain `/`; write another path".to_owned())),
        c if c.is_ascii_control() => Some((found, "leave it out, requests with it are refused".to_owned())),
        c if c.is_ascii_alphanumeric() || "-._~".contains(c) => Some((found, format!("write `{c}`"))),
        _ if digits.bytes().any(|digit| digit.is_ascii_lowercase()) => {
            Some((found, format!("write `%{}`", digits.to_ascii_uppercase())))
        }
        _ => None,
    }
}

fn encoded(c: char) -> String {
    let mut buffer = [0; 4];
    let bytes = c.encode_utf8(&mut buffer).bytes();
    bytes.fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
}
