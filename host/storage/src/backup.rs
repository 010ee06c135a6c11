//! Everything the host remembers from one moment as one tar, and a state folder made of it.
//!
//! ```text
//! journal ── copy of a moment ──┐
//! artifacts ── second names ────┼─ scratch ── tar: backup.json, format, control.redb, guests.redb, artifacts/*.wasm
//! guests ── copy of a moment ───┘
//! ```
//!
//! The host serves and deploys meanwhile, and nobody has to hold still. An artifact is on the disk
//! before the journal names it and goes after, so those that the journal names at some moment are
//! there before it or right after. One that came and went in between makes the journal be copied
//! again. Whatever was acknowledged to a guest before the backup began is in it.

mod manifest;
mod restore;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use hostel_model::digest::Digest;
use sha2::{Digest as _, Sha256};

use self::manifest::{MANIFEST, Manifest, Member};
pub use self::restore::restore;
use crate::artifact::Artifacts;
use crate::durable::{FILE_MODE, FOLDER_MODE};
use crate::error::StorageError;
use crate::journal::Journal;
use crate::keyvalue::KeyValue;
use crate::state::{ARTIFACTS_FOLDER, CONTROL_FILE, FORMAT, FORMAT_FILE, GUESTS_FILE};

/// How often the journal is copied until all the artifacts it names are there. Each time takes a
/// revision that is deployed and collected again within milliseconds, so if the last fails too,
/// one is really missing.
const ATTEMPTS: u32 = 5;

/// What is kept.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The host's own records.
    pub journal: &'a Journal,
    /// The guests' data.
    pub keyvalue: &'a KeyValue,
    /// The components.
    pub artifacts: &'a Artifacts,
    /// A folder that the backup makes for itself and takes away again, with room for both databases;
    /// [`StateFolder::scratch`](crate::StateFolder::scratch). One backup at a time uses it.
    pub scratch: &'a Path,
}

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// When it was made, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// Bytes of the host's own records.
    pub control_bytes: u64,
    /// Bytes of the guests' data.
    pub guests_bytes: u64,
    /// Components.
    pub artifacts: u64,
    /// Bytes of all the components.
    pub artifact_bytes: u64,
}

/// Writes a backup of `source`, made at `at_unix_ms`, to `out`. Blocks for as long as that takes.
///
/// # Errors
/// [`StorageError::Missing`] if the component of something that serves is not there,
/// [`StorageError::Corrupt`] if a component has changed on the disk, [`StorageError::Stream`] if
/// `out` fails, otherwise I/O. What `out` got so far is then no backup and will not be restored.
pub fn write(source: &Source<'_>, at_unix_ms: u64, out: impl Write) -> Result<Summary, StorageError> {
    let scratch = Scratch::make(source.scratch)?;
    scratch.take(source)?;
    let manifest = scratch.manifest(at_unix_ms)?;
    let mut tar = tar::Builder::new(out);
    let text = manifest.text().map_err(written)?;
    tar.append(&header(MANIFEST, text.len() as u64, at_unix_ms).map_err(written)?, text.as_slice()).map_err(written)?;
    for (member, bytes) in manifest.members() {
        scratch.append(&mut tar, member, bytes, at_unix_ms)?;
    }
    tar.into_inner().and_then(|mut out| out.flush()).map_err(written)?;
    Ok(manifest.summary())
}

/// Takes away what a backup left in `scratch` when the host was killed. For the start of the host.
///
/// # Errors
/// [`StorageError::Io`].
pub fn sweep(scratch: &Path) -> Result<(), StorageError> {
    match fs::remove_dir_all(scratch) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StorageError::io("remove", scratch)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The folder in which the parts of one moment come together. Taken away when dropped.
struct Scratch<'a> {
    path: &'a Path,
    /// The artifacts that have a second name in it.
    linked: RefCell<BTreeSet<Digest>>,
}

impl<'a> Scratch<'a> {
    fn make(path: &'a Path) -> Result<Self, StorageError> {
        sweep(path)?;
        create(path)?;
        Ok(Self { path, linked: RefCell::default() })
    }

    /// Copies both databases, and gives the artifacts second names.
    fn take(&self, source: &Source<'_>) -> Result<(), StorageError> {
        let format = self.path.join(FORMAT_FILE);
        fs::write(&format, format!("{FORMAT}\n")).map_err(StorageError::io("write", &format))?;
        create(&self.path.join(ARTIFACTS_FOLDER))?;
        // Most of the work is done before the moment that counts.
        self.link(source.artifacts)?;
        let mut attempt = 1;
        while !self.take_deployments(source, attempt == ATTEMPTS)? {
            attempt += 1;
        }
        source.keyvalue.copy_to(&self.path.join(GUESTS_FILE))
    }

