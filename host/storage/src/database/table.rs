//! A table of a layout whatever its types: made in a new database, and copied from one to another.

use redb::{Key, Range, ReadTransaction, ReadableTable as _, Table, TableDefinition, Value, WriteTransaction};

use super::configure;

/// Rows of one commit of a copy, however small they are.
const BATCH_ROWS: usize = 10_000;
/// Bytes of one commit of a copy, a row more or less: what a copy holds in memory.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// A table that the databases of a layout have.
pub(crate) trait AnyTable: Sync {
    /// Makes it, empty, if it is missing.
    fn make(&self, transaction: &WriteTransaction) -> Result<(), redb::Error>;

    /// Copies all its rows, in as many commits as it takes.
    fn copy(&self, from: &ReadTransaction, to: &redb::Database) -> Result<(), CopyFailed>;
}

/// Which end of a copy failed.
#[derive(Debug)]
pub(crate) enum CopyFailed {
    From(redb::Error),
    To(redb::Error),
}

impl CopyFailed {
    fn from(error: impl Into<redb::Error>) -> Self {
        Self::From(error.into())
    }

    fn to(error: impl Into<redb::Error>) -> Self {
        Self::To(error.into())
    }
}

impl<K: Key + Sync + 'static, V: Value + Sync + 'static> AnyTable for TableDefinition<'static, K, V> {
    fn make(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        transaction.open_table(*self)?;
        Ok(())
    }

    fn copy(&self, from: &ReadTransaction, to: &redb::Database) -> Result<(), CopyFailed> {
        let table = from.open_table(*self).map_err(CopyFailed::from)?;
        let mut rows = table.iter().map_err(CopyFailed::from)?;
        let mut more = true;
        while more {
            let mut transaction = to.begin_write().map_err(CopyFailed::to)?;
            configure(&mut transaction).map_err(CopyFailed::To)?;
            more = batch(&mut rows, &mut transaction.open_table(*self).map_err(CopyFailed::to)?)?;
            transaction.commit().map_err(CopyFailed::to)?;
        }
        Ok(())
    }
}

/// Moves rows until a commit's worth is there. Says whether there may be more.
fn batch<K: Key + 'static, V: Value + 'static>(
    rows: &mut Range<'_, K, V>,
    table: &mut Table<'_, K, V>,
) -> Result<bool, CopyFailed> {
    let mut bytes = 0;
    for _ in 0..BATCH_ROWS {
        let Some(row) = rows.next() else {
            return Ok(false);
        };
        let (key, value) = row.map_err(CopyFailed::from)?;
        let (key, value) = (key.value(), value.value());
        bytes += K::as_bytes(&key).as_ref().len() + V::as_bytes(&value).as_ref().len();
        table.insert(&key, &value).map_err(CopyFailed::to)?;
        if bytes >= BATCH_BYTES {
            break;
        }
    }
    Ok(true)
}
