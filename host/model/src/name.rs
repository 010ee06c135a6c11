//! Names of services and of key-value buckets, checked once and valid from then on.
//!
//! A service's name is a DNS label because it is also a host: `users` is called
//! at `http://users.internal/`.

use std::fmt;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// The most bytes a name may have: the length of a DNS label (RFC 1035, 2.3.4).
pub const NAME_BYTES: usize = 63;

/// The bucket that the empty identifier stands for.
const DEFAULT_BUCKET: &str = "default";

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing between the quotes.
    #[error("the name is empty; give it one to {NAME_BYTES} characters")]
    Empty,
    /// Longer than [`NAME_BYTES`].
    #[error("name `{name}` has {length} characters; shorten it to {NAME_BYTES}")]
    TooLong {
        /// The text as given.
        name: String,
        /// Its length in bytes.
        length: usize,
    },
    /// A character that the kind of name does not allow.
    #[error("name `{name}` has `{found}` in it; use only {allowed}")]
    Character {
        /// The text as given.
        name: String,
        /// The first character that is not allowed.
        found: char,
        /// What may be used instead, in words.
        allowed: &'static str,
    },
    /// A service's name that begins with a digit or a hyphen.
    #[error("name `{name}` begins with `{found}`; begin it with a letter")]
    Start {
        /// The text as given.
        name: String,
        /// Its first character.
        found: char,
    },
    /// A service's name that ends with a hyphen.
    #[error("name `{name}` ends with `-`; end it with a letter or a digit")]
    End {
        /// The text as given.
        name: String,
    },
}

/// The name of a service: a DNS label that begins with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(Arc<str>);

impl ServiceName {
    /// Takes `text` as a name, unchanged.
    ///
    /// # Errors
    /// When it is not 1 to 63 of `a-z`, `0-9` and `-`, beginning with a letter
    /// and not ending with `-`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check(text, "lower-case letters, digits and `-`", |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
        })?;
        match text.chars().next() {
            Some(found) if !found.is_ascii_lowercase() => {
                return Err(NameError::Start { name: text.to_owned(), found });
            }
            _ => {}
        }
        if text.ends_with('-') {
            return Err(NameError::End { name: text.to_owned() });
        }
        Ok(Self(text.into()))
    }

    /// The name that a file gives its service: `order_items` becomes `order-items`.
    ///
    /// # Errors
    /// As [`ServiceName::parse`]; build tools write `_` where a label needs `-`,
    /// nothing else is put right.
    pub fn from_file_stem(stem: &str) -> Result<Self, NameError> {
        Self::parse(&stem.replace('_', "-"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A valid name close to `text`, to be suggested where `text` was refused.
    #[must_use]
    pub fn suggest(text: &str) -> Option<Self> {
        let label: String = text
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .skip_while(|c| !c.is_ascii_lowercase())
            .take(NAME_BYTES)
            .collect();
        Self::parse(label.trim_end_matches('-')).ok()
    }
}

/// The name of a bucket of keys, private to a service.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketName(Arc<str>);

impl BucketName {
    /// The bucket a guest means by `identifier`; the empty one means `default`.
    ///
    /// # Errors
    /// When it is not at most 63 of `a-z`, `0-9`, `-`, `_` and `.`.
    pub fn from_identifier(identifier: &str) -> Result<Self, NameError> {
        if identifier.is_empty() {
            return Ok(Self(DEFAULT_BUCKET.into()));
        }
        check(identifier, "lower-case letters, digits, `-`, `_` and `.`", |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.')
        })?;
        Ok(Self(identifier.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str, allowed: &'static str, fits: impl Fn(char) -> bool) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > NAME_BYTES {
        return Err(NameError::TooLong { name: text.to_owned(), length: text.len() });
    }
    match text.chars().find(|c| !fits(*c)) {
        Some(found) => Err(NameError::Character { name: text.to_owned(), found, allowed }),
        None => Ok(()),
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

impl fmt::Debug for ServiceName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

impl AsRef<str> for ServiceName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

impl fmt::Debug for BucketName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

impl AsRef<str> for BucketName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
