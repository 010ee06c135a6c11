//! What an order means: for each service that changes, how it stands afterwards and which revision that needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hostel_model::digest::{Digest, RevisionId, RevisionNumber};
use hostel_model::name::ServiceName;
use hostel_model::rollout::Weight;
use hostel_model::standing::{Asks, Standing, Unchangeable};
use hostel_storage::{Change, StorageError};

use super::ahead::{Prepared, Ready};
use super::order::{DeployError, RejectReason, What};
use super::{DeployRequest, Deployer, Folder, Known, ServiceRequest};
use crate::live::Settings;

/// How long to wait, at a start, before what failed for a reason of the moment is compiled again.
const START_PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
/// How long a start tries one component again and again.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// What an order comes to, before it is known whether it can be.
#[derive(Default)]
pub(super) struct Attempt {
    /// What the folder says afterwards.
    pub(super) folder: Folder,
    /// Whether it is the folder that asks.
    pub(super) is_folder: bool,
    /// Whether it is the first time it asks: nobody is served yet, so that there is time to try again.
    pub(super) is_start: bool,
    /// The services that change.
    pub(super) steps: BTreeMap<ServiceName, Step>,
    /// What was compiled for it before.
    pub(super) prepared: Prepared,
    /// Components that came with the order.
    pub(super) bytes: BTreeMap<Digest, Arc<[u8]>>,
    /// Services of the folder that stay as they are.
    pub(super) rejected: Vec<(ServiceName, RejectReason)>,
    /// What keeps all of the order from being done.
    pub(super) fatal: Vec<(ServiceName, RejectReason)>,
    /// What the folder says of services whose files are to blame.
    pub(super) refused: BTreeMap<ServiceName, Known>,
}

/// How one service changes.
pub(super) struct Step {
    pub(super) change: Change,
    pub(super) revision: RevisionId,
    /// Whether the revision is one the journal does not know.
    pub(super) is_new: bool,
    pub(super) weight: Option<Weight>,
    pub(super) why: String,
    pub(super) standing: Standing,
    /// What the revision asks for, where that was looked at.
    pub(super) asks: Option<Asks>,
    /// How long it took to compile, if it was compiled.
    pub(super) compiled_in: Option<Duration>,
}

impl Step {
    fn new(change: Change, revision: RevisionId, standing: Standing) -> Self {
        let (why, is_new) = (String::new(), false);
        Self { change, revision, is_new, weight: None, why, standing, asks: None, compiled_in: None }
    }
}

impl Deployer {
    /// What `what` comes to.
    pub(super) fn attempt(&mut self, what: What, strict: bool, prepared: Prepared) -> Result<Attempt, DeployError> {
        let (folder, refused) = (self.folder.clone(), self.refused.clone());
        let is_folder = matches!(what, What::Folder { .. });
        let is_start = is_folder && strict;
        let mut attempt = Attempt { folder, refused, is_folder, is_start, prepared, ..Attempt::default() };
        match what {
            What::Folder { request, .. } => self.follow(request, strict, &mut attempt)?,
            What::Deploy { services, weight } => {
                for (service, digest) in services {
                    let folder = self.folder_digest(&service);
                    let result = self.arrive(&service, digest, weight, &mut attempt)?;
                    match result {
                        Ok(mut step) => {
                            step.standing = step.standing.pinned(folder);
                            attempt.steps.insert(service, step);
                        }
                        Err(reason) => attempt.fatal.push((service, reason)),
                    }
                }
            }
            What::Rollback { service, to } => self.roll_back(&service, to, &mut attempt)?,
            What::TakeBack { service, revision, why } => self.take_back(&service, revision, why, &mut attempt)?,
            What::Promote(service) => self.turn(&service, Change::Promoted, &mut attempt, Standing::promoted)?,
            What::Undeploy(service) => self.turn(&service, Change::Removed, &mut attempt, Standing::removed)?,
            What::Disable(service) => {
                self.turn(&service, Change::Disabled, &mut attempt, |standing| standing.switched(true))?;
            }
            What::Enable(service) => {
                self.turn(&service, Change::Enabled, &mut attempt, |standing| standing.switched(false))?;
            }
            What::Approve(service) => self.approve(&service, &mut attempt)?,
        }
        Ok(attempt)
    }

