//! Where a database's bytes are: a file, or in tests a disk that fails on demand.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, DatabaseError, StorageBackend};

use super::copy;
use super::frozen::Frozen;
use crate::durable::{FILE_MODE, UNFINISHED};
use crate::error::StorageError;

/// Memory for pages of one database. redb's own default of 1 GiB is more than a small machine
/// has; the operating system caches the file as well.
pub(crate) const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// Opens the same bytes again and again.
pub(crate) trait Backing: Debug + Send + Sync {
    /// Opens the database for reading and writing, creating it if it is missing.
    fn open(&self) -> Result<redb::Database, DatabaseError>;

    /// The bytes for reading alone, for when the disk takes no writes.
    fn read_only(&self) -> Result<Box<dyn StorageBackend>, DatabaseError>;

    /// Keeps a durable copy of what is there, of the version `version`, unless one was kept before.
    /// The database is open, and nobody writes to it.
    fn keep(&self, version: u64) -> Result<(), StorageError>;
}

/// A database in a file.
#[derive(Debug)]
pub(crate) struct FileBacking(pub(crate) PathBuf);

impl Backing for FileBacking {
    fn open(&self) -> Result<redb::Database, DatabaseError> {
        if !self.0.try_exists()? {
            make(&self.0)?;
        }
        let file = OpenOptions::new().read(true).write(true).open(&self.0)?;
        // Without this a power cut may take the whole new file with all that was acknowledged.
        if let Some(folder) = self.0.parent() {
            File::open(folder)?.sync_all()?;
        }
        builder().create_file(file)
    }

    fn read_only(&self) -> Result<Box<dyn StorageBackend>, DatabaseError> {
        Ok(Box::new(FileBackend::new(File::open(&self.0)?)?))
    }

    fn keep(&self, version: u64) -> Result<(), StorageError> {
        copy::of_version(&self.0, version)
    }
}

/// Makes an empty database under another name, which then gets its own in one step. It is made in several
/// writes, and what a kill leaves of them would be taken for no database at every later start.
fn make(path: &Path) -> Result<(), DatabaseError> {
    sweep(path)?;
    // Two hosts that start at once make one each.
    let unfinished = path.with_extension(format!("{}.{UNFINISHED}", std::process::id()));
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(FILE_MODE).open(&unfinished)?;
    drop(builder().create_file(file)?);
    // Not by renaming: that would replace what another host has made meanwhile.
    match fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(fs::remove_file(&unfinished)?),
    }
}

/// Removes what a kill has left. If it is somebody's who is at it just now, that one fails, and starts again.
fn sweep(path: &Path) -> io::Result<()> {
    let (Some(folder), Some(stem)) = (path.parent(), path.file_stem().and_then(OsStr::to_str)) else {
        return Ok(());
    };
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let left = name.to_str().and_then(|name| name.strip_prefix(stem)?.strip_suffix(UNFINISHED));
        if left.is_some_and(|left| left.starts_with('.') && left.ends_with('.')) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The settings that every opening shares.
pub(crate) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Opens what `backing` holds so that it can be read, with no write reaching it.
pub(super) fn open_frozen(backing: &dyn Backing) -> Result<redb::Database, DatabaseError> {
    builder().create_with_backend(Frozen::new(backing.read_only()?)?)
}

/// Tells a file that is no database from a disk that failed.
pub(super) fn opening_failed(path: &Path, error: DatabaseError) -> StorageError {
    match error.into() {
        redb::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
            StorageError::NotADatabase { path: path.to_path_buf() }
        }
        other => StorageError::database(path, other),
    }
}
