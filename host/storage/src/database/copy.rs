//! Copies of a database's files: of a moment while it is written, and before its format changes.
//!
//! A copy gets its format version last. One that was cut short has none, and no host opens it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::ReadTransaction;

use super::backing::builder;
use super::table::CopyFailed;
use super::{Layout, gave_up};
use crate::durable::{self, FILE_MODE, UNFINISHED};
use crate::error::StorageError;

/// Memory for pages of a copy while it is made. Little, because each is written once and not read.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Which of the two files failed.
pub(super) enum Failed {
    From(StorageError),
    To(StorageError),
}

/// Writes what `moment` sees of the database at `from` to the new file `to`, durably.
pub(super) fn of_moment(layout: &Layout, (from, moment): (&Path, &ReadTransaction), to: &Path) -> Result<(), Failed> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(to);
    let file = file.map_err(|error| Failed::To(StorageError::io("create", to)(error)))?;
    let filled = catch_unwind(AssertUnwindSafe(|| fill(layout, moment, file)));
    let written = match filled {
        Ok(Ok(())) => to.parent().map_or(Ok(()), durable::sync_folder).map_err(Failed::To),
        Ok(Err(CopyFailed::From(error))) => Err(Failed::From(StorageError::database(from, error))),
        Ok(Err(CopyFailed::To(error))) => Err(Failed::To(StorageError::database(to, error))),
        Err(_panic) => Err(Failed::From(gave_up(from))),
    };
    if written.is_err() {
        // Why it failed is what matters; what is left is no database.
        let _left = fs::remove_file(to);
    }
    written
}

fn fill(layout: &Layout, moment: &ReadTransaction, file: File) -> Result<(), CopyFailed> {
    let failed = |error: io::Error| CopyFailed::To(redb::Error::Io(error));
    let synced = file.try_clone().map_err(failed)?;
    let opened = builder().set_cache_size(CACHE_BYTES).create_file(file);
    let database = opened.map_err(|error| CopyFailed::To(error.into()))?;
    for table in layout.tables {
        table.copy(moment, &database)?;
    }
    layout.make(&database).map_err(CopyFailed::To)?;
    drop(database);
    // Closing it wrote once more.
    synced.sync_all().map_err(failed)
}

/// Keeps the file at `path` as it is under a name with `version`, unless there is such a file already.
/// Whoever calls this holds the lock on `path`.
pub(super) fn of_version(path: &Path, version: u64) -> Result<(), StorageError> {
    let kept = beside(path, &format!("v{version}"));
    match fs::symlink_metadata(&kept) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(StorageError::io("read", &kept)(error)),
    }
    // An attempt that was cut short left a file of this name, which is of no use.
    let unfinished = beside(path, &format!("v{version}.{UNFINISHED}"));
    let copied = (|| {
        let mut from = File::open(path)?;
        let mut to = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&unfinished)?;
        io::copy(&mut from, &mut to)?;
        to.sync_all()?;
        fs::rename(&unfinished, &kept)
    })();
    if let Err(error) = copied {
        // The next attempt begins it anew.
        let _left = fs::remove_file(&unfinished);
        return Err(StorageError::io("copy the database of an older host to", &kept)(error));
    }
    kept.parent().map_or(Ok(()), durable::sync_folder)
}

/// The path with `.ending` added.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