    /// What the folder says, for each service that it names or no longer names.
    fn follow(&mut self, request: DeployRequest, strict: bool, attempt: &mut Attempt) -> Result<(), DeployError> {
        attempt.folder.listeners = request.listeners;
        attempt.folder.tenancy = self.tenants.tenancy(&request.tenants, self.threads, &self.platform.clock);
        let named: BTreeSet<ServiceName> = request.services.iter().map(|service| service.name.clone()).collect();
        attempt.folder.services.retain(|name, _| named.contains(name));
        for service in request.services {
            let name = service.name.clone();
            let (digest, component) = known_of(service, &mut attempt.folder);
            // Of one that serves as well: what is kept of it may be damaged.
            attempt.bytes.extend(digest.zip(component));
            let standing = self.standings.get(&name).cloned().unwrap_or_default();
            // A file that is gone leaves what is live.
            let held = standing.live.is_some() || standing.pending.is_some();
            let Some(digest) = digest.filter(|digest| standing.follows(Some(*digest))) else {
                if digest.is_none() && !held && standing.follows(None) {
                    self.give_up(&name, RejectReason::NoFile, attempt, strict);
                } else {
                    self.settle_grants(&name, standing, attempt)?;
                }
                continue;
            };
            let waits = standing.pending.is_some_and(|pending| pending.revision.digest == digest);
            let serves = standing.live.is_some_and(|live| live.digest == digest) && standing.candidate.is_none();
            if serves || waits {
                attempt.refused.remove(&name);
                let other_waits = standing.pending.is_some_and(|pending| pending.revision.digest != digest);
                if serves && other_waits && standing.pin.is_none() {
                    attempt.withdraw(&name, &standing);
                } else {
                    self.settle_grants(&name, standing, attempt)?;
                }
                continue;
            }
            if !strict && attempt.refused.get(&name) == attempt.folder.services.get(&name) {
                // Said before.
                attempt.restore(&name, &self.folder);
                continue;
            }
            match self.arrive(&name, digest, None, attempt)? {
                Ok(mut step) => {
                    step.standing.pin = None;
                    attempt.steps.insert(name, step);
                }
                Err(reason) => self.give_up(&name, reason, attempt, strict),
            }
        }
        for (name, standing) in &self.standings {
            // What a command has decided stays without the folder.
            if standing.pin.is_none()
                && !named.contains(name)
                && let Ok((next, last)) = standing.removed()
            {
                attempt.steps.insert(name.clone(), Step::new(Change::Removed, last, next));
            }
        }
        Ok(())
    }

    /// A grant that the configuration adds counts as approved, or waits, for the same code.
    fn settle_grants(&self, name: &ServiceName, standing: Standing, attempt: &mut Attempt) -> Result<(), StorageError> {
        let Some((settings, live)) = attempt.folder.services.get(name).map(|known| &known.settings).zip(standing.live)
        else {
            return Ok(());
        };
        let asks = settings.grants.asks();
        let gained = standing.approved.difference(&asks).gained;
        if gained.is_empty() {
            return Ok(());
        }
        let why = granted(&gained);
        let mut step = if !settings.rollout.require_approval {
            let mut next = standing;
            next.approved.0.extend(gained.iter().cloned());
            Step::new(Change::Approved, live, next)
        } else if let Some(pending) = standing.pending {
            // Whoever approves approves what was shown last: more than that is shown again, as a new version.
            let shown = self.store.journal.latest(name)?;
            if shown.is_some_and(|entry| entry.change == Change::Waiting && entry.why == why) {
                return Ok(());
            }
            Step::new(Change::Waiting, pending.revision, standing)
        } else {
            Step::new(Change::Waiting, live, standing.waiting(live, None))
        };
        step.why = why;
        step.asks = Some(asks);
        attempt.steps.insert(name.clone(), step);
        Ok(())
    }

    /// `name` stays as it was, for this reason. Only at the start, and only what has nothing that
    /// serves, keeps everything else from being done; and never what may be different in a moment, which
    /// is tried again.
    pub(super) fn give_up(&self, name: &ServiceName, reason: RejectReason, attempt: &mut Attempt, strict: bool) {
        let serves = self.standings.get(name).is_some_and(|standing| standing.live.is_some());
        let of_the_moment = reason.is_of_the_moment();
        let reasons = if strict && !serves && !of_the_moment { &mut attempt.fatal } else { &mut attempt.rejected };
        reasons.push((name.clone(), reason));
        if let Some(known) = attempt.folder.services.get(name).filter(|_| !of_the_moment) {
            attempt.refused.insert(name.clone(), known.clone());
        }
        attempt.restore(name, &self.folder);
    }

