//! The state folder: where everything the host remembers lies, and in which format.
//!
//! The file `format` is read before anything else is touched, so that an older host never
//! opens, and so never changes, what a newer one wrote.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::durable;
use crate::error::StorageError;

/// The folder's own format: which files there are and what they are called. The databases
/// count their own versions.
pub(crate) const FORMAT: &str = "hostel-state 1";
pub(crate) const FORMAT_FILE: &str = "format";
pub(crate) const CONTROL_FILE: &str = "control.redb";
pub(crate) const GUESTS_FILE: &str = "guests.redb";
pub(crate) const ARTIFACTS_FOLDER: &str = "artifacts";
/// Longest start of a foreign format file that an error repeats.
const FOUND_CHARS_MAX: usize = 40;

/// The folder that `state` names in the configuration.
#[derive(Clone, Debug)]
pub struct StateFolder {
    path: PathBuf,
}

impl StateFolder {
    /// Opens the folder at `path`, creating it for this user alone if it is missing.
    ///
    /// # Errors
    /// [`StorageError::Format`] if another version of the host wrote it, otherwise
    /// [`StorageError::Io`].
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        durable::create_folder(path)?;
        let format = path.join(FORMAT_FILE);
        match fs::read(&format) {
            Ok(bytes) => check_format(&format, &bytes)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                durable::write_file(path, FORMAT_FILE, format!("{FORMAT}\n").as_bytes())?;
            }
            Err(error) => return Err(StorageError::io("read", &format)(error)),
        }
        Ok(Self { path: path.to_path_buf() })
    }

    /// The paths of a folder that is being made.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database of the host's own records, see [`Journal`](crate::Journal).
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.path.join(CONTROL_FILE)
    }

    /// The database of the guests' data, see [`KeyValue`](crate::KeyValue).
    #[must_use]
    pub fn guests(&self) -> PathBuf {
        self.path.join(GUESTS_FILE)
    }

    /// The folder of components, see [`Artifacts`](crate::Artifacts).
    #[must_use]
    pub fn artifacts(&self) -> PathBuf {
        self.path.join(ARTIFACTS_FOLDER)
    }

    /// Where a backup keeps what it needs while it is made, see [`backup`](crate::backup).
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.path.join("backup.unfinished")
    }
}

fn check_format(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let found = String::from_utf8_lossy(bytes);
    let found = found.trim_end();
    if found == FORMAT {
        return Ok(());
    }
    Err(StorageError::Format {
        path: path.to_path_buf(),
        found: found.chars().take(FOUND_CHARS_MAX).flat_map(char::escape_debug).collect(),
        expected: FORMAT.to_owned(),
    })
}

#[cfg(test)]
mod tests;
