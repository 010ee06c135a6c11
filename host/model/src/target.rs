//! What a request is aimed at: one canonical path and one canonical authority, whatever a client wrote.
//!
//! Routes, limits, logs and guests all read the same text, so no spelling that a
//! client thinks of leads past one of them to another. It is made once and nothing
//! is decoded twice; what has two meanings is refused and not guessed at.

use std::borrow::Cow;
use std::fmt;

pub use authority::canonical_authority;
pub use path::{canonical_path, check_query};

mod authority;
mod path;
#[cfg(test)]
mod tests;

/// What becomes of `%2F` and `%5C` in a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodedSlash {
    /// The request is refused.
    #[default]
    Reject,
    /// It stays as it is, and is never taken for a `/`.
    Opaque,
}

/// What becomes of `.` and `..` in a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DotSegments {
    /// The request is refused.
    #[default]
    Reject,
    /// They are resolved, and a client is told the address that results.
    Resolve,
}

/// What becomes of `//` in a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slashes {
    /// They become one.
    #[default]
    Merge,
    /// They stay.
    Keep,
    /// The request is refused.
    Reject,
}

/// What becomes of header fields with `_` in their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Underscores {
    /// The request is refused.
    #[default]
    Reject,
    /// They are left out.
    Drop,
    /// They are passed on.
    Keep,
}

/// How paths of one listener are made canonical.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathRules {
    /// `%2F` and `%5C`.
    pub encoded_slash: EncodedSlash,
    /// `.` and `..`.
    pub dot_segments: DotSegments,
    /// `//`.
    pub slashes: Slashes,
}

/// A path in its only spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalPath<'a> {
    /// The path; borrowed if it was canonical already.
    pub text: Cow<'a, str>,
    /// Whether dot segments were resolved, so that client and host do not agree on the address yet.
    pub resolved: bool,
}

/// Why a target cannot be what a client means: a fixed text with its remedy
/// for whoever looks after the client, and nothing of the request in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetFault(pub &'static str);

/// Whom a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalAuthority<'a> {
    /// Lower case, without a trailing dot; an IPv6 address in brackets.
    pub host: Cow<'a, str>,
    /// The port as written.
    pub port: Option<u16>,
}

impl fmt::Display for TargetFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.0)
    }
}

impl std::error::Error for TargetFault {}
