//! Files that are either wholly there or not at all, whenever the power goes.
//!
//! The bytes go to a file of another name in the same folder, are synced, and then take the
//! final name in one step; syncing the folder makes the name durable too.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::StorageError;

/// Ends the name of a file that is being written. What a crash leaves behind carries it.
pub(crate) const UNFINISHED: &str = "unfinished";

/// Only the host's own user may enter: the folder holds secrets of guests.
pub(crate) const FOLDER_MODE: u32 = 0o700;
/// Only the host's own user may read, wherever the folder is copied.
pub(crate) const FILE_MODE: u32 = 0o600;
/// More writers than this never put the same file at once.
const TEMPORARY_NAMES_MAX: u32 = 1_000;

/// Makes `folder` and whatever is missing above it, for the host's user alone.
pub(crate) fn create_folder(folder: &Path) -> Result<(), StorageError> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(StorageError::io("create the folder", folder))?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => Ok(()),
    }
}

/// Writes `bytes` to `folder`/`name`, replacing what was there; durable when it returns.
///
/// Only the host's own user can read it, at any moment.
///
/// # Errors
/// When the system refuses; what was there is then still there.
pub fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
    let (path, mut file) = temporary(folder, name)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&path, folder.join(name)));
    if let Err(error) = written {
        // The write's own failure is what matters; a leftover is swept at the next start.
        let _swept_later = fs::remove_file(&path);
        return Err(StorageError::io("write", &folder.join(name))(error));
    }
    sync_folder(folder)
}

/// Makes names that were added to or removed from `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StorageError> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(StorageError::io("sync the folder", folder))
}

/// A file that nobody else is writing, beside the one that it will become.
pub(crate) fn temporary(folder: &Path, name: &str) -> Result<(PathBuf, File), StorageError> {
    let mut attempt = 0;
    loop {
        let path = folder.join(format!(".{name}.{attempt}.{UNFINISHED}"));
        let opened = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path);
        match opened {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < TEMPORARY_NAMES_MAX => {
                attempt += 1;
            }
            Err(error) => return Err(StorageError::io("create", &path)(error)),
        }
    }
}
