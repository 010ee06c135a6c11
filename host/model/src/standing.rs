//! How a service stands: which revisions are in force, what a command has decided, what waits. And how that changes.
//!
//! A standing is a value; every change makes the next one, and the deployer keeps
//! both the change and its outcome in the journal. What a service is made of and
//! may do stands in `hostel.toml`, not here.

use std::collections::BTreeSet;

use crate::digest::{Digest, RevisionId, RevisionNumber};
use crate::rollout::Weight;

#[cfg(test)]
mod tests;

/// How one service stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The revision that serves; none if the service was taken away, or never was there.
    pub live: Option<RevisionId>,
    /// A newer one that gets a share of the requests.
    pub candidate: Option<Candidate>,
    /// What served before `live`: where a rollback leads.
    pub previous: Option<RevisionId>,
    /// Set by a command: then the folder has no say until its file changes.
    pub pin: Option<Pin>,
    /// Whether it answers `not-ready` although it is there.
    pub disabled: bool,
    /// What waits for `hostel approve`.
    pub pending: Option<Pending>,
    /// What its revisions were allowed to ask for so far.
    pub approved: Asks,
    /// The highest number given to a revision.
    pub newest: Option<RevisionNumber>,
}

/// A revision that gets a share of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub revision: RevisionId,
    /// How large a share.
    pub weight: Weight,
}

/// A decision by command about what serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// What the folder's file held then. Once it holds something else, that takes effect.
    pub folder: Option<Digest>,
}

/// A revision that waits for approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Which.
    pub revision: RevisionId,
    /// The share it will get; all of them if none.
    pub weight: Option<Weight>,
}

/// Why a standing cannot change as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unchangeable {
    /// There is nothing there.
    #[error("it is not deployed; deploy it first")]
    Absent,
    /// Nothing served before.
    #[error("nothing served before the live revision; name a revision that `hostel history` shows")]
    NoPrevious,
    /// No revision shares the requests.
    #[error("no revision shares its requests; deploy one with `--weight`")]
    NoCandidate,
    /// Nothing waits.
    #[error("nothing waits for approval")]
    NothingPending,
    /// The same code with a share would be compared with itself.
    #[error("that revision is live already; deploy another one")]
    LiveAlready,
}

impl Standing {
    /// `revision` serves, or gets a share if there is something to share with.
    ///
    /// # Errors
    /// [`Unchangeable::LiveAlready`] for a share of what is live.
    pub fn deployed(&self, revision: RevisionId, weight: Option<Weight>) -> Result<Self, Unchangeable> {
        let mut next = self.clone();
        next.newest = self.newest.max(Some(revision.number));
        next.pending = None;
        match (weight, self.live) {
            (Some(_), Some(live)) if live == revision => return Err(Unchangeable::LiveAlready),
            (Some(weight), Some(_)) => next.candidate = Some(Candidate { revision, weight }),
            (_, live) => {
                next.live = Some(revision);
                next.candidate = None;
                if live.is_some() && live != Some(revision) {
                    next.previous = live;
                }
            }
        }
        Ok(next)
    }

    /// `revision` waits; what is live stays.
    #[must_use]
    pub fn waiting(&self, revision: RevisionId, weight: Option<Weight>) -> Self {
        let newest = self.newest.max(Some(revision.number));
        Self { pending: Some(Pending { revision, weight }), newest, ..self.clone() }
    }

    /// What waits is in force.
    ///
    /// # Errors
    /// If nothing waits.
    pub fn approved(&self, asks: &Asks) -> Result<(Self, RevisionId), Unchangeable> {
        let pending = self.pending.ok_or(Unchangeable::NothingPending)?;
        let mut next = if self.live == Some(pending.revision) {
            // The same code with more granted: who shares with it goes on.
            Self { pending: None, ..self.clone() }
        } else {
            self.deployed(pending.revision, pending.weight)?
        };
        next.approved.0.extend(asks.0.iter().cloned());
        Ok((next, pending.revision))
    }

