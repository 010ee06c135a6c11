//! Tests of copies of a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redb::{
    ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition, TableHandle as _,
    WriteTransaction,
};

use super::*;
use crate::database::table::AnyTable;
use crate::database::{Database, FileBacking, Verdict};
use crate::testing::{Disk, Fault};

const NUMBERS: TableDefinition<u64, u64> = TableDefinition::new("numbers");
const BYTES: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("bytes");

const LAYOUT: Layout = Layout { name: "copied", version: 7, tables: &[&NUMBERS, &BYTES], steps: &[] };

fn on(disk: &Disk) -> Database {
    Database::open(Path::new("disk"), LAYOUT, Box::new(disk.clone())).unwrap()
}

/// Ends the threads of a test, however it ends.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn open(path: &Path) -> Result<Database, StorageError> {
    Database::open(path, LAYOUT, Box::new(FileBacking(path.to_path_buf())))
}

fn fill(database: &Database, rows: u64, value: &[u8]) {
    let filled = database.write(|transaction| {
        for n in 0..rows {
            transaction.open_table(NUMBERS)?.insert(n, n * n)?;
            transaction.open_table(BYTES)?.insert(("k", n), value)?;
        }
        Ok((Verdict::Commit, ()))
    });
    filled.unwrap();
}

fn count(database: &Database) -> (u64, u64) {
    let counted = database.read(|transaction| {
        let numbers = transaction.open_table(NUMBERS)?;
        for row in numbers.iter()? {
            let (n, square) = row?;
            assert_eq!(square.value(), n.value() * n.value());
        }
        Ok((numbers.len()?, transaction.open_table(BYTES)?.len()?))
    });
    counted.unwrap()
}

#[test]
fn a_copy_holds_every_row_of_every_table_in_as_many_commits_as_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    for (rows, value) in [(0, 0), (1, 5), (25_000, 10), (30, 1024 * 1024)] {
        let database = on(&Disk::default());
        fill(&database, rows, &vec![3; value]);
        let path = folder.path().join(rows.to_string());
        database.copy_to(&path, || Ok(())).unwrap();
        Database::verify(&path, LAYOUT).unwrap();
        let copy = open(&path).unwrap();
        assert_eq!(count(&copy), (rows, rows));
        let last = copy.read(|transaction| {
            let table = transaction.open_table(BYTES)?;
            Ok(table.last()?.map(|(key, found)| (key.value().1, found.value().to_vec())))
        });
        assert_eq!(last.unwrap(), rows.checked_sub(1).map(|last| (last, vec![3; value])));
    }
}

#[test]
fn a_copy_is_private_and_never_replaces_a_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let database = on(&Disk::default());
    let path = folder.path().join("copy");
    database.copy_to(&path, || Ok(())).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&path).unwrap();
    let error = database.copy_to(&path, || Ok(())).unwrap_err();
    assert!(matches!(error, StorageError::Io { action: "create", .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_copy_that_was_cut_short_is_opened_by_no_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    let database = on(&Disk::default());
    fill(&database, 100, b"x");
    // All of it is there but what comes last.
    let moment = database.begin_read(&database.slot()).ok().unwrap();
    let to = redb::Database::create(&path).unwrap();
    LAYOUT.tables.iter().for_each(|table| table.copy(&moment, &to).unwrap());
    assert_eq!(to.begin_read().unwrap().open_table(NUMBERS).unwrap().len().unwrap(), 100);
    drop(to);
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StorageError::Format { .. }), "{error:?}");
}

/// Looks whether a copy has its version while its tables are copied.
struct Probe;

impl AnyTable for Probe {
    fn make(&self, _transaction: &WriteTransaction) -> Result<(), redb::Error> {
        Ok(())
    }

