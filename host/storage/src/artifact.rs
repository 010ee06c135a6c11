//! Components as files named by the digest of their bytes, checked whenever they are read.
//!
//! A name that is the content's digest makes writing idempotent and damage visible: the host
//! never compiles bytes other than the ones that were deployed.

mod upload;

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hostel_model::digest::Digest;

pub use self::upload::Upload;
use crate::durable::{self, UNFINISHED};
use crate::error::StorageError;

/// Ends the name of an artifact; before it stand the 64 hex digits of its digest.
const EXTENSION: &str = "wasm";

/// The folder of components. One host at a time uses it.
#[derive(Debug)]
pub struct Artifacts {
    folder: PathBuf,
}

impl Artifacts {
    /// Opens the folder at `path`, creating it if it is missing, and sweeps what a crash left.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        durable::create_folder(path)?;
        let artifacts = Self { folder: path.to_path_buf() };
        artifacts.sweep()?;
        Ok(artifacts)
    }

    /// Keeps `bytes`; they are durable when this returns. Keeping them again costs a read, and
    /// repairs a damaged file.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, StorageError> {
        let digest = Digest::of(bytes);
        match self.get(&digest) {
            Ok(_) => return Ok(digest),
            Err(StorageError::Missing { .. } | StorageError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        durable::write_file(&self.folder, &file_name(&digest), bytes)?;
        Ok(digest)
    }

    /// Begins an artifact that arrives piece by piece.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn begin(&self) -> Result<Upload, StorageError> {
        Upload::begin(&self.folder)
    }

    /// Bytes of the file kept under `digest`, if there is one. They are not read.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn size(&self, digest: &Digest) -> Result<Option<u64>, StorageError> {
        Ok(self.metadata(digest)?.map(|metadata| metadata.len()))
    }

    /// How long before `now` the file under `digest` was written, if there is one; zero if after.
    ///
    /// What an upload brings is not in the journal until it is deployed, so whoever collects
    /// artifacts that nothing names passes over the young ones.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn age(&self, digest: &Digest, now: SystemTime) -> Result<Option<Duration>, StorageError> {
        let Some(metadata) = self.metadata(digest)? else {
            return Ok(None);
        };
        let written = metadata.modified().map_err(StorageError::io("read", &self.path(digest)))?;
        Ok(Some(now.duration_since(written).unwrap_or_default()))
    }

    /// The bytes that were kept under `digest`.
    ///
    /// # Errors
    /// [`StorageError::Missing`], [`StorageError::Corrupt`] if the file holds other bytes,
    /// otherwise [`StorageError::Io`].
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, StorageError> {
        let path = self.path(digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StorageError::Missing { path });
            }
            Err(error) => return Err(StorageError::io("read", &path)(error)),
        };
        if Digest::of(&bytes) == *digest {
            return Ok(bytes);
        }
        Err(StorageError::Corrupt { path, detail: "its bytes do not have the digest that is its name".to_owned() })
    }

    /// Forgets `digest`; not having it is no error.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn remove(&self, digest: &Digest) -> Result<(), StorageError> {
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Ok(()) => durable::sync_folder(&self.folder),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StorageError::io("remove", &path)(error)),
        }
    }

    /// Every digest kept, in order; the files are not read. Files of other names are passed over.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn list(&self) -> Result<Vec<Digest>, StorageError> {
        let mut digests: Vec<Digest> = self.names()?.iter().filter_map(|name| digest_of(name)).collect();
        digests.sort_unstable();
        Ok(digests)
    }

    fn metadata(&self, digest: &Digest) -> Result<Option<Metadata>, StorageError> {
        let path = self.path(digest);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("read", &path)(error)),
        }
    }

    /// Where the file of `digest` is, or would be.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(file_name(digest))
    }

    /// Gives what is kept under `digest` a second name in `folder`, under which it stays although it is
    /// removed here. Says whether there is something.
    pub(crate) fn link(&self, digest: &Digest, folder: &Path) -> Result<bool, StorageError> {
        let path = self.path(digest);
        let second = folder.join(file_name(digest));
        let linked = fs::hard_link(&path, &second).or_else(|refused| match refused.kind() {
            ErrorKind::NotFound | ErrorKind::AlreadyExists => Err(refused),
            // Not every file system has second names, and `folder` may be on another one.
            _ => copy(&path, &second),
        });
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StorageError::io("copy", &path)(error)),
        }
    }

    /// Removes files whose writing a crash cut short.
    fn sweep(&self) -> Result<(), StorageError> {
        for name in self.names()? {
            if name.starts_with('.') && name.ends_with(UNFINISHED) {
                let path = self.folder.join(name);
                fs::remove_file(&path).map_err(StorageError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, StorageError> {
        let failed = || StorageError::io("list", &self.folder);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed())? {
            // No name of ours is anything but UTF-8.
            if let Ok(name) = entry.map_err(failed())?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// Never writes to a file that is there: it might be the first under its second name.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut to = File::create_new(to)?;
    io::copy(&mut File::open(from)?, &mut to).map(drop)
}

/// What the file of an artifact is called.
pub(crate) fn file_name(digest: &Digest) -> String {
    format!("{digest}.{EXTENSION}")
}

/// Which artifact the file `name` holds, if one of them is called so.
pub(crate) fn digest_of(name: &str) -> Option<Digest> {
    name.strip_suffix(EXTENSION)?.strip_suffix('.')?.parse().ok()
}

#[cfg(test)]
mod tests;
