//! The ordered record of what happened to services: the truth about them after a restart.
//!
//! Entries are JSON inside the database, so that a later version of the host can add fields and
//! still read what an earlier one wrote. Each holds how its service stands since, so that the
//! newest alone tells what to serve. Recording blocks for two syncs of the disk, so only the
//! thread that deploys does it.

mod entry;
mod migrate;
mod record;

use std::collections::BTreeMap;
use std::path::Path;

use hostel_model::name::ServiceName;
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

pub use self::entry::{Batch, Change, Entry, KeptRevision, NewEntry};
use self::record::{KeptRecord, Record};
use crate::database::{Backing, Database, FileBacking, Layout, Verdict};
use crate::error::StorageError;

/// Entries by sequence number.
const ENTRIES: TableDefinition<u64, &[u8]> = TableDefinition::new("journal");
/// Each service's newest sequence number.
const LATEST: TableDefinition<&str, u64> = TableDefinition::new("latest");
/// Which entries a service has: its name and their sequence numbers.
const HISTORY: TableDefinition<(&str, u64), ()> = TableDefinition::new("history");
/// The revisions that are kept, by service and number.
const REVISIONS: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("revisions");

pub(crate) const LAYOUT: Layout = Layout {
    name: "control",
    version: 2,
    tables: &[&ENTRIES, &LATEST, &HISTORY, &REVISIONS],
    steps: &[migrate::FROM_1],
};

/// Entries that are kept of one service; the oldest are dropped for new ones. A service that is
/// deployed every ten minutes so keeps a week, in about a megabyte.
pub const ENTRIES_OF_SERVICE_MAX: usize = 1_000;

/// The host's own records.
#[derive(Debug)]
pub struct Journal {
    database: Database,
}

/// A row of the entries as it was found.
type Row = (u64, Vec<u8>);

impl Journal {
    /// Opens or creates the journal in the file at `path`.
    ///
    /// # Errors
    /// [`StorageError::InUse`] if another host has it, [`StorageError::Format`] and
    /// [`StorageError::NotADatabase`] if it is something else, otherwise I/O.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        Self::start(path, Box::new(FileBacking(path.to_path_buf())))
    }

    fn start(path: &Path, backing: Box<dyn Backing>) -> Result<Self, StorageError> {
        Ok(Self { database: Database::open(path, LAYOUT, backing)? })
    }

    /// Records `batch`, wholly or not at all; it is durable when this returns.
    ///
    /// # Errors
    /// I/O; whether the batch is on the disk is then told by [`Journal::version`].
    pub fn record(&self, batch: Batch) -> Result<Vec<Entry>, StorageError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let encode = |entry: &NewEntry| serde_json::to_vec(&Record::from(entry));
        let encoded: Result<Vec<_>, _> = batch.entries.iter().map(encode).collect();
        let encoded = encoded.map_err(|error| self.corrupt(&error))?;
        let kept: Result<Vec<_>, _> =
            batch.revisions.iter().map(|kept| serde_json::to_vec(&KeptRecord::from(kept))).collect();
        let kept = kept.map_err(|error| self.corrupt(&error))?;
        let sequences = self.database.write(|transaction| {
            let mut revisions = transaction.open_table(REVISIONS)?;
            for (revision, bytes) in batch.revisions.iter().zip(&kept) {
                let key = (revision.service.as_str(), revision.revision.number.get());
                revisions.insert(key, bytes.as_slice())?;
            }
            let mut tables = Tables::open(transaction)?;
            let mut sequences = Vec::with_capacity(encoded.len());
            for (entry, bytes) in batch.entries.iter().zip(&encoded) {
                sequences.push(tables.append(entry.service.as_str(), bytes)?);
            }
            for (service, number) in &batch.collected {
                revisions.remove((service.as_str(), number.get()))?;
            }
            Ok((Verdict::Commit, sequences))
        })?;
        Ok(batch.entries.into_iter().zip(sequences).map(|(entry, sequence)| entry.recorded(sequence)).collect())
    }

    /// Every entry that is kept, oldest first.
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

    /// The newest entry of `service`, if it ever had one. Its standing is how the service stands.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the entry cannot be read, otherwise I/O.
    pub fn latest(&self, service: &ServiceName) -> Result<Option<Entry>, StorageError> {
        let row = self.database.read(|transaction| {
            let Some(sequence) = transaction.open_table(LATEST)?.get(service.as_str())? else {
                return Ok(None);
            };
            Ok(Some(row(&transaction.open_table(ENTRIES)?, sequence.value())?))
        })?;
        row.map(|row| self.entry(row)).transpose()
    }

    /// The newest entry of every service, all from one moment.
    ///
    /// # Errors
    /// As [`Journal::latest`].
    pub fn standings(&self) -> Result<BTreeMap<ServiceName, Entry>, StorageError> {
        let rows = self.database.read(|transaction| {
            let entries = transaction.open_table(ENTRIES)?;
            let latest = transaction.open_table(LATEST)?;
            latest.iter()?.map(|found| row(&entries, found?.1.value())).collect::<Result<Vec<_>, _>>()
        })?;
        let entries = rows.into_iter().map(|row| self.entry(row).map(|entry| (entry.service.clone(), entry)));
        entries.collect()
    }

    /// The newest entries of `service`, at `most` so many, newest first.
    ///
    /// # Errors
    /// As [`Journal::latest`].
    pub fn history(&self, service: &ServiceName, most: usize) -> Result<Vec<Entry>, StorageError> {
        let rows = self.database.read(|transaction| {
            let entries = transaction.open_table(ENTRIES)?;
            let history = transaction.open_table(HISTORY)?;
            let newest_first = history.range(of(service.as_str()))?.rev().take(most);
            newest_first.map(|found| row(&entries, found?.0.value().1)).collect::<Result<Vec<_>, _>>()
        })?;
        rows.into_iter().map(|row| self.entry(row)).collect()
    }

    /// The revisions of `service` that are kept, oldest first.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if one cannot be read, otherwise I/O.
    pub fn revisions(&self, service: &ServiceName) -> Result<Vec<KeptRevision>, StorageError> {
        let rows: Vec<Row> = self.database.read(|transaction| {
            let mut rows = Vec::new();
            for row in transaction.open_table(REVISIONS)?.range(of(service.as_str()))? {
                let (key, bytes) = row?;
                rows.push((key.value().1, bytes.value().to_vec()));
            }
            Ok(rows)
        })?;
        let decode = |(number, bytes): &Row| {
            let what = format!("revision {number} of {service}");
            let record: KeptRecord =
                serde_json::from_slice(bytes).map_err(|error| self.corrupt(&format!("{what}: {error}")))?;
            let kept = record.into_kept(service.as_str(), *number);
            kept.ok_or_else(|| self.corrupt(&format!("{what} has an impossible name")))
        };
        rows.iter().map(decode).collect()
    }

    /// The sequence number of the newest entry; zero if there is none.
    ///
    /// # Errors
    /// I/O.
    pub fn version(&self) -> Result<u64, StorageError> {
        self.database.read(|transaction| {
            let entries = transaction.open_table(ENTRIES)?;
            Ok(entries.last()?.map_or(0, |(last, _)| last.value()))
        })
    }

    /// Writes all of it to a new database at `path`, durable when this returns. Whatever was recorded
    /// before is in the copy, and of what is recorded meanwhile each batch wholly or not at all.
    ///
    /// # Errors
    /// I/O; there is no file then, or one that no host takes for a journal.
    pub fn copy_to(&self, path: &Path) -> Result<(), StorageError> {
        self.copy_with(path, || Ok(()))
    }

    /// As [`Journal::copy_to`]; `between` runs as soon as what is recorded is not in the copy any more.
    pub(crate) fn copy_with(
        &self,
        path: &Path,
        between: impl Fn() -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        self.database.copy_to(path, between)
    }

    fn entry(&self, (sequence, bytes): (u64, Option<Vec<u8>>)) -> Result<Entry, StorageError> {
        match bytes {
            Some(bytes) => self.decode(sequence, &bytes),
            None => Err(self.corrupt(&format!("entry {sequence} is missing"))),
        }
    }

    fn decode(&self, sequence: u64, bytes: &[u8]) -> Result<Entry, StorageError> {
        let record: Record =
            serde_json::from_slice(bytes).map_err(|error| self.corrupt(&format!("entry {sequence}: {error}")))?;
        record.into_entry(sequence).ok_or_else(|| self.corrupt(&format!("entry {sequence} has an impossible name")))
    }

    fn corrupt(&self, detail: &dyn std::fmt::Display) -> StorageError {
        self.database.corrupt(detail)
    }
}

