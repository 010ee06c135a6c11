//! The ordered record of what was deployed and removed: the truth about services after a restart.
//!
//! Entries are JSON inside the database, so that a later version of the host can add fields and
//! still read what an earlier one wrote. Appending blocks for two syncs of the disk, so only the
//! thread that deploys does it.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use hostel_model::digest::{Digest, RevisionNumber};
use hostel_model::name::ServiceName;
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::database::{Database, FileBacking, Layout, Verdict};
use crate::error::StorageError;

/// Entries by sequence number.
const ENTRIES: TableDefinition<u64, &[u8]> = TableDefinition::new("journal");
/// Each service's newest sequence number.
const LATEST: TableDefinition<&str, u64> = TableDefinition::new("latest");

const LAYOUT: Layout = Layout { name: "control", version: 1, create: create_tables };

/// The host's own records.
#[derive(Debug)]
pub struct Journal {
    database: Database,
    path: PathBuf,
}

/// What happened to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The revision became the one that serves.
    Deployed,
    /// The service was taken away; the revision is the last that served.
    Removed,
}

/// An event to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// Time of day in milliseconds since 1970, for people; the order is the sequence's.
    pub at_unix_ms: u64,
    /// The service.
    pub service: ServiceName,
    /// Its revision.
    pub revision: RevisionNumber,
    /// The revision's component.
    pub digest: Digest,
    /// What happened.
    pub change: Change,
}

/// An event that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order, from 1, without gaps.
    pub sequence: u64,
    /// Time of day in milliseconds since 1970, for people.
    pub at_unix_ms: u64,
    /// The service.
    pub service: ServiceName,
    /// Its revision.
    pub revision: RevisionNumber,
    /// The revision's component.
    pub digest: Digest,
    /// What happened.
    pub change: Change,
}

/// An entry as it is stored. Its own type, so that a change of the types above cannot change
/// what is on disk unseen.
#[derive(Serialize, Deserialize)]
struct Record {
    at_unix_ms: u64,
    service: String,
    revision: u64,
    digest: String,
    change: Change,
}

impl Journal {
    /// Opens or creates the journal in the file at `path`.
    ///
    /// # Errors
    /// [`StorageError::InUse`] if another host has it, [`StorageError::Format`] and
    /// [`StorageError::NotADatabase`] if it is something else, otherwise I/O.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let backing = Box::new(FileBacking(path.to_path_buf()));
        Ok(Self { database: Database::open(path, LAYOUT, backing)?, path: path.to_path_buf() })
    }

    /// Records `entry`; it is durable when this returns.
    ///
    /// # Errors
    /// I/O; whether the entry is on the disk is then told by [`Journal::latest`].
    pub fn append(&self, entry: NewEntry) -> Result<Entry, StorageError> {
        let record = Record::from(&entry);
        let bytes = serde_json::to_vec(&record).map_err(|error| self.corrupt(&error))?;
        let sequence = self.database.write(|transaction| {
            let mut entries = transaction.open_table(ENTRIES)?;
            let sequence = entries.last()?.map_or(0, |(last, _)| last.value()) + 1;
            entries.insert(sequence, bytes.as_slice())?;
            transaction.open_table(LATEST)?.insert(record.service.as_str(), sequence)?;
            Ok((Verdict::Commit, sequence))
        })?;
        Ok(entry.recorded(sequence))
    }

    /// Every entry, oldest first.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if an entry cannot be read, otherwise I/O.
    pub fn entries(&self) -> Result<Vec<Entry>, StorageError> {
        let rows = self.database.read(|transaction| {
            let mut rows = Vec::new();
            for row in transaction.open_table(ENTRIES)?.iter()? {
                let (sequence, bytes) = row?;
                rows.push((sequence.value(), bytes.value().to_vec()));
            }
            Ok(rows)
        })?;
        rows.iter().map(|(sequence, bytes)| self.decode(*sequence, bytes)).collect()
    }

    /// The newest entry of `service`, if it ever had one.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the entry cannot be read, otherwise I/O.
    pub fn latest(&self, service: &ServiceName) -> Result<Option<Entry>, StorageError> {
        let row = self.database.read(|transaction| {
            let Some(sequence) = transaction.open_table(LATEST)?.get(service.as_str())? else {
                return Ok(None);
            };
            let sequence = sequence.value();
            let bytes = transaction.open_table(ENTRIES)?.get(sequence)?;
            Ok(Some((sequence, bytes.map(|bytes| bytes.value().to_vec()))))
        })?;
        match row {
            None => Ok(None),
            Some((sequence, Some(bytes))) => self.decode(sequence, &bytes).map(Some),
            Some((sequence, None)) => Err(self.corrupt(&format!("entry {sequence} is missing"))),
        }
    }

    fn decode(&self, sequence: u64, bytes: &[u8]) -> Result<Entry, StorageError> {
        let record: Record =
            serde_json::from_slice(bytes).map_err(|error| self.corrupt(&format!("entry {sequence}: {error}")))?;
        record.into_entry(sequence).ok_or_else(|| self.corrupt(&format!("entry {sequence} has an impossible name")))
    }

    fn corrupt(&self, detail: &dyn std::fmt::Display) -> StorageError {
        StorageError::Corrupt { path: self.path.clone(), detail: detail.to_string() }
    }
}

impl NewEntry {
    fn recorded(self, sequence: u64) -> Entry {
        Entry {
            sequence,
            at_unix_ms: self.at_unix_ms,
            service: self.service,
            revision: self.revision,
            digest: self.digest,
            change: self.change,
        }
    }
}

impl From<&NewEntry> for Record {
    fn from(entry: &NewEntry) -> Self {
        Self {
            at_unix_ms: entry.at_unix_ms,
            service: entry.service.to_string(),
            revision: entry.revision.get(),
            digest: entry.digest.to_string(),
            change: entry.change,
        }
    }
}

impl Record {
    fn into_entry(self, sequence: u64) -> Option<Entry> {
        Some(Entry {
            sequence,
            at_unix_ms: self.at_unix_ms,
            service: ServiceName::parse(&self.service).ok()?,
            revision: NonZeroU64::new(self.revision)?.into(),
            digest: self.digest.parse().ok()?,
            change: self.change,
        })
    }
}

fn create_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(ENTRIES)?;
    transaction.open_table(LATEST)?;
    Ok(())
}

#[cfg(test)]
mod tests;
