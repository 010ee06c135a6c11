//! Tests of opening journals that older hosts wrote.

use std::fs;
use std::io::ErrorKind;
use std::num::NonZeroU64;
use std::path::Path;

use hostel_model::digest::{Digest, RevisionNumber};
use hostel_model::name::ServiceName;
use redb::{ReadableDatabase, ReadableTableMetadata, TableDefinition};

use super::super::{ENTRIES_OF_SERVICE_MAX, Journal};
use super::*;
use crate::error::StorageError;
use crate::testing::{Disk, Fault};

const FORMAT: TableDefinition<&str, u64> = TableDefinition::new("format");
const JOURNAL: TableDefinition<u64, &[u8]> = TableDefinition::new("journal");
const LATEST: TableDefinition<&str, u64> = TableDefinition::new("latest");

/// Service, revision and whether it was deployed or removed, in the order of their sequence.
const EVENTS: [(&str, u64, bool); 6] = [
    ("users", 1, true),
    ("orders", 1, true),
    ("users", 2, true),
    ("orders", 1, false),
    ("users", 3, true),
    ("orders", 2, true),
];

fn digest(service: &str, revision: u64) -> Digest {
    Digest::of(format!("{service} {revision}").as_bytes())
}

fn service(name: &str) -> ServiceName {
    ServiceName::parse(name).unwrap()
}

fn number(revision: u64) -> RevisionNumber {
    NonZeroU64::new(revision).unwrap().into()
}

fn id(service: &str, revision: u64) -> RevisionId {
    RevisionId { number: number(revision), digest: digest(service, revision) }
}

/// An entry as the old host wrote it.
fn text((at, (service, revision, deployed)): (usize, (&str, u64, bool))) -> String {
    let change = if deployed { "deployed" } else { "removed" };
    let digest = digest(service, revision);
    format!(
        r#"{{"at_unix_ms":{},"service":"{service}","revision":{revision},"digest":"{digest}","change":"{change}"}}"#,
        at * 100
    )
}

/// Writes what the old host would have, entry by entry, each in a commit of its own.
fn write_version_1(database: &redb::Database, events: &[(&str, u64, bool)]) {
    let write = |change: &dyn Fn(&WriteTransaction)| {
        let mut transaction = database.begin_write().unwrap();
        transaction.set_two_phase_commit(true);
        transaction.set_quick_repair(true);
        change(&transaction);
        transaction.commit().unwrap();
    };
    write(&|transaction| {
        transaction.open_table(FORMAT).unwrap().insert("control", 1).unwrap();
        transaction.open_table(JOURNAL).unwrap();
        transaction.open_table(LATEST).unwrap();
    });
    for (sequence, event) in (1..).zip(events) {
        write(&|transaction| {
            let text = text((usize::try_from(sequence).unwrap(), *event));
            transaction.open_table(JOURNAL).unwrap().insert(sequence, text.as_bytes()).unwrap();
            transaction.open_table(LATEST).unwrap().insert(event.0, sequence).unwrap();
        });
    }
}

/// The bytes of a file of version 1 with [`EVENTS`].
fn version_1() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old");
    write_version_1(&redb::Database::create(&path).unwrap(), &EVENTS);
    fs::read(&path).unwrap()
}

fn on(disk: &Disk) -> Result<Journal, StorageError> {
    Journal::start(Path::new("disk"), Box::new(disk.clone()))
}

