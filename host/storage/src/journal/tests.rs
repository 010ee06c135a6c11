//! Tests of the journal; what happens to batches when the disk fails is in `batch`.

mod batch;

use std::fs;
use std::num::NonZeroU64;

use hostel_model::digest::{Digest, RevisionId};
use hostel_model::rollout::Weight;
use hostel_model::standing::{Asks, Candidate, Pending, Pin, Standing};

use super::*;

fn service(name: &str) -> ServiceName {
    ServiceName::parse(name).unwrap()
}

fn revision(service: &str, number: u64) -> RevisionId {
    let digest = Digest::of(format!("{service} {number}").as_bytes());
    RevisionId { number: NonZeroU64::new(number).unwrap().into(), digest }
}

fn event(at: u64, name: &str, number: u64, change: Change) -> NewEntry {
    let RevisionId { number, digest } = revision(name, number);
    let standing = Standing { live: Some(RevisionId { number, digest }), newest: Some(number), ..Standing::default() };
    NewEntry {
        at_unix_ms: at,
        service: service(name),
        revision: number,
        digest,
        change,
        by: "user 1000".to_owned(),
        why: String::new(),
        standing,
    }
}

fn kept(name: &str, number: u64) -> KeptRevision {
    KeptRevision { service: service(name), revision: revision(name, number), bytes: number * 10, at_unix_ms: number }
}

fn append(journal: &Journal, entry: NewEntry) -> Entry {
    let recorded = journal.record(Batch { entries: vec![entry], ..Batch::default() }).unwrap();
    let [entry] = recorded.try_into().unwrap();
    entry
}

