//! Tests of opening, refusing, failing and reopening a database.

use std::fs;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{DatabaseError, ReadableTable, StorageBackend, TableDefinition};

use super::*;
use crate::testing::{Disk, Fault};

const TABLE: TableDefinition<&str, u64> = TableDefinition::new("numbers");

const LAYOUT: Layout = Layout { name: "numbers", version: 1, tables: &[&TABLE], steps: &[] };

fn open(path: &Path) -> Result<Database, StorageError> {
    Database::open(path, LAYOUT, Box::new(FileBacking(path.to_path_buf())))
}

fn on(disk: &Disk) -> Result<Database, StorageError> {
    Database::open(Path::new("disk"), LAYOUT, Box::new(disk.clone()))
}

fn put(database: &Database, value: u64) -> Result<(), StorageError> {
    database.write(|transaction| {
        transaction.open_table(TABLE)?.insert("n", value)?;
        Ok((Verdict::Commit, ()))
    })
}

fn get(database: &Database) -> Result<u64, StorageError> {
    database.read(|transaction| {
        let table = transaction.open_table(TABLE)?;
        Ok(table.get("n")?.map_or(0, |row| row.value()))
    })
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    for bytes in [&b"x"[..], b"hello, this is a letter", &[0; 10_000]] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, bytes).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, StorageError::NotADatabase { .. }), "{error:?}");
        assert!(error.to_string().contains("is not a database"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_database_of_another_format_is_refused_with_both_formats() {
    type Make = fn(&redb::Database);
    let cases: [(&str, Make); 3] = [
        ("numbers 2", |database| {
            let newer = Layout { version: 2, ..LAYOUT };
            newer.check(Path::new(""), database, &Disk::default()).unwrap();
        }),
        ("letters 1", |database| {
            let other = Layout { name: "letters", ..LAYOUT };
            other.check(Path::new(""), database, &Disk::default()).unwrap();
        }),
        ("of another program", |database| {
            let transaction = database.begin_write().unwrap();
            transaction.open_table(TABLE).unwrap();
            transaction.commit().unwrap();
        }),
    ];
    for (found, make) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        make(&redb::Database::create(&path).unwrap());
        let text = open(&path).unwrap_err().to_string();
        let expected = format!("has format `{found}`, this host reads `numbers 1`");
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn an_empty_file_and_an_empty_database_become_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::write(&empty, b"").unwrap();
    let bare = folder.path().join("bare");
    drop(redb::Database::create(&bare).unwrap());
    for path in [empty, bare, folder.path().join("missing")] {
        put(&open(&path).unwrap(), 4).unwrap();
        assert_eq!(get(&open(&path).unwrap()).unwrap(), 4);
    }
}

#[test]
fn a_new_database_is_private_to_its_user() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    open(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_truncated_database_never_panics_and_never_lies() {
    let disk = Disk::default();
    put(&on(&disk).unwrap(), 7).unwrap();
    let whole = disk.after_kill();
    for eighths in 0..8 {
        let length = whole.len() * eighths / 8;
        let cut = Disk::holding(whole[..length].to_vec());
        // An empty file is a new database; anything else is refused or still right.
        match on(&cut).and_then(|database| get(&database)) {
            Ok(value) => assert!(value == 7 || length == 0, "{length}: {value}"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn after_a_failure_the_file_is_opened_again() {
    for fault in [Fault::Write(ErrorKind::Other), Fault::Write(ErrorKind::StorageFull), Fault::Sync, Fault::PanicOnSync]
    {
        let disk = Disk::default();
        let database = on(&disk).unwrap();
        put(&database, 1).unwrap();
        disk.fail(fault);
        let error = put(&database, 2).unwrap_err();
        let full = fault == Fault::Write(ErrorKind::StorageFull);
        assert_eq!(error.is_full(), full, "{fault:?}: {error:?}");
        disk.fail(Fault::None);
        assert_eq!(get(&database).unwrap(), 1, "{fault:?}");
        put(&database, 3).unwrap();
        assert_eq!(get(&database).unwrap(), 3, "{fault:?}");
        assert_eq!(get(&on(&Disk::holding(disk.after_power_cut())).unwrap()).unwrap(), 3);
    }
}

#[test]
fn a_failed_read_is_repeated_on_the_reopened_file() {
    let disk = Disk::default();
    drop(on(&disk).map(|database| put(&database, 1)).unwrap());
    let database = on(&disk).unwrap();
    let failed = AtomicBool::new(false);
    let value = database.read(|transaction| {
        if !failed.swap(true, Ordering::Relaxed) {
            return Err(redb::Error::PreviousIo);
        }
        let table = transaction.open_table(TABLE)?;
        Ok(table.first()?.map(|(_, value)| value.value()))
    });
    assert_eq!(value.unwrap(), Some(1));
}

/// A file that at some point can no longer be opened for writing.
#[derive(Debug)]
struct ReadOnlyMount {
    file: FileBacking,
    remounted: Arc<AtomicBool>,
}

impl Backing for ReadOnlyMount {
    fn open(&self) -> Result<redb::Database, DatabaseError> {
        if self.remounted.load(Ordering::Relaxed) {
            return Err(io::Error::from(ErrorKind::ReadOnlyFilesystem).into());
        }
        self.file.open()
    }

    fn read_only(&self) -> Result<Box<dyn StorageBackend>, DatabaseError> {
        self.file.read_only()
    }

    fn keep(&self, version: u64) -> Result<(), StorageError> {
        self.file.keep(version)
    }
}

#[test]
fn reads_go_on_while_the_disk_takes_no_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let remounted = Arc::new(AtomicBool::new(false));
    let backing = ReadOnlyMount { file: FileBacking(path.clone()), remounted: Arc::clone(&remounted) };
    let database = Database::open(&path, LAYOUT, Box::new(backing)).unwrap();
    put(&database, 5).unwrap();

    remounted.store(true, Ordering::Relaxed);
    let failed: Result<(), _> = database.write(|_| Err(redb::Error::PreviousIo));
    failed.unwrap_err();
    for _ in 0..2 {
        assert_eq!(get(&database).unwrap(), 5);
        let error = put(&database, 6).unwrap_err();
        assert!(matches!(error, StorageError::Io { .. }), "{error:?}");
    }

    remounted.store(false, Ordering::Relaxed);
    put(&database, 7).unwrap();
    assert_eq!(get(&database).unwrap(), 7);
}

#[test]
fn the_file_as_a_kill_leaves_it_can_be_read_on_a_disk_without_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let database = open(&path).unwrap();
    put(&database, 8).unwrap();
    let copy = folder.path().join("copy");
    fs::copy(&path, &copy).unwrap();
    let before = fs::read(&copy).unwrap();
    {
        let frozen = backing::open_frozen(&FileBacking(copy.clone())).unwrap();
        let table = frozen.begin_read().unwrap().open_table(TABLE).unwrap();
        assert_eq!(table.get("n").unwrap().unwrap().value(), 8);
        let error = open(&copy).unwrap_err();
        assert!(matches!(error, StorageError::InUse { .. }), "{error:?}");
    }
    assert_eq!(fs::read(&copy).unwrap(), before);
    assert_eq!(get(&open(&copy).unwrap()).unwrap(), 8);
}

#[test]
fn reads_go_on_while_every_write_and_sync_fails() {
    for fault in [Fault::Write(ErrorKind::Other), Fault::Write(ErrorKind::StorageFull), Fault::Sync] {
        let disk = Disk::default();
        let database = on(&disk).unwrap();
        put(&database, 5).unwrap();
        disk.fail(fault);
        for _ in 0..3 {
            put(&database, 6).unwrap_err();
            // Of an unsynced write the system may show either side; the next start decides.
            let seen = get(&database).unwrap();
            assert!(seen == 5 || fault == Fault::Sync, "{fault:?}: {seen}");
        }
        disk.fail(Fault::None);
        put(&database, 7).unwrap();
        assert_eq!(get(&database).unwrap(), 7);
    }
}

#[test]
fn a_discarded_change_leaves_nothing() {
    let database = on(&Disk::default()).unwrap();
    let answer = database.write(|transaction| {
        transaction.open_table(TABLE)?.insert("n", 9)?;
        Ok((Verdict::Discard, "seen"))
    });
    assert_eq!(answer.unwrap(), "seen");
    assert_eq!(get(&database).unwrap(), 0);
}

#[test]
fn an_ended_database_gives_up_its_lock_and_refuses_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let database = open(&path).unwrap();
    database.end();
    for error in [get(&database).map(drop), put(&database, 1)] {
        assert!(matches!(error, Err(StorageError::Closed { .. })), "{error:?}");
    }
    open(&path).unwrap();
}

#[test]
fn a_database_with_a_flipped_byte_is_opened_or_refused_but_never_panics() {
    let disk = Disk::default();
    {
        let database = on(&disk).unwrap();
        for n in 0..50 {
            put(&database, n).unwrap();
        }
    }
    let whole = disk.after_kill();
    let header = 0..320;
    let mut refused = 0;
    for at in header.chain((320..whole.len()).step_by(499)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        let found = on(&Disk::holding(bytes)).and_then(|database| get(&database));
        if let Err(error) = found {
            assert!(error.to_string().contains("restore it from a backup"), "{at}: {error}");
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
}

/// redb makes a database in several writes, and takes a file with some of them for none at all.
#[test]
fn what_a_kill_left_of_a_new_database_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers.redb");
    let (unfinished, other) = (path.with_extension("17.unfinished"), folder.path().join("others.17.unfinished"));
    fs::write(&unfinished, [0; 5_000]).unwrap();
    fs::write(&other, []).unwrap();
    let database = open(&path).unwrap();
    put(&database, 7).unwrap();
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["numbers.redb", "others.17.unfinished"]);
    drop(database);
    assert_eq!(get(&open(&path).unwrap()).unwrap(), 7);
}