    /// `digest` becomes the service's revision, or its candidate, or waits.
    fn arrive(
        &self,
        service: &ServiceName,
        digest: Digest,
        weight: Option<Weight>,
        attempt: &mut Attempt,
    ) -> Result<Result<Step, RejectReason>, DeployError> {
        let (code, compiled_in) = match self.code(service, digest, attempt)? {
            Ok(ready) => ready,
            Err(reason) => return Ok(Err(reason)),
        };
        let standing = self.standings.get(service).cloned().unwrap_or_default();
        let (revision, is_new) = self.number(service, &standing, digest)?;
        let settings = self.settings(service, attempt);
        let mut asks = settings.grants.asks();
        asks.0.extend(code.imports().iter().map(|import| format!("import {import}")));
        let gained = standing.approved.difference(&asks).gained;
        let mut step = if settings.rollout.require_approval && !gained.is_empty() {
            let mut step = Step::new(Change::Waiting, revision, standing.waiting(revision, weight));
            let grants = standing.approved.difference(&settings.grants.asks()).gained;
            step.why = if grants.is_empty() { String::new() } else { granted(&grants) };
            step
        } else {
            let unchangeable = |reason| DeployError::Unchangeable { service: service.clone(), reason };
            let mut next = standing.deployed(revision, weight).map_err(unchangeable)?;
            next.approved.0.extend(asks.0.iter().cloned());
            let shares = next.candidate.is_some();
            Step::new(if shares { Change::Candidate } else { Change::Deployed }, revision, next)
        };
        (step.is_new, step.weight, step.asks, step.compiled_in) = (is_new, weight, Some(asks), compiled_in);
        Ok(Ok(step))
    }

    /// The revision of `service` that has this `digest`, or the next one.
    fn number(
        &self,
        service: &ServiceName,
        standing: &Standing,
        digest: Digest,
    ) -> Result<(RevisionId, bool), StorageError> {
        let kept = self.store.journal.revisions(service)?;
        if let Some(known) = kept.into_iter().rev().find(|kept| kept.revision.digest == digest) {
            return Ok((known.revision, false));
        }
        let number = standing.newest.map_or(RevisionNumber::FIRST, RevisionNumber::next);
        Ok((RevisionId { number, digest }, true))
    }

    /// Code of `digest` for `service`: from the cache, from the order, or from the artifacts.
    pub(super) fn code(
        &self,
        service: &ServiceName,
        digest: Digest,
        attempt: &Attempt,
    ) -> Result<Result<Ready, RejectReason>, StorageError> {
        if let Some(prepared) = attempt.prepared.code.get(&digest) {
            return Ok(prepared.clone().map_err(RejectReason::from));
        }
        if let Some(code) = self.sandbox.cached(&digest) {
            return Ok(Ok((code, None)));
        }
        let kept;
        let bytes: &[u8] = match attempt.bytes.get(&digest) {
            Some(bytes) => bytes,
            None => match self.store.artifacts.get(&digest) {
                Ok(bytes) => {
                    kept = bytes;
                    &kept
                }
                Err(StorageError::Missing { .. }) => return Ok(Err(RejectReason::NoArtifact(digest))),
                Err(error) => return Err(error),
            },
        };
        let began = self.platform.clock.now();
        tracing::info!(digest = digest.short(), bytes = bytes.len(), "compiling");
        let tenant = attempt.folder.tenancy.owner(service).map(|tenant| &*tenant.share);
        let clock = self.platform.clock.as_ref();
        let mut compiled = self.sandbox.code_for(bytes, digest, tenant);
        for pause in START_PAUSES.iter().filter(|_| attempt.is_start) {
            match &compiled {
                // What has taken long once would hold up the start as long again.
                Err(error) if error.is_of_the_moment() && clock.now().since(began) < START_PATIENCE => {
                    tracing::warn!(digest = digest.short(), %error, "trying again");
                    clock.pause_thread(*pause);
                    compiled = self.sandbox.code_for(bytes, digest, tenant);
                }
                _ => break,
            }
        }
        let time = clock.now().since(began);
        Ok(compiled.map(|code| (code, Some(time))).map_err(RejectReason::from))
    }

    /// What the configuration says of `service`, or what holds without any.
    pub(super) fn settings(&self, service: &ServiceName, attempt: &Attempt) -> Settings {
        let known = attempt.folder.services.get(service);
        known.map_or_else(|| self.settings_by_name(service, &attempt.folder.tenancy), |known| known.settings.clone())
    }

    fn folder_digest(&self, service: &ServiceName) -> Option<Digest> {
        self.folder.services.get(service).and_then(|known| known.digest)
    }

    fn standing(&self, service: &ServiceName) -> Result<&Standing, DeployError> {
        self.standings.get(service).ok_or_else(|| DeployError::NoService(service.clone()))
    }

    /// A change that a command decides.
    fn turn(
        &self,
        service: &ServiceName,
        change: Change,
        attempt: &mut Attempt,
        next: impl FnOnce(&Standing) -> Result<(Standing, RevisionId), Unchangeable>,
    ) -> Result<(), DeployError> {
        let (next, revision) = next(self.standing(service)?)
            .map_err(|reason| DeployError::Unchangeable { service: service.clone(), reason })?;
        let next = next.pinned(self.folder_digest(service));
        attempt.steps.insert(service.clone(), Step::new(change, revision, next));
        Ok(())
    }

