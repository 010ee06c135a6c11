//! What tells one state of a file from another without reading it.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Which file it is, how large, and when it was changed. Equal stamps at moments a second apart
/// mean the same content, as nobody writes that fast without the clock moving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    /// Permissions and owner count as well: what could not be read may be readable now.
    changed: (i64, i64),
}

/// Which folder it is, wherever its name has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Stamp {
    /// Of an open file, or of what was asked about it.
    #[must_use]
    pub fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }

    /// Of the file that `path` leads to, if it leads to any.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|found| Self::of(&found))
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

impl Identity {
    /// Of the folder that `path` leads to, if it leads to any.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok().filter(Metadata::is_dir)?;
        Some(Self { device: found.dev(), inode: found.ino() })
    }
}