fn latest(journal: &Journal, name: &str) -> Option<u64> {
    journal.latest(&service(name)).unwrap().map(|entry| {
        assert_eq!(entry.service, service(name));
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
    let recorded: Vec<Entry> = events.iter().map(|event| append(&journal, event.clone())).collect();
    drop(journal);

    let journal = Journal::open(&path).unwrap();
    let expected: Vec<Entry> = (1..).zip(events).map(|(sequence, event)| event.recorded(sequence)).collect();
    assert_eq!(recorded, expected);
    assert_eq!(journal.entries().unwrap(), expected);
    assert_eq!(latest(&journal, "users"), Some(3));
    assert_eq!(latest(&journal, "orders"), Some(4));
    assert_eq!(latest(&journal, "user"), None);
    assert_eq!(append(&journal, event(1, "users", 3, Change::Deployed)).sequence, 5);
}

#[test]
fn an_appended_entry_is_in_a_copy_of_the_file_as_a_kill_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    let journal = Journal::open(&path).unwrap();
    for revision in 1..=5 {
        let entry = append(&journal, event(1, "users", revision, Change::Deployed));
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
    let guests = Layout { name: "guests", version: 1, tables: &[], steps: &[] };
    let backing = Box::new(FileBacking(path.clone()));
    drop(Database::open(&path, guests, backing).unwrap());
    let text = Journal::open(&path).unwrap_err().to_string();
    assert!(text.contains("format `guests 1`, this host reads `control 2`"), "{text}");
}

#[test]
fn an_entry_that_cannot_be_read_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    let journal = Journal::open(&path).unwrap();
    append(&journal, event(1, "users", 1, Change::Deployed));
    let good = text_of(&event_with_everything());
    for bad in [
        "not json",
        "{}",
        r#"{"at_unix_ms":1,"service":"USERS","revision":1,"digest":"00","change":"deployed"}"#,
        r#"{"at_unix_ms":1,"service":"users","revision":0,"digest":"00","change":"deployed"}"#,
        r#"{"at_unix_ms":1,"service":"users","revision":1,"digest":"00","change":"eaten"}"#,
        &good.replace(r#""number":1"#, r#""number":0"#),
        &good.replace(r#""weight":10"#, r#""weight":100"#),
        &good.replace(r#""folder":""#, r#""folder":"0"#),
    ] {
        journal
            .database
            .write(|transaction| {
                transaction.open_table(ENTRIES)?.insert(1, bad.as_bytes())?;
                Ok((Verdict::Commit, ()))
            })
            .unwrap();
        let users = service("users");
        let errors = [
            journal.entries().unwrap_err(),
            journal.latest(&users).unwrap_err(),
            journal.standings().unwrap_err(),
            journal.history(&users, 1).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, StorageError::Corrupt { .. }), "{bad}");
            assert!(error.to_string().contains("entry 1"), "{error}");
        }
    }
}

/// An event whose standing has a value everywhere.
fn event_with_everything() -> NewEntry {
    let [one, two, three, four] = [1, 2, 3, 4].map(|number| revision("users", number));
    let weight = Weight::of(10).unwrap();
    let standing = Standing {
        live: Some(two),
        candidate: Some(Candidate { revision: three, weight }),
        previous: Some(one),
        pin: Some(Pin { folder: Some(two.digest) }),
        disabled: true,
        pending: Some(Pending { revision: four, weight: Some(weight) }),
        approved: Asks(["import wasi:keyvalue/store", "calls orders"].map(str::to_owned).into()),
        newest: Some(four.number),
    };
    let why = "it fails \"5 %\"\n of its requests".to_owned();
    NewEntry { why, standing, ..event(7, "users", 3, Change::TakenBack) }
}

fn text_of(event: &NewEntry) -> String {
    serde_json::to_string(&Record::from(event)).unwrap()
}

#[test]
fn every_part_of_a_standing_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    let full = event_with_everything();
    let standing = Standing {
        pin: Some(Pin { folder: None }),
        pending: Some(Pending { weight: None, ..full.standing.pending.unwrap() }),
        ..full.standing.clone()
    };
    let sparse = NewEntry { standing, ..full.clone() };
    let empty = NewEntry { standing: Standing::default(), ..full.clone() };
    let events = [full, sparse, empty];
    let journal = Journal::open(&path).unwrap();
    journal.record(Batch { entries: events.to_vec(), ..Batch::default() }).unwrap();
    drop(journal);
    let found = Journal::open(&path).unwrap().entries().unwrap();
    let expected: Vec<Entry> = (1..).zip(events).map(|(sequence, event)| event.recorded(sequence)).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_names_on_the_disk_stay_what_they_are() {
    let text = text_of(&event_with_everything());
    let digest = |number| revision("users", number).digest;
    let expected = format!(
        concat!(
            r#"{{"at_unix_ms":7,"service":"users","revision":3,"digest":"{three}","change":"taken-back","#,
            r#""by":"user 1000","why":"it fails \"5 %\"\n of its requests","standing":{{"#,
            r#""live":{{"number":2,"digest":"{two}"}},"#,
            r#""candidate":{{"revision":{{"number":3,"digest":"{three}"}},"weight":10}},"#,
            r#""previous":{{"number":1,"digest":"{one}"}},"pin":{{"folder":"{two}"}},"disabled":true,"#,
            r#""pending":{{"revision":{{"number":4,"digest":"{four}"}},"weight":10}},"#,
            r#""approved":["calls orders","import wasi:keyvalue/store"],"newest":4}}}}"#,
        ),
        one = digest(1),
        two = digest(2),
        three = digest(3),
        four = digest(4),
    );
    assert_eq!(text, expected);
    let changes = [
        (Change::Deployed, "deployed"),
        (Change::Removed, "removed"),
        (Change::Candidate, "candidate"),
        (Change::Promoted, "promoted"),
        (Change::RolledBack, "rolled-back"),
        (Change::TakenBack, "taken-back"),
        (Change::Disabled, "disabled"),
        (Change::Enabled, "enabled"),
        (Change::Waiting, "waiting"),
        (Change::Approved, "approved"),
    ];
    for (change, text) in changes {
        assert_eq!(serde_json::to_string(&change).unwrap(), format!("\"{text}\""));
    }
}

#[test]
fn fields_that_a_later_host_adds_are_passed_over() {
    let text = text_of(&event_with_everything());
    let later =
        text.replace(r#""disabled":true"#, r#""disabled":true,"mood":"good""#).replacen('{', r#"{"new":[1],"#, 1);
    let record: Record = serde_json::from_str(&later).unwrap();
    assert_eq!(record.into_entry(1).unwrap(), event_with_everything().recorded(1));
}

#[test]
fn a_history_is_newest_first_and_of_one_service() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("control.redb")).unwrap();
    for number in 1..=4 {
        for name in ["user", "users", "users-old"] {
            append(&journal, event(number, name, number, Change::Deployed));
        }
    }
    let numbers = |most| -> Vec<u64> {
        let entries = journal.history(&service("users"), most).unwrap();
        assert!(entries.iter().all(|entry| entry.service == service("users")));
        entries.iter().map(|entry| entry.revision.get()).collect()
    };
    assert_eq!(numbers(usize::MAX), [4, 3, 2, 1]);
    assert_eq!(numbers(2), [4, 3]);
    assert_eq!(numbers(0), [0; 0]);
    assert_eq!(journal.history(&service("nobody"), 5).unwrap(), []);
}

#[test]
fn the_standings_are_the_newest_of_every_service() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("control.redb")).unwrap();
    assert!(journal.standings().unwrap().is_empty());
    assert_eq!(journal.version().unwrap(), 0);
    for (name, number) in [("users", 1), ("orders", 1), ("users", 2)] {
        append(&journal, event(1, name, number, Change::Deployed));
    }
    let found = journal.standings().unwrap();
    let lives: Vec<_> = found.iter().map(|(name, entry)| (name.as_str(), entry.standing.live.unwrap())).collect();
    assert_eq!(lives, [("orders", revision("orders", 1)), ("users", revision("users", 2))]);
    assert_eq!(journal.version().unwrap(), 3);
}

