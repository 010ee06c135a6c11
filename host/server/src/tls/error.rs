//! What can be wrong with the files of a TLS listener, and what to do about it.
//!
//! No text from inside a file is repeated: it could be a key.

use std::ops::Range;
use std::path::PathBuf;
use std::{fmt, io};

use super::files::FILE_BYTES_MAX;

/// A file, and where the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// The path as it was opened.
    pub path: PathBuf,
    /// Where `hostel.toml` says so; `None` for a file that the host made.
    pub span: Option<Range<usize>>,
}

impl fmt::Display for NamedFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(out)
    }
}

/// Why a listener has no TLS, or keeps what it had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The system does not let the host read it.
    #[error("`{file}` cannot be read; check that it exists and that the host may read it")]
    Unreadable {
        /// Which one.
        file: NamedFile,
        /// The system's reason.
        source: io::Error,
    },
    /// A folder, a pipe or a device.
    #[error("`{file}` is not a file; name a PEM file")]
    NotAFile {
        /// Which one.
        file: NamedFile,
    },
    /// More than any chain needs.
    #[error("`{file}` has more than {FILE_BYTES_MAX} bytes; keep only what this listener needs in it")]
    TooLarge {
        /// Which one.
        file: NamedFile,
    },
    /// The text breaks off, or is none.
    #[error("`{file}` is damaged: {fault}; write it again")]
    Damaged {
        /// Which one.
        file: NamedFile,
        /// What is wrong with its form.
        fault: &'static str,
    },
    /// Nothing between `BEGIN CERTIFICATE` and its end.
    #[error(
        "`{file}` holds no certificate: {instead}; write a PEM file that begins with `-----BEGIN CERTIFICATE-----`"
    )]
    NoCertificate {
        /// Which one.
        file: NamedFile,
        /// What it holds.
        instead: &'static str,
    },
    /// Nothing between `BEGIN PRIVATE KEY`, or one of its kin, and its end.
    #[error("`{file}` holds no private key that can be used: {instead}; write it as PEM without a password")]
    NoKey {
        /// Which one.
        file: NamedFile,
        /// What it holds.
        instead: &'static str,
    },
    /// It decodes, but is no X.509 certificate of version 3 as TLS wants it.
    #[error("certificate {number} in `{file}` cannot be used; have it issued again as X.509 version 3")]
    BadCertificate {
        /// Which one.
        file: NamedFile,
        /// The how-manieth in the file, from 1.
        number: usize,
        /// What is wrong with it, if more is known than that it has no end.
        source: Option<webpki::Error>,
    },
    /// It decodes, but is no key that can sign.
    #[error(
        "the private key in `{file}` cannot be used; make one of RSA (2048 bits or more), ECDSA P-256 or P-384, or Ed25519"
    )]
    BadKey {
        /// Which one.
        file: NamedFile,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// Two files of two different pairs.
    #[error(
        "the key `{key}` does not belong to the certificate `{cert}`; name the key it was made with, the listener's own certificate being the first in its file"
    )]
    Mismatch {
        /// The certificate.
        cert: NamedFile,
        /// The key.
        key: NamedFile,
    },
    /// The library refused what was put together.
    #[error("TLS cannot be set up; report this with the cause that follows")]
    Setup {
        /// Its reason.
        source: rustls::Error,
    },
    /// A development certificate that could not be put where it belongs.
    #[error("`{file}` cannot be written; check that the host may write there, or give certificates in `hostel.toml`")]
    Unwritable {
        /// Which one.
        file: NamedFile,
        /// The system's reason.
        source: io::Error,
    },
    /// A development certificate that could not be made.
    #[error("a certificate for development cannot be made; give certificates in `hostel.toml`")]
    Unmakeable {
        /// The library's reason.
        source: rcgen::Error,
    },
}

impl TlsError {
    /// Where the configuration names the file at fault.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::Unreadable { file, .. }
            | Self::NotAFile { file }
            | Self::TooLarge { file }
            | Self::Damaged { file, .. }
            | Self::NoCertificate { file, .. }
            | Self::NoKey { file, .. }
            | Self::BadCertificate { file, .. }
            | Self::BadKey { file, .. }
            | Self::Mismatch { key: file, .. }
            | Self::Unwritable { file, .. } => file.span.clone(),
            Self::Setup { .. } | Self::Unmakeable { .. } => None,
        }
    }
}
