//! Old revisions are kept by count and size, then collected, with the components that nobody names any more.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use hostel_model::digest::{Digest, RevisionId};
use hostel_model::name::ServiceName;
use hostel_model::rollout::Keep;
use hostel_model::standing::Standing;
use hostel_sandbox::Sandbox;
use hostel_storage::{Batch, KeptRevision, StorageError};

use super::{Deployer, Store};
use crate::live::LiveTable;

/// How long a component may lie there that no revision names: whoever uploaded it deploys it soon.
const UPLOAD_PATIENCE: Duration = Duration::from_hours(1);

/// Compiled after a start although nobody asked: some minutes of a processor at most.
const AHEAD_MAX: usize = 64;

impl Deployer {
    /// Collects what `services` keep too much of. That it fails is no failure of a
    /// deployment: the next one tries again.
    pub(super) fn collect<'a>(&self, services: impl Iterator<Item = &'a ServiceName>) {
        for service in services {
            if let Err(error) = self.collect_one(service) {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(service = service.as_str(), error, "old revisions could not be collected");
            }
        }
        if let Err(error) = self.store.sweep(self.platform.clock.wall()) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "unused components could not be collected");
        }
    }

    fn collect_one(&self, service: &ServiceName) -> Result<(), StorageError> {
        let keep = self.folder.services.get(service).map(|known| known.settings.rollout.keep).unwrap_or_default();
        let held: BTreeSet<RevisionId> = self.standings.get(service).into_iter().flat_map(|one| one.held()).collect();
        let kept = self.store.journal.revisions(service)?;
        let collected = surplus(&kept, &held, keep);
        if collected.is_empty() {
            return Ok(());
        }
        let collected = collected.into_iter().map(|revision| (service.clone(), revision.number)).collect();
        self.store.journal.record(Batch { collected, ..Batch::default() }).map(drop)
    }
}

impl Store {
    /// Takes away components that no revision has, once they are old enough. Only for the deployer and for
    /// whoever holds it: one that is being deployed at this moment has no revision yet.
    pub(crate) fn sweep(&self, now: SystemTime) -> Result<(), StorageError> {
        for (digest, age) in self.undeployed(now)? {
            if age > UPLOAD_PATIENCE {
                self.artifacts.remove(&digest)?;
            }
        }
        Ok(())
    }

    /// Bytes of the components that no revision has, but for those that the next sweep takes away.
    pub(crate) fn undeployed_bytes(&self, now: SystemTime) -> Result<u64, StorageError> {
        let mut bytes = 0_u64;
        for (digest, age) in self.undeployed(now)? {
            if age <= UPLOAD_PATIENCE {
                bytes = bytes.saturating_add(self.artifacts.size(&digest)?.unwrap_or_default());
            }
        }
        Ok(bytes)
    }

    /// The components that no revision has, with the time since they came.
    fn undeployed(&self, now: SystemTime) -> Result<Vec<(Digest, Duration)>, StorageError> {
        // Before the journal is read: what comes to be named meanwhile is then found named.
        let all = self.artifacts.list()?;
        let mut named: BTreeSet<Digest> = BTreeSet::new();
        for (service, entry) in self.journal.standings()? {
            named.extend(entry.standing.held().map(|revision| revision.digest));
            named.extend(self.journal.revisions(&service)?.iter().map(|kept| kept.revision.digest));
        }
        let mut undeployed = Vec::new();
        for digest in all.into_iter().filter(|digest| !named.contains(digest)) {
            if let Some(age) = self.artifacts.age(&digest, now)? {
                undeployed.push((digest, age));
            }
        }
        Ok(undeployed)
    }
}

/// Compiles what a rollback would lead to, so that it is there at once: at the lowest
/// priority, after a start. What cannot be compiled is told when somebody asks for it.
pub fn compile_ahead(sandbox: &Sandbox, store: &Weak<Store>, live: &LiveTable) {
    let standings = store.upgrade().and_then(|store| store.journal.standings().ok());
    let previous = |standing: &Standing| standing.live.and(standing.previous).map(|revision| revision.digest);
    let found = standings.iter().flatten().filter_map(|(name, entry)| Some((name, previous(&entry.standing)?)));
    for (service, digest) in found.take(AHEAD_MAX) {
        if sandbox.cached(&digest).is_none() {
            // Not held while it compiles: the host may end meanwhile.
            let bytes = store.upgrade().and_then(|store| store.artifacts.get(&digest).ok());
            let tenant = live.load().tenancy.owner(service).map(|tenant| Arc::clone(&tenant.share));
            drop(bytes.map(|bytes| sandbox.code_for(&bytes, digest, tenant.as_deref())));
        }
    }
}

/// What is over `keep`, the oldest first; never what is `held`.
fn surplus(kept: &[KeptRevision], held: &BTreeSet<RevisionId>, keep: Keep) -> Vec<RevisionId> {
    let (mut count, mut bytes) = (kept.len(), kept.iter().map(|one| one.bytes).sum::<u64>());
    let mut surplus = Vec::new();
    for one in kept.iter().filter(|one| !held.contains(&one.revision)) {
        if count <= keep.revisions.get() as usize && bytes <= keep.bytes.0 {
            break;
        }
        count -= 1;
        bytes = bytes.saturating_sub(one.bytes);
        surplus.push(one.revision);
    }
    surplus
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};

    use hostel_model::units::ByteSize;

    use super::*;

    fn kept(number: u64, bytes: u64) -> KeptRevision {
        let number = NonZeroU64::new(number).unwrap().into();
        let revision = RevisionId { number, digest: Digest::of(&bytes.to_le_bytes()) };
        KeptRevision { service: ServiceName::parse("users").unwrap(), revision, bytes, at_unix_ms: 0 }
    }

    #[test]
    fn the_oldest_goes_first_and_what_is_held_stays() {
        let all: Vec<_> = (1..=5).map(|number| kept(number, 10)).collect();
        let numbers = |held: &[usize], revisions: u32, bytes: u64| {
            let held = held.iter().map(|place| all[*place].revision).collect();
            let keep = Keep { revisions: NonZeroU32::new(revisions).unwrap(), bytes: ByteSize(bytes) };
            surplus(&all, &held, keep).iter().map(|one| one.number.get()).collect::<Vec<_>>()
        };
        assert!(numbers(&[], 5, 50).is_empty());
        assert_eq!(numbers(&[], 3, 50), [1, 2]);
        assert_eq!(numbers(&[0, 4], 3, 50), [2, 3]);
        assert_eq!(numbers(&[], 5, 49), [1]);
        assert_eq!(numbers(&[0, 1, 2, 3, 4], 1, 1), [0; 0]);
    }
}
