//! The format version inside a database, its tables, and how an older version becomes this one.
//!
//! The tables are made together with the version, in one transaction, so that every database
//! that has a version has all its tables and readers need not ask. A migration is one
//! transaction too, after a copy of the older file was made: whenever the power goes, the next
//! start finds the old version or the new one, whole.

use std::path::Path;

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction};

use super::table::AnyTable;
use super::{Backing, configure, guarded};
use crate::error::StorageError;

/// One row: what the database is for, and the version of its tables.
const FORMAT: TableDefinition<&str, u64> = TableDefinition::new("format");

/// What a database holds.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// What the database is for, such as `guests`.
    pub(crate) name: &'static str,
    /// Goes up when an older host could no longer read the tables.
    pub(crate) version: u64,
    /// The tables.
    pub(crate) tables: &'static [&'static dyn AnyTable],
    /// How older versions become this one, oldest first.
    pub(crate) steps: &'static [Step],
}

/// Makes the version after `from` of it, in a transaction in which all the tables are there.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) from: u64,
    pub(crate) run: fn(&WriteTransaction) -> Result<(), redb::Error>,
}

/// What it takes to make a database one of a layout.
pub(super) enum Fit {
    Current,
    Empty,
    Older(u64),
}

/// What an opened file turned out to be.
enum Found {
    Empty,
    Ours(u64),
    Other(String),
}

impl Layout {
    /// Makes an empty database or an older one of this layout, and refuses any other.
    pub(super) fn check(&self, path: &Path, database: &Database, backing: &dyn Backing) -> Result<(), StorageError> {
        match self.judge(path, database)? {
            Fit::Current => Ok(()),
            Fit::Empty => guarded(path, || self.make(database)),
            Fit::Older(version) => {
                backing.keep(version)?;
                guarded(path, || self.migrate(database, version))
            }
        }
    }

    /// Whether a database can be one of this layout. Only reads.
    pub(super) fn judge(&self, path: &Path, database: &Database) -> Result<Fit, StorageError> {
        let found = match guarded(path, || self.found(&database.begin_read()?))? {
            Found::Empty => return Ok(Fit::Empty),
            Found::Ours(version) if version == self.version => return Ok(Fit::Current),
            Found::Ours(version) if self.leads_from(version) => return Ok(Fit::Older(version)),
            Found::Ours(version) => format!("{} {version}", self.name),
            Found::Other(words) => words,
        };
        Err(StorageError::Format {
            path: path.to_path_buf(),
            found,
            expected: format!("{} {}", self.name, self.version),
        })
    }

    /// Makes the tables that are missing, and notes the version.
    pub(super) fn make(&self, database: &Database) -> Result<(), redb::Error> {
        self.migrate(database, self.version)
    }

    fn found(&self, transaction: &ReadTransaction) -> Result<Found, redb::Error> {
        let table = match transaction.open_table(FORMAT) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) if is_empty(transaction)? => {
                return Ok(Found::Empty);
            }
            Err(TableError::Storage(error)) => return Err(error.into()),
            // There are tables, but not ours, or ours is of another shape.
            Err(_) => return Ok(Found::Other("of another program".to_owned())),
        };
        if let Some(version) = table.get(self.name)? {
            return Ok(Found::Ours(version.value()));
        }
        Ok(Found::Other(match table.first()? {
            Some((name, version)) => format!("{} {}", name.value(), version.value()),
            None => "without a version".to_owned(),
        }))
    }

    /// Whether there is a step for every version from `version` on.
    fn leads_from(&self, version: u64) -> bool {
        let steps = self.steps.iter().filter(|step| step.from >= version);
        version < self.version && steps.map(|step| step.from).eq(version..self.version)
    }

    fn migrate(&self, database: &Database, from: u64) -> Result<(), redb::Error> {
        let mut transaction = database.begin_write()?;
        configure(&mut transaction)?;
        transaction.open_table(FORMAT)?.insert(self.name, self.version)?;
        for table in self.tables {
            table.make(&transaction)?;
        }
        for step in self.steps.iter().filter(|step| step.from >= from) {
            (step.run)(&transaction)?;
        }
        transaction.commit()?;
        Ok(())
    }
}

fn is_empty(transaction: &ReadTransaction) -> Result<bool, redb::Error> {
    Ok(transaction.list_tables()?.next().is_none() && transaction.list_multimap_tables()?.next().is_none())
}
