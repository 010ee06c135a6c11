//! How a journal that an older host wrote becomes one of today.

use std::collections::{BTreeMap, BTreeSet};

use hostel_model::digest::RevisionId;
use hostel_model::standing::Standing;
use redb::{ReadableTable, WriteTransaction};

use super::entry::{Change, Entry, KeptRevision};
use super::record::{KeptRecord, Record, StandingRecord};
use super::{ENTRIES, HISTORY, REVISIONS, Tables};
use crate::database::Step;

/// Version 1 knew no standings, no history by service and no revisions, and only the changes
/// `deployed` and `removed`. All of it follows from those.
pub(super) const FROM_1: Step = Step { from: 1, run: from_1 };

fn from_1(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    let mut sequences = Vec::new();
    for row in transaction.open_table(ENTRIES)?.iter()? {
        sequences.push(row?.0.value());
    }
    let mut standings = BTreeMap::new();
    for sequence in sequences {
        replay(transaction, sequence, &mut standings)?;
    }
    let services: BTreeSet<String> = standings.into_keys().collect();
    let mut tables = Tables::open(transaction)?;
    services.iter().try_for_each(|service| tables.drop_oldest(service))
}

/// Gives one entry its standing, and notes what else follows from it.
fn replay(
    transaction: &WriteTransaction,
    sequence: u64,
    standings: &mut BTreeMap<String, Standing>,
) -> Result<(), redb::Error> {
    let mut entries = transaction.open_table(ENTRIES)?;
    let Some(bytes) = entries.get(sequence)?.map(|bytes| bytes.value().to_vec()) else {
        return Ok(());
    };
    let unreadable = |detail: &dyn std::fmt::Display| redb::Error::Corrupted(format!("entry {sequence}: {detail}"));
    let mut record: Record = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
    let entry = record.clone().into_entry(sequence).ok_or_else(|| unreadable(&"an impossible name"))?;

    let standing = standings.entry(record.service.clone()).or_default();
    *standing = after(standing, &entry);
    record.standing = StandingRecord::from(&*standing);
    let bytes = serde_json::to_vec(&record).map_err(|error| unreadable(&error))?;
    entries.insert(sequence, bytes.as_slice())?;
    transaction.open_table(HISTORY)?.insert((record.service.as_str(), sequence), ())?;

    if entry.change == Change::Deployed {
        let revision = RevisionId { number: entry.revision, digest: entry.digest };
        let kept = KeptRevision { service: entry.service, revision, bytes: 0, at_unix_ms: entry.at_unix_ms };
        let bytes = serde_json::to_vec(&KeptRecord::from(&kept)).map_err(|error| unreadable(&error))?;
        let key = (kept.service.as_str(), kept.revision.number.get());
        transaction.open_table(REVISIONS)?.insert(key, bytes.as_slice())?;
    }
    Ok(())
}

/// How a service stands after `entry`. What cannot follow changes nothing: the entry is about the past.
fn after(standing: &Standing, entry: &Entry) -> Standing {
    let revision = RevisionId { number: entry.revision, digest: entry.digest };
    let next = match entry.change {
        Change::Deployed => standing.deployed(revision, None),
        Change::Removed => standing.removed().map(|(next, _)| next),
        Change::Candidate
        | Change::Promoted
        | Change::RolledBack
        | Change::TakenBack
        | Change::Disabled
        | Change::Enabled
        | Change::Waiting
        | Change::Approved => Ok(standing.clone()),
    };
    next.unwrap_or_else(|_| standing.clone())
}

#[cfg(test)]
mod tests;