/// The tables that change with each entry.
struct Tables<'transaction> {
    entries: Table<'transaction, u64, &'static [u8]>,
    latest: Table<'transaction, &'static str, u64>,
    history: Table<'transaction, (&'static str, u64), ()>,
}

impl<'transaction> Tables<'transaction> {
    fn open(transaction: &'transaction WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            entries: transaction.open_table(ENTRIES)?,
            latest: transaction.open_table(LATEST)?,
            history: transaction.open_table(HISTORY)?,
        })
    }

    /// Adds an entry of `service`, and drops its oldest if it has too many.
    fn append(&mut self, service: &str, bytes: &[u8]) -> Result<u64, redb::Error> {
        let sequence = self.entries.last()?.map_or(0, |(last, _)| last.value()) + 1;
        self.entries.insert(sequence, bytes)?;
        self.latest.insert(service, sequence)?;
        self.history.insert((service, sequence), ())?;
        self.drop_oldest(service)?;
        Ok(sequence)
    }

    /// The newest entry of a service is never among those dropped, so no sequence number is given out twice.
    fn drop_oldest(&mut self, service: &str) -> Result<(), redb::Error> {
        let newest_first = self.history.range(of(service))?.rev();
        let dropped: Result<Vec<u64>, redb::StorageError> =
            newest_first.skip(ENTRIES_OF_SERVICE_MAX).map(|found| Ok(found?.0.value().1)).collect();
        for sequence in dropped? {
            self.entries.remove(sequence)?;
            self.history.remove((service, sequence))?;
        }
        Ok(())
    }
}

/// The keys of `service` in a table by service and number.
fn of(service: &str) -> std::ops::RangeInclusive<(&str, u64)> {
    (service, 0)..=(service, u64::MAX)
}

/// The entry with this number, if it is there.
fn row(entries: &impl ReadableTable<u64, &'static [u8]>, sequence: u64) -> Result<(u64, Option<Vec<u8>>), redb::Error> {
    let bytes = entries.get(sequence)?;
    Ok((sequence, bytes.map(|bytes| bytes.value().to_vec())))
}

#[cfg(test)]
mod tests;