    fn roll_back(
        &self,
        service: &ServiceName,
        to: Option<RevisionNumber>,
        attempt: &mut Attempt,
    ) -> Result<(), DeployError> {
        let to = match to {
            None => None,
            Some(number) => {
                let kept = self.store.journal.revisions(service)?;
                let found = kept.into_iter().find(|kept| kept.revision.number == number);
                let missing = || DeployError::NoRevision { service: service.clone(), revision: number };
                Some(found.ok_or_else(missing)?.revision)
            }
        };
        self.turn(service, Change::RolledBack, attempt, |standing| standing.rolled_back(to))
    }

    /// Nothing, if the revision is not in force any more.
    fn take_back(
        &self,
        service: &ServiceName,
        revision: RevisionId,
        why: String,
        attempt: &mut Attempt,
    ) -> Result<(), DeployError> {
        let standing = self.standing(service)?;
        let shares = standing.candidate.is_some_and(|candidate| candidate.revision == revision);
        let to = match (shares, standing.live == Some(revision), standing.previous) {
            (true, ..) => None,
            (false, true, Some(previous)) => Some(previous),
            (false, true, None) => {
                return Err(DeployError::Unchangeable { service: service.clone(), reason: Unchangeable::NoPrevious });
            }
            (false, false, _) => return Ok(()),
        };
        self.turn(service, Change::TakenBack, attempt, |standing| standing.rolled_back(to))?;
        if let Some(step) = attempt.steps.get_mut(service) {
            step.why = why;
            if !shares {
                // A rollback by hand a moment later must not lead to what was just taken back.
                step.standing.previous = None;
            }
        }
        Ok(())
    }

    fn approve(&self, service: &ServiceName, attempt: &mut Attempt) -> Result<(), DeployError> {
        let pending = self.standing(service)?.pending.ok_or(Unchangeable::NothingPending);
        let pending = pending.map_err(|reason| DeployError::Unchangeable { service: service.clone(), reason })?;
        let (code, compiled_in) = match self.code(service, pending.revision.digest, attempt)? {
            Ok(ready) => ready,
            Err(reason) => return Err(DeployError::Rejected(vec![(service.clone(), reason)])),
        };
        let mut asks = self.settings(service, attempt).grants.asks();
        asks.0.extend(code.imports().iter().map(|import| format!("import {import}")));
        // Approving is no decision against the folder: it was the folder that asked, or a pin is there.
        let (next, revision) = self
            .standing(service)?
            .approved(&asks)
            .map_err(|reason| DeployError::Unchangeable { service: service.clone(), reason })?;
        let mut step = Step::new(Change::Approved, revision, next);
        (step.weight, step.asks, step.compiled_in) = (pending.weight, Some(asks), compiled_in);
        attempt.steps.insert(service.clone(), step);
        Ok(())
    }
}

impl Attempt {
    /// What the folder said of `name` before holds on, if it said anything; only which file lies there
    /// now is noted.
    fn restore(&mut self, name: &ServiceName, before: &Folder) {
        self.steps.remove(name);
        if let Some(known) = before.services.get(name) {
            let found = self.folder.services.get(name).and_then(|known| known.digest);
            let known = Known { digest: found.or(known.digest), ..known.clone() };
            self.folder.services.insert(name.clone(), known);
        }
    }

    /// The folder holds again what serves: what waited is not wanted any more.
    fn withdraw(&mut self, name: &ServiceName, standing: &Standing) {
        if let Some(pending) = standing.pending {
            let mut step =
                Step::new(Change::RolledBack, pending.revision, Standing { pending: None, ..standing.clone() });
            "the folder holds what serves".clone_into(&mut step.why);
            self.steps.insert(name.clone(), step);
        }
    }
}

/// What is told of grants that wait.
fn granted(gained: &BTreeSet<String>) -> String {
    let lines: Vec<&str> = gained.iter().map(String::as_str).collect();
    format!("granted by the configuration: {}", lines.join(", "))
}

/// Notes what the folder says of one service; gives back its component with its digest.
fn known_of(service: ServiceRequest, folder: &mut Folder) -> (Option<Digest>, Option<Arc<[u8]>>) {
    let ServiceRequest { name, component, routes, grants, callers, limits, isolation, rollout, dropped } = service;
    let digest = component.as_ref().map(|component| Digest::of(component));
    let settings = Settings { routes, grants, callers, limits, isolation, rollout, dropped };
    folder.services.insert(name, Known { settings, digest });
    (digest, component)
}