    fn copy(&self, _from: &ReadTransaction, to: &redb::Database) -> Result<(), CopyFailed> {
        let tables: Vec<String> =
            to.begin_read().unwrap().list_tables().unwrap().map(|table| table.name().to_owned()).collect();
        assert_eq!(tables, ["numbers"], "a kill now would leave what passes for a whole copy");
        Err(CopyFailed::To(redb::Error::PreviousIo))
    }
}

#[test]
fn a_copy_gets_its_version_last() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout { tables: &[&NUMBERS, &Probe], ..LAYOUT };
    let database = Database::open(Path::new("disk"), layout, Box::new(Disk::default())).unwrap();
    let path = folder.path().join("copy");
    let error = database.copy_to(&path, || Ok(())).unwrap_err();
    assert!(matches!(&error, StorageError::Database { path: named, .. } if *named == path), "{error:?}");
    assert!(!path.exists());
}

#[test]
fn a_copy_is_of_the_moment_before_what_is_done_between() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    let database = on(&Disk::default());
    fill(&database, 10, b"x");
    let between = || {
        fill(&database, 20, b"y");
        Ok(())
    };
    database.copy_to(&path, between).unwrap();
    assert_eq!(count(&open(&path).unwrap()), (10, 10));
    assert_eq!(count(&database), (20, 20));
}

#[test]
fn a_copy_of_what_cannot_be_read_is_an_error_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    let disk = Disk::default();
    fill(&on(&disk), 2_000, &[1; 1_000]);
    let database = on(&disk);
    disk.fail(Fault::Read);
    let error = database.copy_to(&path, || Ok(())).unwrap_err();
    assert!(error.to_string().contains("`disk`"), "{error}");
    assert!(!path.exists());
    disk.fail(Fault::None);
    database.copy_to(&path, || Ok(())).unwrap();
    assert_eq!(count(&open(&path).unwrap()), (2_000, 2_000));
    database.end();
    let closed = database.copy_to(&folder.path().join("late"), || Ok(())).unwrap_err();
    assert!(matches!(closed, StorageError::Closed { .. }), "{closed:?}");
}

#[test]
fn a_database_that_is_opened_again_during_a_copy_does_not_wait_for_it() {
    let disk = Disk::default();
    let database = on(&disk);
    fill(&database, 100, b"x");
    let moment = database.begin_read(&database.slot()).ok().unwrap();
    disk.fail(Fault::Sync);
    let failed: Result<(), _> = database.write(|transaction| {
        transaction.open_table(NUMBERS)?.insert(1, 1)?;
        Ok((Verdict::Commit, ()))
    });
    failed.unwrap_err();
    disk.fail(Fault::None);
    fill(&database, 101, b"y");
    assert_eq!(count(&database), (101, 101));
    drop(moment);
}

#[test]
fn writers_go_on_during_copies_and_every_copy_is_a_moment() {
    let folder = tempfile::tempdir().unwrap();
    let database = Arc::new(open(&folder.path().join("file")).unwrap());
    fill(&database, 3_000, &[9; 500]);
    let (done, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // In each commit both tables get the same number.
            for n in 10_000.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let written = database.write(|transaction| {
                    transaction.open_table(NUMBERS)?.insert(n, n * n)?;
                    transaction.open_table(BYTES)?.insert(("k", n), &b"n"[..])?;
                    Ok((Verdict::Commit, ()))
                });
                written.unwrap();
                acknowledged.store(n - 9_999, Ordering::SeqCst);
            }
        });
        let _done = Done(&done);
        let mut during = 0;
        for n in 0..8 {
            let before = acknowledged.load(Ordering::SeqCst);
            let path = folder.path().join(format!("copy{n}"));
            database.copy_to(&path, || Ok(())).unwrap();
            during += acknowledged.load(Ordering::SeqCst) - before;
            let (numbers, bytes) = count(&open(&path).unwrap());
            assert_eq!(numbers, bytes, "half a transaction");
            assert!(numbers >= 3_000 + before, "{numbers} of {before}");
        }
        assert!(during > 0, "the writer waited for every copy");
    });
}
