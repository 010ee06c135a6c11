//! The format version inside a database, and the tables that a new one starts with.
//!
//! The tables are made together with the version, in one transaction, so that every database
//! that has a version has all its tables and readers need not ask.

use std::path::Path;

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction};

use super::{configure, guarded};
use crate::error::StorageError;

/// One row: what the database is for, and the version of its tables.
const FORMAT: TableDefinition<&str, u64> = TableDefinition::new("format");

/// What a database holds.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// What the database is for, such as `guests`.
    pub(crate) name: &'static str,
    /// Goes up when an older host could no longer read the tables.
    pub(crate) version: u64,
    /// Makes the tables.
    pub(crate) create: fn(&WriteTransaction) -> Result<(), redb::Error>,
}

/// What an opened file turned out to be.
enum Found {
    Empty,
    Ours(u64),
    Other(String),
}

impl Layout {
    /// Makes an empty database one of this layout, and refuses any other.
    pub(super) fn check(&self, path: &Path, database: &Database) -> Result<(), StorageError> {
        let found = guarded(path, || self.found(&database.begin_read()?))?;
        let found = match found {
            Found::Empty => return guarded(path, || self.make(database)),
            Found::Ours(version) if version == self.version => return Ok(()),
            Found::Ours(version) => format!("{} {version}", self.name),
            Found::Other(words) => words,
        };
        Err(StorageError::Format {
            path: path.to_path_buf(),
            found,
            expected: format!("{} {}", self.name, self.version),
        })
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

    fn make(&self, database: &Database) -> Result<(), redb::Error> {
        let mut transaction = database.begin_write()?;
        configure(&mut transaction)?;
        transaction.open_table(FORMAT)?.insert(self.name, self.version)?;
        (self.create)(&transaction)?;
        transaction.commit()?;
        Ok(())
    }
}

fn is_empty(transaction: &ReadTransaction) -> Result<bool, redb::Error> {
    Ok(transaction.list_tables()?.next().is_none() && transaction.list_multimap_tables()?.next().is_none())
}