    /// The way back: from a candidate to what is live, else from what waits to nothing that does, else
    /// to what served before, or to the revision `to`. Says which revision was given up.
    ///
    /// # Errors
    /// If there is no way back.
    pub fn rolled_back(&self, to: Option<RevisionId>) -> Result<(Self, RevisionId), Unchangeable> {
        if let (Some(candidate), None) = (self.candidate, to) {
            return Ok((Self { candidate: None, ..self.clone() }, candidate.revision));
        }
        if let (Some(pending), None) = (self.pending, to) {
            return Ok((Self { pending: None, ..self.clone() }, pending.revision));
        }
        let live = self.live.ok_or(Unchangeable::Absent)?;
        let to = to.or(self.previous).ok_or(Unchangeable::NoPrevious)?;
        let given_up = self.candidate.map_or(live, |candidate| candidate.revision);
        Ok((Self { pending: None, ..self.deployed(to, None)? }, given_up))
    }

    /// The candidate serves alone.
    ///
    /// # Errors
    /// If there is none.
    pub fn promoted(&self) -> Result<(Self, RevisionId), Unchangeable> {
        let candidate = self.candidate.ok_or(Unchangeable::NoCandidate)?;
        Ok((self.deployed(candidate.revision, None)?, candidate.revision))
    }

    /// Nothing serves any more; numbers count on.
    ///
    /// # Errors
    /// If nothing did.
    pub fn removed(&self) -> Result<(Self, RevisionId), Unchangeable> {
        let waits = self.pending.map(|pending| pending.revision);
        let last = self.live.or(waits).ok_or(Unchangeable::Absent)?;
        let previous = self.live.or(self.previous);
        let next = Self { live: None, candidate: None, previous, pending: None, ..self.clone() };
        Ok((next, last))
    }

    /// It answers `not-ready`, or answers again.
    ///
    /// # Errors
    /// If nothing serves.
    pub fn switched(&self, disabled: bool) -> Result<(Self, RevisionId), Unchangeable> {
        let live = self.live.ok_or(Unchangeable::Absent)?;
        Ok((Self { disabled, ..self.clone() }, live))
    }

    /// A command has decided while the folder held `folder`.
    #[must_use]
    pub fn pinned(self, folder: Option<Digest>) -> Self {
        Self { pin: Some(Pin { folder }), ..self }
    }

    /// Whether what the folder holds now takes effect: it was never overruled, or
    /// its file is another one since. That a file is gone changes no decision.
    #[must_use]
    pub fn follows(&self, folder: Option<Digest>) -> bool {
        match self.pin {
            None => true,
            Some(pin) => folder.is_some() && pin.folder != folder,
        }
    }

    /// Every revision that requests can reach, or an approval would.
    pub fn serving(&self) -> impl Iterator<Item = RevisionId> + use<> {
        let candidate = self.candidate.map(|candidate| candidate.revision);
        let pending = self.pending.map(|pending| pending.revision);
        [self.live, candidate, pending].into_iter().flatten()
    }

    /// Every revision that requests can reach, or a rollback or an approval would.
    pub fn held(&self) -> impl Iterator<Item = RevisionId> + use<> {
        let candidate = self.candidate.map(|candidate| candidate.revision);
        let pending = self.pending.map(|pending| pending.revision);
        [self.live, candidate, self.previous, pending].into_iter().flatten()
    }
}

/// What a revision asks for, imports and grants alike, a line each: `import
/// wasi:keyvalue/store`, `calls orders`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks(pub BTreeSet<String>);

/// What one revision asks for that another does not, both ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Asked for newly.
    pub gained: BTreeSet<String>,
    /// Asked for no more.
    pub lost: BTreeSet<String>,
}

impl Asks {
    /// What `next` asks for and this does not, and the other way round.
    #[must_use]
    pub fn difference(&self, next: &Self) -> Difference {
        let missing = |one: &Self, other: &Self| one.0.difference(&other.0).cloned().collect();
        Difference { gained: missing(next, self), lost: missing(self, next) }
    }
}

impl Difference {
    /// Whether both ask for the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty()
    }
}
