//! What changed, as the admin plane tells it.

use hostel_model::digest::RevisionId;
use hostel_storage::Change;

use crate::admin::view;
use crate::deploy::{Done, ServiceChange};

impl From<&Done> for view::Changed {
    fn from(done: &Done) -> Self {
        Self {
            version: done.version,
            dry_run: done.dry_run,
            changes: done.changes.iter().map(view::ServiceChange::from).collect(),
        }
    }
}

impl From<&ServiceChange> for view::ServiceChange {
    fn from(change: &ServiceChange) -> Self {
        let ServiceChange { service, change, revision, from, live, weight, difference } = change;
        Self {
            service: service.to_string(),
            change: (*change).into(),
            revision: revision.number.to_string(),
            digest: revision.digest.to_string(),
            from: from.map(Into::into),
            live: live.map(Into::into),
            weight: weight.map(|weight| weight.percent()),
            gained: difference.gained.iter().cloned().collect(),
            lost: difference.lost.iter().cloned().collect(),
        }
    }
}

impl From<RevisionId> for view::Revision {
    fn from(revision: RevisionId) -> Self {
        Self { revision: revision.number.to_string(), digest: revision.digest.to_string() }
    }
}

impl From<Change> for view::Change {
    fn from(change: Change) -> Self {
        match change {
            Change::Deployed => Self::Deployed,
            Change::Removed => Self::Removed,
            Change::Candidate => Self::Candidate,
            Change::Promoted => Self::Promoted,
            Change::RolledBack => Self::RolledBack,
            Change::TakenBack => Self::TakenBack,
            Change::Disabled => Self::Disabled,
            Change::Enabled => Self::Enabled,
            Change::Waiting => Self::Waiting,
            Change::Approved => Self::Approved,
        }
    }
}
