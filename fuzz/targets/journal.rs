//! The rows of the journal: what was recorded is read back as it was, and rows that a stranger wrote are refused or read, never more.
//!
//! If the first byte is even, the rest is a batch to record. If it is odd, the rest is the text of a row; what can be
//! read of it is recorded once more and must be the same then.
#![no_main]

use hostel_model::digest::{Digest, RevisionId, RevisionNumber};
use hostel_model::name::ServiceName;
use hostel_model::rollout::Weight;
use hostel_model::standing::{Asks, Candidate, Pending, Pin, Standing};
use hostel_storage::{Batch, Change, Entry, Journal, KeptRevision, NewEntry, StorageError};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use redb::TableDefinition;

#[path = "disk.rs"]
#[expect(dead_code, reason = "the journal needs no platform")]
mod disk;

/// The table of entries as the storage has it.
const ENTRIES: TableDefinition<u64, &[u8]> = TableDefinition::new("journal");
const CHANGES: [Change; 10] = [
    Change::Deployed,
    Change::Removed,
    Change::Candidate,
    Change::Promoted,
    Change::RolledBack,
    Change::TakenBack,
    Change::Disabled,
    Change::Enabled,
    Change::Waiting,
    Change::Approved,
];
const SERVICES: [&str; 4] = ["a", "a-b", "b", "b2"];

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else {
        return;
    };
    if mode % 2 == 0 {
        // The input's end is the end of the batch.
        if let Ok(batch) = batch(&mut Unstructured::new(rest)) {
            recorded(batch);
        }
    } else {
        foreign(rest);
    }
});

/// All that was recorded is there as it was.
fn recorded(batch: Batch) {
    let folder = disk::folder();
    let path = folder.path().join("control");
    let journal = Journal::open(&path).expect("a journal");
    let entries = journal.record(batch.clone()).expect("a batch");
    drop(journal);
    let journal = Journal::open(&path).expect("the journal again");
    assert_eq!(journal.entries().expect("entries"), entries);
    assert_eq!(entries.iter().map(plain).collect::<Vec<_>>(), batch.entries);
    assert_eq!(journal.version().expect("a version"), entries.last().map_or(0, |entry| entry.sequence));
    for service in SERVICES {
        let service = ServiceName::parse(service).expect("a name");
        let own: Vec<Entry> = entries.iter().rev().filter(|entry| entry.service == service).cloned().collect();
        assert_eq!(journal.history(&service, usize::MAX).expect("a history"), own);
        assert_eq!(journal.latest(&service).expect("the latest").as_ref(), own.first());
        let mut kept: Vec<KeptRevision> = Vec::new();
        for revision in batch.revisions.iter().filter(|kept| kept.service == service) {
            kept.retain(|other| other.revision.number != revision.revision.number);
            kept.push(revision.clone());
        }
        kept.retain(|kept| !batch.collected.contains(&(service.clone(), kept.revision.number)));
        kept.sort_by_key(|kept| kept.revision.number);
        assert_eq!(journal.revisions(&service).expect("revisions"), kept);
    }
}

/// A row that is not of this host is an error of its own, or an entry that can be recorded.
fn foreign(row: &[u8]) {
    let folder = disk::folder();
    let path = folder.path().join("control");
    drop(Journal::open(&path).expect("a journal"));
    let database = redb::Database::open(&path).expect("its file");
    let transaction = database.begin_write().expect("a transaction");
    transaction.open_table(ENTRIES).expect("its table").insert(7, row).expect("a row");
    transaction.commit().expect("a commit");
    drop(database);
    let journal = Journal::open(&path).expect("the journal again");
    match journal.entries() {
        Err(StorageError::Corrupt { .. }) => {}
        Ok(entries) => {
            let entries = entries.iter().map(plain).collect();
            recorded(Batch { entries, ..Batch::default() });
        }
        Err(other) => panic!("{other}"),
    }
}

fn plain(entry: &Entry) -> NewEntry {
    let Entry { sequence: _, at_unix_ms, service, revision, digest, change, by, why, standing } = entry.clone();
    NewEntry { at_unix_ms, service, revision, digest, change, by, why, standing }
}

fn batch(input: &mut Unstructured<'_>) -> Result<Batch> {
    let mut batch = Batch::default();
    for _ in 0..input.int_in_range(0..=4)? {
        batch.entries.push(entry(input)?);
    }
    for _ in 0..input.int_in_range(0..=4)? {
        let (service, bytes, at_unix_ms) = (service(input)?, input.arbitrary()?, input.arbitrary()?);
        batch.revisions.push(KeptRevision { service, revision: revision(input)?, bytes, at_unix_ms });
    }
    for _ in 0..input.int_in_range(0..=2)? {
        batch.collected.push((service(input)?, number(input)?));
    }
    Ok(batch)
}

fn entry(input: &mut Unstructured<'_>) -> Result<NewEntry> {
    Ok(NewEntry {
        at_unix_ms: input.arbitrary()?,
        service: service(input)?,
        revision: number(input)?,
        digest: digest(input)?,
        change: *input.choose(&CHANGES)?,
        by: input.arbitrary()?,
        why: input.arbitrary()?,
        standing: standing(input)?,
    })
}

fn standing(input: &mut Unstructured<'_>) -> Result<Standing> {
    let maybe = |input: &mut Unstructured<'_>| input.arbitrary::<bool>();
    let mut standing = Standing { disabled: maybe(input)?, ..Standing::default() };
    if maybe(input)? {
        standing.live = Some(revision(input)?);
    }
    if maybe(input)? {
        standing.candidate = Some(Candidate { revision: revision(input)?, weight: weight(input)? });
    }
    if maybe(input)? {
        standing.previous = Some(revision(input)?);
    }
    if maybe(input)? {
        standing.pin = Some(Pin { folder: if maybe(input)? { Some(digest(input)?) } else { None } });
    }
    if maybe(input)? {
        let weight = if maybe(input)? { Some(weight(input)?) } else { None };
        standing.pending = Some(Pending { revision: revision(input)?, weight });
    }
    standing.approved = Asks(input.arbitrary()?);
    if maybe(input)? {
        standing.newest = Some(number(input)?);
    }
    Ok(standing)
}

fn service(input: &mut Unstructured<'_>) -> Result<ServiceName> {
    Ok(ServiceName::parse(input.choose(&SERVICES)?).expect("a name"))
}

fn number(input: &mut Unstructured<'_>) -> Result<RevisionNumber> {
    Ok(RevisionNumber::from(input.arbitrary::<std::num::NonZeroU64>()?))
}

fn digest(input: &mut Unstructured<'_>) -> Result<Digest> {
    Ok(Digest::from(input.arbitrary::<[u8; 32]>()?))
}

fn revision(input: &mut Unstructured<'_>) -> Result<RevisionId> {
    Ok(RevisionId { number: number(input)?, digest: digest(input)? })
}

fn weight(input: &mut Unstructured<'_>) -> Result<Weight> {
    Ok((0..=u8::MAX)
        .filter_map(Weight::of)
        .nth(input.int_in_range(0..=200)?)
        .unwrap_or_else(|| Weight::of(1).expect("one per cent")))
}
