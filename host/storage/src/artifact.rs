//! Components as files named by the digest of their bytes, checked whenever they are read.
//!
//! A name that is the content's digest makes writing idempotent and damage visible: the host
//! never compiles bytes other than the ones that were deployed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hostel_model::digest::Digest;

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

    /// The bytes that were kept under `digest`.
    ///
    /// # Errors
    /// [`StorageError::Missing`], [`StorageError::Corrupt`] if the file holds other bytes,
    /// otherwise [`StorageError::Io`].
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, StorageError> {
        let path = self.folder.join(file_name(digest));
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
        let path = self.folder.join(file_name(digest));
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
        let mut digests: Vec<Digest> = self
            .names()?
            .iter()
            .filter_map(|name| name.strip_suffix(EXTENSION)?.strip_suffix('.')?.parse().ok())
            .collect();
        digests.sort_unstable();
        Ok(digests)
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

fn file_name(digest: &Digest) -> String {
    format!("{digest}.{EXTENSION}")
}

#[cfg(test)]
mod tests;