    /// Gives those artifacts second names that have none yet.
    fn link(&self, artifacts: &Artifacts) -> Result<(), StorageError> {
        let mut linked = self.linked.borrow_mut();
        let folder = self.path.join(ARTIFACTS_FOLDER);
        for digest in artifacts.list()? {
            if !linked.contains(&digest) && artifacts.link(&digest, &folder)? {
                linked.insert(digest);
            }
        }
        Ok(())
    }

    /// Copies the journal, and says whether all the artifacts that it names are there; the last time
    /// it is an error if one of something that serves is not.
    fn take_deployments(&self, source: &Source<'_>, last: bool) -> Result<bool, StorageError> {
        let control = self.path.join(CONTROL_FILE);
        match fs::remove_file(&control) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StorageError::io("remove", &control)(error));
            }
            Ok(()) | Err(_) => {}
        }
        source.journal.copy_with(&control, || self.link(source.artifacts))?;
        let linked = self.linked.borrow();
        let named = Named::by(&Journal::open(&control)?)?;
        match named.serving.iter().find(|digest| !linked.contains(digest)) {
            Some(missing) if last => Err(StorageError::Missing { path: source.artifacts.path(missing) }),
            Some(_) => Ok(false),
            // What is missing of the ways back was missing before; the rest is worth keeping.
            None => Ok(last || named.kept.iter().all(|digest| linked.contains(digest))),
        }
    }

    fn manifest(&self, at_unix_ms: u64) -> Result<Manifest, StorageError> {
        let folder = self.path.join(ARTIFACTS_FOLDER);
        let artifacts = Artifacts::open(&folder)?.list()?;
        let members = [Member::Format, Member::Control, Member::Guests].into_iter();
        let mut manifest = Manifest::new(at_unix_ms);
        for member in members.chain(artifacts.into_iter().map(Member::Artifact)) {
            let path = member.path(self.path);
            let bytes = fs::metadata(&path).map_err(StorageError::io("read", &path))?.len();
            manifest.add(member, bytes);
        }
        Ok(manifest)
    }

    fn append(
        &self,
        tar: &mut tar::Builder<impl Write>,
        member: Member,
        bytes: u64,
        at_unix_ms: u64,
    ) -> Result<(), StorageError> {
        let path = member.path(self.path);
        let file = File::open(&path).map_err(StorageError::io("read", &path))?;
        let mut reading = Reading { file, hasher: Sha256::new(), failed: None };
        let header = header(&member.to_string(), bytes, at_unix_ms).map_err(written)?;
        let appended = tar.append(&header, &mut reading);
        if let Some(error) = reading.failed {
            return Err(StorageError::io("read", &path)(error));
        }
        appended.map_err(written)?;
        let digest = Digest::from(<[u8; 32]>::from(reading.hasher.finalize()));
        if let Member::Artifact(name) = member
            && name != digest
        {
            return Err(StorageError::Corrupt { path, detail: format!("its bytes have the digest `{digest}`") });
        }
        Ok(())
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        // What stays is swept before the next backup, or by the next start.
        let _swept_later = fs::remove_dir_all(self.path);
    }
}

/// The artifacts that a journal needs.
struct Named {
    /// By what serves now or gets a share.
    serving: Vec<Digest>,
    /// By the revisions that there is a way back to.
    kept: Vec<Digest>,
}

impl Named {
    fn by(journal: &Journal) -> Result<Self, StorageError> {
        let mut named = Self { serving: Vec::new(), kept: Vec::new() };
        for (service, entry) in journal.standings()? {
            let candidate = entry.standing.candidate.map(|candidate| candidate.revision);
            let serving = [entry.standing.live, candidate].into_iter().flatten();
            named.serving.extend(serving.map(|revision| revision.digest));
            named.kept.extend(journal.revisions(&service)?.iter().map(|kept| kept.revision.digest));
        }
        Ok(named)
    }
}

/// A file that tells its own failures from those of whoever it is read for.
struct Reading {
    file: File,
    hasher: Sha256,
    failed: Option<io::Error>,
}

impl Read for Reading {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.file.read(out) {
            Ok(count) => {
                self.hasher.update(out.get(..count).unwrap_or_default());
                Ok(count)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
        }
    }
}

fn header(name: &str, bytes: u64, at_unix_ms: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name)?;
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(FILE_MODE);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(at_unix_ms / 1_000);
    header.set_cksum();
    Ok(header)
}

/// A folder that only this user may enter; it must be new.
fn create(path: &Path) -> Result<(), StorageError> {
    DirBuilder::new().mode(FOLDER_MODE).create(path).map_err(StorageError::io("create the folder", path))
}

fn written(source: io::Error) -> StorageError {
    StorageError::Stream { action: "write", source }
}

#[cfg(test)]
mod tests;
