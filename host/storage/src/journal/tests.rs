//! Tests of the journal.

use std::fs;

use super::*;

fn event(at: u64, service: &str, revision: u64, change: Change) -> NewEntry {
    NewEntry {
        at_unix_ms: at,
        service: ServiceName::parse(service).unwrap(),
        revision: NonZeroU64::new(revision).unwrap().into(),
        digest: Digest::of(format!("{service} {revision}").as_bytes()),
        change,
    }
}

fn latest(journal: &Journal, service: &str) -> Option<u64> {
    let service = ServiceName::parse(service).unwrap();
    journal.latest(&service).unwrap().map(|entry| {
        assert_eq!(entry.service, service);
        entry.sequence
    })
}

#[test]
fn entries_come_back_in_order_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    let events = [
        event(10, "users", 1, Change::Deployed),
        event(5, "orders", 1, Change::Deployed),
        event(u64::MAX, "users", 2, Change::Deployed),
        event(0, "orders", 1, Change::Removed),
    ];
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.entries().unwrap(), []);
    let recorded: Vec<Entry> = events.iter().map(|event| journal.append(event.clone()).unwrap()).collect();
    drop(journal);

    let journal = Journal::open(&path).unwrap();
    let expected: Vec<Entry> = (1..).zip(events).map(|(sequence, event)| event.recorded(sequence)).collect();
    assert_eq!(recorded, expected);
    assert_eq!(journal.entries().unwrap(), expected);
    assert_eq!(latest(&journal, "users"), Some(3));
    assert_eq!(latest(&journal, "orders"), Some(4));
    assert_eq!(latest(&journal, "user"), None);
    let fifth = journal.append(event(1, "users", 3, Change::Deployed));
    assert_eq!(fifth.unwrap().sequence, 5);
}

#[test]
fn an_appended_entry_is_in_a_copy_of_the_file_as_a_kill_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    let journal = Journal::open(&path).unwrap();
    for revision in 1..=5 {
        let entry = journal.append(event(1, "users", revision, Change::Deployed)).unwrap();
        let copy = folder.path().join(format!("copy{revision}"));
        fs::copy(&path, &copy).unwrap();
        let copied = Journal::open(&copy).unwrap().entries().unwrap();
        assert_eq!(copied.last(), Some(&entry));
        assert_eq!(copied.len() as u64, revision);
    }
}

#[test]
fn a_second_host_is_told_that_the_folder_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    let journal = Journal::open(&path).unwrap();
    let error = Journal::open(&path).unwrap_err();
    assert!(matches!(error, StorageError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains("another host uses this state folder"));
    drop(journal);
    Journal::open(&path).unwrap();
}

#[test]
fn the_guests_database_is_not_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    let guests = Layout { name: "guests", version: 1, create: |_| Ok(()) };
    let backing = Box::new(FileBacking(path.clone()));
    drop(Database::open(&path, guests, backing).unwrap());
    let text = Journal::open(&path).unwrap_err().to_string();
    assert!(text.contains("format `guests 1`, this host reads `control 1`"), "{text}");
}

#[test]
fn an_entry_that_cannot_be_read_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    let journal = Journal::open(&path).unwrap();
    journal.append(event(1, "users", 1, Change::Deployed)).unwrap();
    for bad in [
        "not json",
        "{}",
        r#"{"at_unix_ms":1,"service":"USERS","revision":1,"digest":"00","change":"deployed"}"#,
        r#"{"at_unix_ms":1,"service":"users","revision":0,"digest":"00","change":"deployed"}"#,
        r#"{"at_unix_ms":1,"service":"users","revision":1,"digest":"00","change":"eaten"}"#,
    ] {
        journal
            .database
            .write(|transaction| {
                transaction.open_table(ENTRIES)?.insert(1, bad.as_bytes())?;
                Ok((Verdict::Commit, ()))
            })
            .unwrap();
        let users = ServiceName::parse("users").unwrap();
        for error in [journal.entries().unwrap_err(), journal.latest(&users).unwrap_err()] {
            assert!(matches!(error, StorageError::Corrupt { .. }), "{bad}");
            assert!(error.to_string().contains("entry 1"), "{error}");
        }
    }
}