#[test]
fn revisions_are_told_oldest_first_until_they_are_collected() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("control.redb")).unwrap();
    let numbers = [3, 300, 1, 2];
    let mut revisions: Vec<KeptRevision> = numbers.iter().map(|number| kept("users", *number)).collect();
    revisions.push(kept("user", 9));
    journal.record(Batch { revisions, ..Batch::default() }).unwrap();
    let expected = [1, 2, 3, 300].map(|number| kept("users", number));
    assert_eq!(journal.revisions(&service("users")).unwrap(), expected);

    let collected = vec![(service("users"), expected[1].revision.number), (service("users"), revision("", 77).number)];
    let again = KeptRevision { bytes: 5, ..expected[2].clone() };
    journal.record(Batch { revisions: vec![again.clone()], collected, ..Batch::default() }).unwrap();
    let left = [expected[0].clone(), again, expected[3].clone()];
    assert_eq!(journal.revisions(&service("users")).unwrap(), left);
    assert_eq!(journal.revisions(&service("user")).unwrap(), [kept("user", 9)]);
    assert_eq!(journal.version().unwrap(), 0, "revisions are no entries");
}

#[test]
fn the_oldest_entries_of_a_service_give_way_and_numbers_never_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("control.redb")).unwrap();
    append(&journal, event(1, "orders", 1, Change::Deployed));
    let most = ENTRIES_OF_SERVICE_MAX as u64;
    let entries = (1..=most + 3).map(|number| event(number, "users", number, Change::Deployed)).collect();
    let recorded = journal.record(Batch { entries, ..Batch::default() }).unwrap();
    assert_eq!(recorded.last().unwrap().sequence, most + 4);

    let users = journal.history(&service("users"), usize::MAX).unwrap();
    assert_eq!(users.len() as u64, most);
    assert_eq!((users[0].revision.get(), users.last().unwrap().revision.get()), (most + 3, 4));
    let all = journal.entries().unwrap();
    assert_eq!(all.len() as u64, most + 1);
    assert_eq!((all[0].sequence, all[1].sequence), (1, 5), "another service's entries stay, however old");
    assert_eq!(append(&journal, event(1, "users", 1, Change::Deployed)).sequence, most + 5);
    assert_eq!(latest(&journal, "users"), Some(most + 5));
    assert_eq!(latest(&journal, "orders"), Some(1));
}
