//! What is live: the only state that requests and the deployer share, and only the deployer replaces it.
//!
//! A request loads the snapshot once and keeps it to its end, calls included, so
//! that it never sees two revisions of a service: where two share the requests of
//! a service, the one that serves is drawn once for the root request (`lot.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use hostel_model::digest::Digest;
use hostel_model::grant::Grants;
use hostel_model::limits::Limits;
use hostel_model::name::ServiceName;
use hostel_model::plan::Isolation;
use hostel_model::platform::Monotonic;
use hostel_model::rollout::{Rollout, Weight};
use hostel_model::route::{RoutePattern, RouteTable};
use hostel_model::standing::{Asks, Standing};
use hostel_sandbox::CompiledService;

use crate::dispatch::admission::{Group, Permits, Queue};
use crate::egress::Outlet;
use crate::live::breaker::{Breaker, Pass};
use crate::live::lot::Lots;
use crate::live::tally::{Counts, Tally};
use crate::live::tenant::{LiveTenant, Tenancy};
use crate::metrics::ServiceMetrics;

pub mod breaker;
pub mod lot;
pub mod tally;
pub mod tenant;

/// What the configuration says of a service, whatever its code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What leads to it.
    pub routes: Vec<RoutePattern>,
    /// What it may touch.
    pub grants: Grants,
    /// Services of other owners that may call it.
    pub callers: BTreeSet<ServiceName>,
    /// What one request may use.
    pub limits: Limits,
    /// Whether its instances are used again.
    pub isolation: Isolation,
    /// How it goes from one revision to the next.
    pub rollout: Rollout,
    /// Whether it is there because of its file alone, and goes with it.
    pub dropped: bool,
}

/// One revision of a service as requests find it.
pub struct LiveRevision {
    /// Its code, grants and limits.
    pub compiled: Arc<CompiledService>,
    /// What it asks for.
    pub asks: Asks,
    /// What became of its requests.
    pub tally: Arc<Tally>,
    /// Whether it is left alone for a while.
    pub breaker: Arc<Breaker>,
}

/// A comparison of a new revision with the one before it.
#[derive(Clone)]
pub struct Watch {
    /// Until when.
    pub until: Monotonic,
    /// What is watched.
    pub revision: Arc<LiveRevision>,
    /// What it had counted when the watch began.
    pub revision_then: Arc<Counts>,
    /// What became of the requests of the one before.
    pub before: Arc<Tally>,
    /// What that had counted when the watch began, if it goes on counting: then
    /// only what both count meanwhile is compared.
    pub before_then: Option<Arc<Counts>>,
}

impl Watch {
    /// The same for `revision` and the one `before` it, which may have been made anew because of a
    /// setting: then both count from zero.
    #[must_use]
    pub fn going_on(&self, revision: &Arc<LiveRevision>, before: &Arc<LiveRevision>) -> Self {
        if Arc::ptr_eq(&self.revision, revision) {
            return self.clone();
        }
        let shared = self.before_then.is_some();
        Self {
            until: self.until,
            revision: Arc::clone(revision),
            revision_then: Arc::new(revision.tally.counts()),
            before: if shared { Arc::clone(&before.tally) } else { Arc::clone(&self.before) },
            before_then: shared.then(|| Arc::new(before.tally.counts())),
        }
    }
}

/// What the folder's file is, compared with what a command has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderFile {
    /// The folder has never named the service.
    None,
    /// The file is gone, or cannot be read.
    Missing,
    /// The file is another one than what is live.
    Differs,
    /// The file is what is live.
    Same,
}

/// One service as requests find it.
pub struct LiveService {
    /// Its name.
    pub name: ServiceName,
    /// What the configuration says, as far as it was approved.
    pub settings: Arc<Settings>,
    /// Whose it is; nobody's is the operator's.
    pub tenant: Option<Arc<LiveTenant>>,
    /// What serves; nothing where its first revision waits for approval.
    pub live: Option<Arc<LiveRevision>>,
    /// What gets a share of the requests.
    pub candidate: Option<(Arc<LiveRevision>, Weight)>,
    /// How it stands, for the admin plane.
    pub standing: Standing,
    /// What its file in the folder holds.
    pub folder: Option<Digest>,
    /// Whether the folder names it.
    pub in_folder: bool,
    /// A new revision that is compared with the one before.
    pub watch: Option<Watch>,
    /// How many requests it may serve at once, whichever revision serves them.
    pub permits: Permits,
    /// Requests that wait for one.
    pub queue: Arc<Queue>,
    /// Its way to hosts outside.
    pub outlet: Arc<Outlet>,
    /// Its counters.
    pub metrics: ServiceMetrics,
}

