//! What the journal tells: events, how a service stood after each, and the revisions that are kept.

use hostel_model::digest::{Digest, RevisionId, RevisionNumber};
use hostel_model::name::ServiceName;
use hostel_model::standing::Standing;
use serde::{Deserialize, Serialize};

/// What happened to a service.
///
/// Each variant's name in lower case is what is on the disk: renaming one makes old entries unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The revision became the one that serves.
    Deployed,
    /// The service was taken away; the revision is the last that served.
    Removed,
    /// The revision got a share of the requests.
    Candidate,
    /// The revision had a share and serves alone now.
    Promoted,
    /// By command: the revision is the one that was given up.
    RolledBack,
    /// By the host itself: the revision is the one that was given up.
    TakenBack,
    /// The service answers `not-ready`.
    Disabled,
    /// The service answers again.
    Enabled,
    /// The revision waits for approval.
    Waiting,
    /// The revision was approved.
    Approved,
}

/// An event to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// Time of day in milliseconds since 1970, for people; the order is the sequence's.
    pub at_unix_ms: u64,
    /// The service.
    pub service: ServiceName,
    /// Its revision.
    pub revision: RevisionNumber,
    /// The revision's component.
    pub digest: Digest,
    /// What happened.
    pub change: Change,
    /// Who asked for it.
    pub by: String,
    /// The reason that was given, or nothing.
    pub why: String,
    /// How the service stands since.
    pub standing: Standing,
}

/// An event that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order. Counts from 1 and never repeats; entries that were dropped leave gaps.
    pub sequence: u64,
    /// Time of day in milliseconds since 1970, for people.
    pub at_unix_ms: u64,
    /// The service.
    pub service: ServiceName,
    /// Its revision.
    pub revision: RevisionNumber,
    /// The revision's component.
    pub digest: Digest,
    /// What happened.
    pub change: Change,
    /// Who asked for it; empty in entries older than that question.
    pub by: String,
    /// The reason that was given, or nothing.
    pub why: String,
    /// How the service stood then.
    pub standing: Standing,
}

/// A revision whose artifact is kept, so that there is a way back to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRevision {
    /// The service.
    pub service: ServiceName,
    /// Its number and the digest of its component.
    pub revision: RevisionId,
    /// Bytes of the component; zero if a host that did not count them made the revision.
    pub bytes: u64,
    /// When it was made, in milliseconds since 1970.
    pub at_unix_ms: u64,
}

/// What is recorded together, wholly or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Revisions that are new. One of the same service and number is replaced.
    pub revisions: Vec<KeptRevision>,
    /// Events, in their order.
    pub entries: Vec<NewEntry>,
    /// Revisions that are kept no more. One that is not there is no error.
    pub collected: Vec<(ServiceName, RevisionNumber)>,
}

impl Batch {
    /// Whether there is nothing to record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revisions.is_empty() && self.entries.is_empty() && self.collected.is_empty()
    }
}

impl NewEntry {
    pub(super) fn recorded(self, sequence: u64) -> Entry {
        Entry {
            sequence,
            at_unix_ms: self.at_unix_ms,
            service: self.service,
            revision: self.revision,
            digest: self.digest,
            change: self.change,
            by: self.by,
            why: self.why,
            standing: self.standing,
        }
    }
}
