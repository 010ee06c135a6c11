//! An artifact that arrives piece by piece, and gets its name once its digest is known.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hostel_model::digest::Digest;
use hostel_model::limits::fixed;
use sha2::{Digest as _, Sha256};

use crate::durable;
use crate::error::StorageError;

/// What the file is called until it is whole. A crash leaves it, and the next start sweeps it.
const NAME: &str = "upload";

/// A component on its way to the disk. Dropping it unfinished takes its file away.
#[derive(Debug)]
pub struct Upload {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    hasher: Sha256,
    bytes: u64,
    /// A piece is missing: what is there must never get a name.
    broken: bool,
    /// There is no file at `path` any more, or it belongs to somebody else.
    renamed: bool,
}

impl Upload {
    pub(super) fn begin(folder: &Path) -> Result<Self, StorageError> {
        let (path, file) = durable::temporary(folder, NAME)?;
        let folder = folder.to_path_buf();
        Ok(Self { folder, path, file, hasher: Sha256::new(), bytes: 0, broken: false, renamed: false })
    }

    /// Adds `piece` to the end.
    ///
    /// # Errors
    /// [`StorageError::TooLarge`] if the whole would be more than [`fixed::COMPONENT_FILE`], otherwise
    /// [`StorageError::Io`]. After an error the upload can only be dropped.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), StorageError> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        self.check()?;
        if let Err(error) = self.file.write_all(piece) {
            self.broken = true;
            return Err(StorageError::io("write", &self.path)(error));
        }
        self.hasher.update(piece);
        Ok(())
    }

    /// Keeps what was written; it is durable when this returns. Says its digest and its bytes.
    ///
    /// # Errors
    /// As [`Upload::write`]; nothing is kept then.
    pub fn finish(mut self) -> Result<(Digest, u64), StorageError> {
        self.check()?;
        let digest = Digest::from(<[u8; 32]>::from(std::mem::take(&mut self.hasher).finalize()));
        let name = self.folder.join(super::file_name(&digest));
        self.file.sync_all().and_then(|()| fs::rename(&self.path, &name)).map_err(StorageError::io("write", &name))?;
        self.renamed = true;
        durable::sync_folder(&self.folder)?;
        Ok((digest, self.bytes))
    }

    fn check(&self) -> Result<(), StorageError> {
        if self.bytes > fixed::COMPONENT_FILE.0 {
            return Err(StorageError::TooLarge { limit: fixed::COMPONENT_FILE });
        }
        if self.broken {
            return Err(StorageError::io("write", &self.path)(io::ErrorKind::BrokenPipe.into()));
        }
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.renamed {
            // What cannot be removed now is swept at the next start.
            let _swept_later = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