/// Why no revision of a service takes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// There is none, or it was disabled.
    NotReady,
    /// All it does is fail; so long it is left alone.
    Breaker(Duration),
}

impl LiveService {
    /// The revision for a root request with these `lots`, with leave to run in it.
    ///
    /// # Errors
    /// If it takes no requests now.
    pub fn choose(&self, lots: Option<&Lots>, now: Monotonic) -> Result<(&Arc<LiveRevision>, Pass), Closed> {
        let live = self.live.as_ref().filter(|_| !self.disabled()).ok_or(Closed::NotReady)?;
        let mut chosen = live;
        if let (Some((candidate, weight)), Some(lots)) = (&self.candidate, lots) {
            let leave = || {
                let takes = weight.takes(lots.for_service(self.settings.rollout.sticky, self.salt()));
                // A candidate that only fails costs nobody a request.
                takes.then(|| candidate.breaker.admit(now).ok()).flatten()
            };
            match lots.settle(&self.name, leave) {
                (true, Some(pass)) => return Ok((candidate, pass)),
                (true, None) => chosen = candidate,
                (false, _) => {}
            }
        }
        chosen.breaker.admit(now).map(|pass| (chosen, pass)).map_err(Closed::Breaker)
    }

    /// Whose turn it is where it waits with services of others.
    #[must_use]
    pub fn group(&self) -> Group {
        self.tenant.as_ref().map_or(Group::default(), |tenant| tenant.group)
    }

    /// Whether both belong to the same tenant, or both to the operator.
    #[must_use]
    pub fn has_owner_of(&self, other: &Self) -> bool {
        self.tenant.as_ref().map(Arc::as_ptr) == other.tenant.as_ref().map(Arc::as_ptr)
    }

    /// Whether it answers `not-ready` by command.
    #[must_use]
    pub fn disabled(&self) -> bool {
        self.standing.disabled
    }

    /// What its file in the folder is, compared with what is live.
    #[must_use]
    pub fn folder_file(&self) -> FolderFile {
        let live = self.standing.live.map(|revision| revision.digest);
        match self.folder {
            None if self.in_folder => FolderFile::Missing,
            None => FolderFile::None,
            Some(digest) if Some(digest) == live => FolderFile::Same,
            Some(_) => FolderFile::Differs,
        }
    }

    /// Both revisions that requests may find.
    pub fn revisions(&self) -> impl Iterator<Item = &Arc<LiveRevision>> {
        self.live.iter().chain(self.candidate.iter().map(|(revision, _)| revision))
    }

    /// Different for each candidate, so that it is not always the same clients that try first.
    fn salt(&self) -> u64 {
        let digest = self.candidate.as_ref().map(|(candidate, _)| candidate.compiled.revision.digest);
        let first = digest.as_ref().and_then(|digest| digest.as_bytes().first_chunk().copied());
        u64::from_le_bytes(first.unwrap_or_default())
    }
}

/// Routes and services at one instant.
#[derive(Default)]
pub struct Snapshot {
    /// All services, by name: what calls find.
    pub services: BTreeMap<ServiceName, Arc<LiveService>>,
    /// What requests find, for each listener in the order of the configuration.
    pub routes: Vec<RouteTable<Arc<LiveService>>>,
    /// Whether two revisions of some service share its requests, so that lots are drawn.
    pub shares: bool,
    /// Whose what is.
    pub tenancy: Arc<Tenancy>,
}

/// The snapshot in force.
#[derive(Default)]
pub struct LiveTable {
    snapshot: ArcSwap<Snapshot>,
    /// Every revision that was ever live and still exists.
    revisions: Mutex<Vec<Weak<LiveRevision>>>,
}

impl LiveTable {
    /// The snapshot in force; the caller keeps it as long as it likes.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts `snapshot` in force: the moment a deployment is live. Only the
    /// deployer calls it.
    pub(crate) fn swap(&self, snapshot: Snapshot) {
        let mut revisions = self.revisions.lock().unwrap_or_else(PoisonError::into_inner);
        revisions.retain(|revision| revision.strong_count() > 0);
        for revision in snapshot.services.values().flat_map(|service| service.revisions()) {
            let known = revisions.iter().any(|known| known.as_ptr() == Arc::as_ptr(revision));
            if !known {
                revisions.push(Arc::downgrade(revision));
            }
        }
        drop(revisions);
        self.snapshot.store(Arc::new(snapshot));
    }

    /// How many revisions exist: those in force, and those whose last requests are not over.
    #[must_use]
    pub fn revisions_alive(&self) -> usize {
        let revisions = self.revisions.lock().unwrap_or_else(PoisonError::into_inner);
        revisions.iter().filter(|revision| revision.strong_count() > 0).count()
    }
}
