//! A state folder made of a backup, wholly or not at all.
//!
//! A backup is not trusted: it may be cut short, damaged or forged. Nothing in it names a place;
//! each of its files goes where the file of that name belongs, and there are no others. All of it
//! is written apart from the place where it will be, proved and synced, before it is put there (`place.rs`).

mod place;

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hostel_model::digest::Digest;
use sha2::{Digest as _, Sha256};

use self::place::{Half, Place};
use super::manifest::{MANIFEST, MANIFEST_BYTES_MAX, Manifest, Member, shown};
use super::{Named, Summary};
use crate::artifact::Artifacts;
use crate::database::Database;
use crate::durable::FILE_MODE;
use crate::error::StorageError;
use crate::journal::{self, Journal};
use crate::keyvalue;
use crate::state::StateFolder;

/// Bytes that are read and written at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Makes the state folder `state` of the backup that `input` holds. There must be nothing at `state`, or
/// an empty folder, which may be a mount point. It is durable when this returns. Blocks for as long as that takes.
///
/// # Errors
/// [`StorageError::NotEmpty`] if something is there, [`StorageError::NotABackup`],
/// [`StorageError::Format`] and [`StorageError::Corrupt`] if `input` holds no whole backup that this
/// host can read, [`StorageError::Stream`] if it cannot be read on, otherwise I/O. Nothing has changed then.
pub fn restore(input: impl Read, state: &Path) -> Result<Summary, StorageError> {
    let half = Half::make(Place::find(state)?)?;
    let summary = half.receive(input)?;
    half.prove()?;
    half.put_in()?;
    Ok(summary)
}

impl Half {
    /// Writes every file of the backup, each durably.
    fn receive(&self, input: impl Read) -> Result<Summary, StorageError> {
        let mut tar = tar::Archive::new(input);
        // Raw: no extensions, which are read whole into memory and can give a file another name.
        let mut entries = tar.entries().map_err(unreadable)?.raw(true);
        let first = entries.next().ok_or_else(|| wrong("it is empty"))?.map_err(unreadable)?;
        let manifest = manifest(first)?;
        let mut missing: BTreeSet<Member> = manifest.members().map(|(member, _)| member).collect();
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            check_kind(&entry)?;
            let member = manifest.expected(&entry.header().path_bytes(), entry.size())?;
            if !missing.remove(&member) {
                return Err(wrong(&format!("`{member}` is in it twice")));
            }
            self.write(member, entry)?;
        }
        if let Some(member) = missing.first() {
            return Err(wrong(&format!("`{member}` is missing")));
        }
        Ok(manifest.summary())
    }

    fn write(&self, member: Member, mut entry: tar::Entry<'_, impl Read>) -> Result<(), StorageError> {
        let path = member.path(self.path());
        let writing = || StorageError::io("write", &path);
        let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path);
        let mut file: File = file.map_err(StorageError::io("create", &path))?;
        let (mut hasher, mut bytes, mut piece) = (Sha256::new(), 0_u64, vec![0; PIECE_BYTES]);
        loop {
            let count = match entry.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            let read = piece.get(..count).unwrap_or_default();
            hasher.update(read);
            file.write_all(read).map_err(writing())?;
            bytes += count as u64;
        }
        if bytes != entry.size() {
            return Err(wrong(&format!("it ends in the middle of `{member}`")));
        }
        let digest = Digest::from(<[u8; 32]>::from(hasher.finalize()));
        match member {
            Member::Artifact(name) if name != digest => Err(wrong(&format!("the bytes of `{member}` are others"))),
            Member::Artifact(_) | Member::Format | Member::Control | Member::Guests => {
                file.sync_all().map_err(writing())
            }
        }
    }

    /// Opens all of it as a start would, and reads it.
    fn prove(&self) -> Result<(), StorageError> {
        let folder = StateFolder::open(self.path())?;
        Database::verify(&folder.control(), journal::LAYOUT)?;
        Database::verify(&folder.guests(), keyvalue::LAYOUT)?;
        let journal = Journal::open(&folder.control())?;
        journal.entries()?;
        let artifacts = Artifacts::open(&folder.artifacts())?;
        for digest in Named::by(&journal)?.serving {
            if artifacts.size(&digest)?.is_none() {
                return Err(wrong(&format!("`{}` serves and is missing", Member::Artifact(digest))));
            }
        }
        Ok(())
    }
}

fn manifest(mut first: tar::Entry<'_, impl Read>) -> Result<Manifest, StorageError> {
    check_kind(&first)?;
    if *first.header().path_bytes() != *MANIFEST.as_bytes() || first.size() > MANIFEST_BYTES_MAX {
        return Err(wrong(&format!("it does not begin with `{MANIFEST}`")));
    }
    let mut text = Vec::new();
    first.read_to_end(&mut text).map_err(unreadable)?;
    Manifest::parse(&text)
}

/// Only plain files: no links, folders or devices, and no entries that change the meaning of others.
fn check_kind(entry: &tar::Entry<'_, impl Read>) -> Result<(), StorageError> {
    if entry.header().entry_type() == tar::EntryType::Regular {
        return Ok(());
    }
    let name = entry.header().path_bytes();
    Err(wrong(&format!("`{}` is not a plain file", shown(&String::from_utf8_lossy(&name)))))
}

fn wrong(detail: &str) -> StorageError {
    StorageError::NotABackup { detail: detail.to_owned() }
}

fn unreadable(source: std::io::Error) -> StorageError {
    StorageError::Stream { action: "read", source }
}

#[cfg(test)]
mod tests;