fn check_migrated(journal: &Journal) {
    let entries = journal.entries().unwrap();
    assert_eq!(entries.len(), EVENTS.len());
    for (at, (entry, event)) in (1..).zip(entries.iter().zip(EVENTS)) {
        let change = if event.2 { Change::Deployed } else { Change::Removed };
        assert_eq!((entry.sequence, entry.at_unix_ms, entry.change), (at, at * 100, change));
        assert_eq!(
            (entry.service.as_str(), entry.revision, entry.digest),
            (event.0, number(event.1), digest(event.0, event.1))
        );
        assert_eq!((entry.by.as_str(), entry.why.as_str()), ("", ""));
    }
    let standing = |at: usize| entries[at].standing.clone();
    let first = Standing { live: Some(id("users", 1)), newest: Some(number(1)), ..Standing::default() };
    assert_eq!(standing(0), first);
    let second = Standing { live: Some(id("users", 2)), previous: first.live, newest: Some(number(2)), ..first };
    assert_eq!(standing(2), second);
    let removed = Standing { previous: Some(id("orders", 1)), newest: Some(number(1)), ..Standing::default() };
    assert_eq!(standing(3), removed);
    let back = Standing { live: Some(id("orders", 2)), previous: removed.previous, newest: Some(number(2)), ..removed };
    assert_eq!(standing(5), back);

    assert_eq!(journal.version().unwrap(), 6);
    assert_eq!(
        journal.standings().unwrap().into_values().collect::<Vec<_>>(),
        [entries[5].clone(), entries[4].clone()]
    );
    let sequences: Vec<u64> =
        journal.history(&service("users"), 9).unwrap().iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [5, 3, 1]);
    let kept = |name: &str, revision, at_unix_ms| KeptRevision {
        service: service(name),
        revision: id(name, revision),
        bytes: 0,
        at_unix_ms,
    };
    let users = [kept("users", 1, 100), kept("users", 2, 300), kept("users", 3, 500)];
    assert_eq!(journal.revisions(&service("users")).unwrap(), users);
    assert_eq!(journal.revisions(&service("orders")).unwrap(), [kept("orders", 1, 200), kept("orders", 2, 600)]);
}

/// That the bytes are a database of version 1 that nobody has changed.
fn check_version_1(bytes: Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old");
    fs::write(&path, bytes).unwrap();
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_read().unwrap();
    assert_eq!(transaction.open_table(FORMAT).unwrap().get("control").unwrap().unwrap().value(), 1);
    assert_eq!(transaction.list_tables().unwrap().count(), 3);
    let entries = transaction.open_table(JOURNAL).unwrap();
    for (at, event) in (1..).zip(EVENTS) {
        let found = entries.get(at as u64).unwrap().unwrap();
        assert_eq!(found.value(), text((at, event)).as_bytes());
    }
    assert_eq!(entries.len().unwrap(), EVENTS.len() as u64);
}

#[test]
fn a_file_of_version_1_is_migrated_and_a_copy_of_it_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    fs::write(&path, version_1()).unwrap();
    let journal = Journal::open(&path).unwrap();
    check_migrated(&journal);
    let in_use = Journal::open(&path).unwrap_err();
    assert!(matches!(in_use, StorageError::InUse { .. }), "the copy has not cost it its lock: {in_use:?}");
    drop(journal);

    let copy = folder.path().join("control.redb.v1");
    check_version_1(fs::read(&copy).unwrap());
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 2, "nothing else is left");
    let before = fs::read(&copy).unwrap();
    check_migrated(&Journal::open(&path).unwrap());
    assert_eq!(fs::read(&copy).unwrap(), before);
}

#[test]
fn the_copy_is_a_journal_that_can_be_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    fs::write(&path, version_1()).unwrap();
    drop(Journal::open(&path).unwrap());
    fs::rename(folder.path().join("control.redb.v1"), &path).unwrap();
    check_migrated(&Journal::open(&path).unwrap());
}

