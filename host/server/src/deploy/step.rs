//! What an order means: for each service that changes, how it stands afterwards and which revision that needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hostel_model::digest::{Digest, RevisionId, RevisionNumber};
use hostel_model::name::ServiceName;
use hostel_model::rollout::Weight;
use hostel_model::standing::{Asks, Standing, Unchangeable};
use hostel_sandbox::Code;
use hostel_storage::{Change, StorageError};

use super::order::{DeployError, RejectReason, What};
use super::{DeployRequest, Deployer, Folder, Known, ServiceRequest};
use crate::live::Settings;

/// What an order comes to, before it is known whether it can be.
#[derive(Default)]
pub(super) struct Attempt {
    /// What the folder says afterwards.
    pub(super) folder: Folder,
    /// The services that change.
    pub(super) steps: BTreeMap<ServiceName, Step>,
    /// Components that came with the order.
    pub(super) bytes: BTreeMap<Digest, Arc<[u8]>>,
    /// Services of the folder that stay as they are.
    pub(super) rejected: Vec<(ServiceName, RejectReason)>,
    /// The files that were to blame.
    pub(super) refused: BTreeMap<ServiceName, Digest>,
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

/// Code that is ready, and how long that took if it was not before.
type Ready = (Arc<Code>, Option<Duration>);

impl Deployer {
    /// What `what` comes to.
    pub(super) fn attempt(&mut self, what: What) -> Result<Attempt, DeployError> {
        let mut attempt = Attempt { folder: self.folder.clone(), ..Attempt::default() };
        match what {
            What::Folder { request, strict } => self.follow(request, strict, &mut attempt)?,
            What::Deploy { services, weight } => {
                for (service, digest) in services {
                    let folder = self.folder_digest(&service);
                    let result = self.arrive(&service, digest, weight, &mut attempt)?;
                    match result {
                        Ok(mut step) => {
                            step.standing = step.standing.pinned(folder);
                            attempt.steps.insert(service, step);
                        }
                        Err(reason) => attempt.rejected.push((service, reason)),
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
        let named: BTreeSet<ServiceName> = request.services.iter().map(|service| service.name.clone()).collect();
        attempt.folder.services.retain(|name, _| named.contains(name));
        for service in request.services {
            let name = service.name.clone();
            let (digest, component) = known_of(service, &mut attempt.folder);
            let standing = self.standings.get(&name).cloned().unwrap_or_default();
            // A file that is gone leaves what is live.
            let held = standing.live.is_some() || standing.pending.is_some();
            let Some(digest) = digest.filter(|digest| standing.follows(Some(*digest))) else {
                if digest.is_none() && !held && standing.follows(None) {
                    attempt.give_up(&name, RejectReason::NoFile, &self.folder);
                } else {
                    self.settle_grants(&name, standing, attempt);
                }
                continue;
            };
            let waits = standing.pending.is_some_and(|pending| pending.revision.digest == digest);
            let serves = standing.live.is_some_and(|live| live.digest == digest) && standing.candidate.is_none();
            if serves || waits {
                self.settle_grants(&name, standing, attempt);
                continue;
            }
            if !strict && self.refused.get(&name) == Some(&digest) {
                // Said before.
                attempt.restore(&name, &self.folder);
                continue;
            }
            attempt.bytes.extend(component.map(|component| (digest, component)));
            match self.arrive(&name, digest, None, attempt)? {
                Ok(mut step) => {
                    step.standing.pin = None;
                    attempt.steps.insert(name, step);
                }
                Err(reason) => {
                    attempt.refused.insert(name.clone(), digest);
                    attempt.give_up(&name, reason, &self.folder);
                }
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
    fn settle_grants(&self, name: &ServiceName, standing: Standing, attempt: &mut Attempt) {
        let Some((settings, live)) = attempt.folder.services.get(name).map(|known| &known.settings).zip(standing.live)
        else {
            return;
        };
        let asks = settings.grants.asks();
        let gained = standing.approved.difference(&asks).gained;
        if gained.is_empty() {
            return;
        }
        let mut step = if !settings.rollout.require_approval {
            let mut next = standing;
            next.approved.0.extend(gained.iter().cloned());
            Step::new(Change::Approved, live, next)
        } else if standing.pending.is_none() {
            Step::new(Change::Waiting, live, standing.waiting(live, None))
        } else {
            return;
        };
        let lines: Vec<&str> = gained.iter().map(String::as_str).collect();
        step.why = format!("granted by the configuration: {}", lines.join(", "));
        step.asks = Some(asks);
        attempt.steps.insert(name.clone(), step);
    }

    /// `digest` becomes the service's revision, or its candidate, or waits.
    fn arrive(
        &self,
        service: &ServiceName,
        digest: Digest,
        weight: Option<Weight>,
        attempt: &mut Attempt,
    ) -> Result<Result<Step, RejectReason>, DeployError> {
        let (code, compiled_in) = match self.code(digest, attempt)? {
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
            Step::new(Change::Waiting, revision, standing.waiting(revision, weight))
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

    /// Code of `digest`: from the cache, from the order, or from the artifacts.
    pub(super) fn code(&self, digest: Digest, attempt: &Attempt) -> Result<Result<Ready, RejectReason>, StorageError> {
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
        let compiled = self.sandbox.code(bytes, digest);
        let time = self.platform.clock.now().since(began);
        Ok(compiled.map(|code| (code, Some(time))).map_err(RejectReason::from))
    }

    /// What the configuration says of `service`, or what holds without any.
    pub(super) fn settings(&self, service: &ServiceName, attempt: &Attempt) -> Settings {
        let known = attempt.folder.services.get(service);
        known.map_or_else(|| self.settings_by_name(service), |known| known.settings.clone())
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
        let to = match (shares, standing.live == Some(revision)) {
            (true, _) => None,
            (false, true) => standing.previous,
            (false, false) => return Ok(()),
        };
        self.turn(service, Change::TakenBack, attempt, |standing| standing.rolled_back(to))?;
        if let Some(step) = attempt.steps.get_mut(service) {
            step.why = why;
        }
        Ok(())
    }

    fn approve(&self, service: &ServiceName, attempt: &mut Attempt) -> Result<(), DeployError> {
        let pending = self.standing(service)?.pending.ok_or(Unchangeable::NothingPending);
        let pending = pending.map_err(|reason| DeployError::Unchangeable { service: service.clone(), reason })?;
        let (code, compiled_in) = match self.code(pending.revision.digest, attempt)? {
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
    /// `name` stays as it was, for this reason.
    pub(super) fn give_up(&mut self, name: &ServiceName, reason: RejectReason, before: &Folder) {
        self.rejected.push((name.clone(), reason));
        self.restore(name, before);
    }

    /// What the folder said of `name` before holds on.
    fn restore(&mut self, name: &ServiceName, before: &Folder) {
        self.steps.remove(name);
        match before.services.get(name) {
            Some(known) => drop(self.folder.services.insert(name.clone(), known.clone())),
            None => drop(self.folder.services.remove(name)),
        }
    }
}

/// Notes what the folder says of one service; gives back its component with its digest.
fn known_of(service: ServiceRequest, folder: &mut Folder) -> (Option<Digest>, Option<Arc<[u8]>>) {
    let ServiceRequest { name, component, routes, grants, limits, isolation, rollout, dropped } = service;
    let digest = component.as_ref().map(|component| Digest::of(component));
    let settings = Settings { routes, grants, limits, isolation, rollout, dropped };
    folder.services.insert(name, Known { settings, digest });
    (digest, component)
}
