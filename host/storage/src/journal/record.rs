//! Entries and revisions as they are stored: JSON of types of their own.
//!
//! A change of the types that the host works with so cannot change unseen what is on the disk.
//! Whatever was added after the first version has a default, so that what an earlier host wrote
//! is still read; what a later one adds is passed over.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use hostel_model::digest::{RevisionId, RevisionNumber};
use hostel_model::name::ServiceName;
use hostel_model::rollout::Weight;
use hostel_model::standing::{Asks, Candidate, Pending, Pin, Standing};
use serde::{Deserialize, Serialize};

use super::entry::{Change, Entry, KeptRevision, NewEntry};

/// An entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    at_unix_ms: u64,
    pub(super) service: String,
    revision: u64,
    digest: String,
    change: Change,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    why: String,
    #[serde(default)]
    pub(super) standing: StandingRecord,
}

/// How a service stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StandingRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<RevisionRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<CandidateRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<RevisionRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<PinRecord>,
    disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<PendingRecord>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    approved: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct RevisionRecord {
    number: u64,
    digest: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct CandidateRecord {
    revision: RevisionRecord,
    weight: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct PinRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct PendingRecord {
    revision: RevisionRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<u8>,
}

/// A kept revision; its service and number are the key that it is stored under.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptRecord {
    digest: String,
    #[serde(default)]
    bytes: u64,
    at_unix_ms: u64,
}

impl From<&NewEntry> for Record {
    fn from(entry: &NewEntry) -> Self {
        Self {
            at_unix_ms: entry.at_unix_ms,
            service: entry.service.to_string(),
            revision: entry.revision.get(),
            digest: entry.digest.to_string(),
            change: entry.change,
            by: entry.by.clone(),
            why: entry.why.clone(),
            standing: StandingRecord::from(&entry.standing),
        }
    }
}

impl Record {
    /// None if a name or a number in it cannot be.
    pub(super) fn into_entry(self, sequence: u64) -> Option<Entry> {
        Some(Entry {
            sequence,
            at_unix_ms: self.at_unix_ms,
            service: ServiceName::parse(&self.service).ok()?,
            revision: number(self.revision)?,
            digest: self.digest.parse().ok()?,
            change: self.change,
            by: self.by,
            why: self.why,
            standing: self.standing.into_standing()?,
        })
    }
}

impl From<&KeptRevision> for KeptRecord {
    fn from(kept: &KeptRevision) -> Self {
        Self { digest: kept.revision.digest.to_string(), bytes: kept.bytes, at_unix_ms: kept.at_unix_ms }
    }
}

impl KeptRecord {
    /// None if the digest or the key that it was found under cannot be.
    pub(super) fn into_kept(self, service: &str, revision: u64) -> Option<KeptRevision> {
        Some(KeptRevision {
            service: ServiceName::parse(service).ok()?,
            revision: RevisionId { number: number(revision)?, digest: self.digest.parse().ok()? },
            bytes: self.bytes,
            at_unix_ms: self.at_unix_ms,
        })
    }
}

impl From<&Standing> for StandingRecord {
    fn from(standing: &Standing) -> Self {
        Self {
            live: standing.live.map(RevisionRecord::from),
            candidate: standing.candidate.map(|candidate| CandidateRecord {
                revision: candidate.revision.into(),
                weight: candidate.weight.percent(),
            }),
            previous: standing.previous.map(RevisionRecord::from),
            pin: standing.pin.map(|pin| PinRecord { folder: pin.folder.map(|digest| digest.to_string()) }),
            disabled: standing.disabled,
            pending: standing.pending.map(|pending| PendingRecord {
                revision: pending.revision.into(),
                weight: pending.weight.map(Weight::percent),
            }),
            approved: standing.approved.0.clone(),
            newest: standing.newest.map(RevisionNumber::get),
        }
    }
}

impl StandingRecord {
    fn into_standing(self) -> Option<Standing> {
        Some(Standing {
            live: every(self.live, RevisionRecord::into_id)?,
            candidate: every(self.candidate, |candidate| {
                Some(Candidate { revision: candidate.revision.into_id()?, weight: Weight::of(candidate.weight)? })
            })?,
            previous: every(self.previous, RevisionRecord::into_id)?,
            pin: every(self.pin, |pin| Some(Pin { folder: every(pin.folder, |text| text.parse().ok())? }))?,
            disabled: self.disabled,
            pending: every(self.pending, |pending| {
                Some(Pending { revision: pending.revision.into_id()?, weight: every(pending.weight, Weight::of)? })
            })?,
            approved: Asks(self.approved),
            newest: every(self.newest, number)?,
        })
    }
}

impl From<RevisionId> for RevisionRecord {
    fn from(id: RevisionId) -> Self {
        Self { number: id.number.get(), digest: id.digest.to_string() }
    }
}

impl RevisionRecord {
    fn into_id(self) -> Option<RevisionId> {
        Some(RevisionId { number: number(self.number)?, digest: self.digest.parse().ok()? })
    }
}

fn number(stored: u64) -> Option<RevisionNumber> {
    NonZeroU64::new(stored).map(RevisionNumber::from)
}

/// What `read` makes of a value that may be missing. None only if it is there and cannot be read.
#[expect(clippy::option_option, reason = "missing and unreadable are two things")]
fn every<T, U>(stored: Option<T>, read: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    match stored {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}
