//! What a service's code is: the digest of its bytes, and the revision that carries it.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use sha2::Digest as _;

#[cfg(test)]
mod tests;

/// Hex digits shown of a digest where a person reads it: they tell any two
/// components of one machine apart.
const SHORT_DIGITS: usize = 12;

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a digest; write 64 digits of `0-9` and `a-f`")]
pub struct DigestError {
    text: String,
}

/// Why a text is not a revision's number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a revision; write `r` and its number, as in `r3`")]
pub struct RevisionError {
    text: String,
}

/// SHA-256 of a component's bytes: the identity of its content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The first 12 hex digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(SHORT_DIGITS).collect()
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || DigestError { text: text.to_owned() };
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(wrong());
        };
        let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(hex(*high)? << 4 | hex(*low)?)).collect();
        let bytes = bytes.ok_or_else(wrong)?;
        Ok(Self(bytes.try_into().map_err(|_| wrong())?))
    }
}

/// Only lower case: one digest has one text, so that texts may be compared.
fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The place of a revision among those of its service, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionNumber(NonZeroU64);

impl RevisionNumber {
    /// The number of a service's first revision.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number itself.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl From<NonZeroU64> for RevisionNumber {
    fn from(number: NonZeroU64) -> Self {
        Self(number)
    }
}

impl fmt::Display for RevisionNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "r{}", self.0)
    }
}

impl FromStr for RevisionNumber {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix('r')
            .filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit() && c != '0'))
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or_else(|| RevisionError { text: text.to_owned() })
    }
}

/// One immutable version of a service, as people name it: `r3 (0123456789ab)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionId {
    /// Its place among the service's revisions.
    pub number: RevisionNumber,
    /// What its component is.
    pub digest: Digest,
}

impl fmt::Display for RevisionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.number, self.digest.short())
    }
}
