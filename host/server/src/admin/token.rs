//! The bearer token of the admin plane: made once, kept in the state folder, never logged.
//!
//! Who can read the file can administer the host, so only its own user may.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use hostel_model::digest::Digest;
use hostel_model::platform::Random;
use hostel_storage::write_file;

use crate::admin::AdminError;

/// Random bytes in a token: nobody guesses 256 bits.
const TOKEN_BYTES: usize = 32;
/// Bytes that are read of a file that should hold one: far more than it has.
const FILE_BYTES_MAX: u64 = 1_024;

/// A token's digest. Tokens are compared by it, so that the time it takes says
/// nothing about how much of a guess was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token(Digest);

impl Token {
    /// The token in the file at `path`, which is made if it is missing.
    pub(super) fn load(path: &Path, random: &dyn Random) -> Result<Self, AdminError> {
        let wrong = |source| AdminError::Token { path: path.to_path_buf(), source };
        match File::open(path) {
            Ok(file) => read(path, file),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let text = random_text(random);
                write(path, &text).map_err(wrong)?;
                Ok(Self::of(&text))
            }
            Err(error) => Err(wrong(error)),
        }
    }

    /// The token in the file at `path`, if there is one that can be read: without a TCP address none is
    /// needed, but whoever shows it on the Unix socket is the operator all the same.
    pub(super) fn kept(path: &Path) -> Option<Self> {
        File::open(path).ok().and_then(|file| read(path, file).ok())
    }

    /// Whether `text` is this token.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        self.0 == Digest::of(text)
    }

    fn of(text: &str) -> Self {
        Self(Digest::of(text.as_bytes()))
    }
}

/// The text of a new token.
pub(super) fn random_text(random: &dyn Random) -> String {
    let mut bytes = [0; TOKEN_BYTES];
    random.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A token as it stands in a file: its line end is not part of it.
pub(crate) fn trimmed(text: &str) -> Option<&str> {
    let token = text.trim_end_matches(['\r', '\n']);
    let fits = token.len() == 2 * TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then_some(token)
}

fn read(path: &Path, file: File) -> Result<Token, AdminError> {
    let wrong = |source| AdminError::Token { path: path.to_path_buf(), source };
    if file.metadata().map_err(wrong)?.mode() & 0o077 != 0 {
        return Err(AdminError::TokenReadable { path: path.to_path_buf() });
    }
    let mut text = String::new();
    // What is longer is no token, and need not be read to its end.
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(wrong)?;
    trimmed(&text).map(Token::of).ok_or_else(|| AdminError::TokenBroken { path: path.to_path_buf() })
}

/// Whole or not at all, and never readable by others.
fn write(path: &Path, text: &str) -> io::Result<()> {
    match (path.parent(), path.file_name().and_then(OsStr::to_str)) {
        (Some(folder), Some(name)) => {
            write_file(folder, name, format!("{text}\n").as_bytes()).map_err(io::Error::other)
        }
        _ => Err(ErrorKind::InvalidFilename.into()),
    }
}