#[test]
fn a_copy_that_is_there_stays_and_one_that_was_cut_short_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    let copy = folder.path().join("control.redb.v1");
    fs::write(&path, version_1()).unwrap();
    fs::write(&copy, b"kept by hand").unwrap();
    check_migrated(&Journal::open(&path).unwrap());
    assert_eq!(fs::read(&copy).unwrap(), b"kept by hand");

    fs::remove_file(&copy).unwrap();
    fs::write(&path, version_1()).unwrap();
    fs::write(folder.path().join("control.redb.v1.unfinished"), vec![1; 100_000_000]).unwrap();
    check_migrated(&Journal::open(&path).unwrap());
    check_version_1(fs::read(&copy).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn whenever_a_migration_is_cut_short_the_next_opening_succeeds() {
    let disk = Disk::holding(version_1());
    disk.record();
    let journal = on(&disk).unwrap();
    check_version_1(disk.kept(1).unwrap());
    let images = disk.recorded();
    assert!(images.len() >= 6, "two syncs of the commit, three images each, and those of opening");
    let (mut old, mut new) = (0, 0);
    for image in images.into_iter().chain([disk.after_power_cut(), disk.after_kill()]) {
        let after = Disk::holding(image);
        check_migrated(&on(&after).unwrap());
        match after.kept(1) {
            Some(bytes) => {
                check_version_1(bytes);
                old += 1;
            }
            None => new += 1,
        }
    }
    assert!(old > 0 && new > 0, "{old} {new}");
    check_migrated(&journal);
}

#[test]
fn a_migration_that_the_disk_refuses_changes_nothing() {
    for fault in [Fault::Write(ErrorKind::StorageFull), Fault::Sync, Fault::PanicOnSync] {
        let disk = Disk::holding(version_1());
        disk.fail(fault);
        let error = on(&disk).unwrap_err();
        assert_eq!(error.is_full(), fault == Fault::Write(ErrorKind::StorageFull), "{fault:?}: {error:?}");
        disk.fail(Fault::None);
        check_version_1(disk.after_power_cut());
        check_migrated(&on(&Disk::holding(disk.after_power_cut())).unwrap());
        check_migrated(&on(&disk).unwrap());
    }
}

#[test]
fn without_room_for_the_copy_nothing_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    fs::write(&path, version_1()).unwrap();
    // A folder in its place is as good as a full disk.
    let obstacle = folder.path().join("control.redb.v1.unfinished");
    fs::create_dir(&obstacle).unwrap();
    let error = Journal::open(&path).unwrap_err();
    assert!(matches!(error, StorageError::Io { .. }), "{error:?}");
    assert!(error.to_string().contains("control.redb.v1"), "{error}");
    check_version_1(fs::read(&path).unwrap());
    fs::remove_dir(&obstacle).unwrap();
    check_migrated(&Journal::open(&path).unwrap());
}

#[test]
fn a_newer_version_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    {
        let database = redb::Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(FORMAT).unwrap().insert("control", 3).unwrap();
        transaction.commit().unwrap();
    }
    let before = fs::read(&path).unwrap();
    let text = Journal::open(&path).unwrap_err().to_string();
    assert!(text.contains("format `control 3`, this host reads `control 2`"), "{text}");
    assert!(text.contains("use the host that wrote it"), "{text}");
    assert!(fs::read(&path).unwrap() == before, "the file has changed");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_old_entry_that_cannot_be_read_stops_the_migration_and_is_named() {
    for bad in ["not json", r#"{"at_unix_ms":1,"service":"users","revision":0,"digest":"00","change":"deployed"}"#] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.redb");
        {
            let database = redb::Database::create(&path).unwrap();
            write_version_1(&database, &EVENTS);
            let transaction = database.begin_write().unwrap();
            transaction.open_table(JOURNAL).unwrap().insert(4, bad.as_bytes()).unwrap();
            transaction.commit().unwrap();
        }
        for _ in 0..2 {
            let error = Journal::open(&path).unwrap_err();
            assert!(matches!(error, StorageError::Corrupt { .. }), "{error:?}");
            assert!(error.to_string().contains("entry 4"), "{error}");
        }
        let database = redb::Database::open(&path).unwrap();
        let transaction = database.begin_read().unwrap();
        assert_eq!(transaction.open_table(FORMAT).unwrap().get("control").unwrap().unwrap().value(), 1);
    }
}

#[test]
fn a_long_old_journal_is_cut_to_what_is_kept_and_its_revisions_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    let most = ENTRIES_OF_SERVICE_MAX as u64;
    {
        let database = redb::Database::create(&path).unwrap();
        write_version_1(&database, &[]);
        let transaction = database.begin_write().unwrap();
        for sequence in 1..=most + 5 {
            let text = text((1, ("users", sequence, true)));
            transaction.open_table(JOURNAL).unwrap().insert(sequence, text.as_bytes()).unwrap();
        }
        transaction.open_table(LATEST).unwrap().insert("users", most + 5).unwrap();
        transaction.commit().unwrap();
    }
    let journal = Journal::open(&path).unwrap();
    let entries = journal.entries().unwrap();
    assert_eq!((entries.len() as u64, entries[0].sequence), (most, 6));
    let standing = journal.latest(&service("users")).unwrap().unwrap().standing;
    assert_eq!((standing.live, standing.previous), (Some(id("users", most + 5)), Some(id("users", most + 4))));
    assert_eq!(journal.revisions(&service("users")).unwrap().len() as u64, most + 5);
}
