//! From how services stand to a snapshot: what is live already stays, what is new is tried before anybody sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use hostel_model::digest::RevisionId;
use hostel_model::name::ServiceName;
use hostel_model::route::{RoutePattern, RouteTable};
use hostel_model::standing::Standing;
use hostel_model::tenant::Tenants;
use hostel_sandbox::{GuestFailure, ServiceSpec};
use hostel_storage::{Change, StorageError};

use super::Deployer;
use super::order::{DeployError, RejectReason};
use super::step::{Attempt, Step};
use crate::dispatch::admission::{Permits, Queue};
use crate::egress::Outlet;
use crate::live::breaker::Breaker;
use crate::live::tally::Tally;
use crate::live::{LiveRevision, LiveService, Settings, Snapshot, Watch};

/// How long a new revision may take to be ready for its first request; other changes wait meanwhile. A little more
/// than the usual `limits.deadline`, which then tells what it was.
const TRIAL_PATIENCE: Duration = Duration::from_millis(10_500);

/// What is made of a service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Running {
    /// Everything that it should run.
    Whole,
    /// Nothing: it is there, keeps its routes, and answers that it is not ready.
    Nothing,
}

/// Whether `service` should run something and could not so far.
fn waits(service: &LiveService) -> bool {
    service.standing.live.is_some() && service.live.is_none()
}

/// The storage failed, or only this service did.
type Made<T> = Result<Result<T, RejectReason>, StorageError>;

impl Deployer {
    /// The snapshot that `attempt` comes to. A service of the folder that turns out
    /// not to work stays as it is, unless `strict`.
    pub(super) fn assemble(&self, attempt: &mut Attempt, strict: bool) -> Result<Snapshot, DeployError> {
        let now = self.live.load();
        let mut names: BTreeSet<ServiceName> = attempt.folder.services.keys().cloned().collect();
        names.extend(self.standings.keys().chain(attempt.steps.keys()).cloned());
        let mut services = BTreeMap::new();
        for name in names {
            let serves = self.standings.get(&name).is_some_and(|standing| standing.live.is_some());
            let by_folder = attempt.is_folder && (!strict || (serves && attempt.steps.contains_key(&name)));
            let made = match self.service(&name, attempt, &now)? {
                // It serves nobody, and would not if everybody waited for it: the others go on.
                Err(reason) if reason.is_of_the_moment() && self.is_idle(&name, attempt, &now) => {
                    attempt.rejected.push((name.clone(), reason));
                    self.service_as(&name, attempt, &now, Running::Nothing)?
                }
                Err(reason) if by_folder => {
                    self.give_up(&name, reason, attempt, strict);
                    // What is live can be made again: it is there.
                    self.service(&name, attempt, &now)?
                }
                made => made,
            };
            match made {
                Ok(Some(service)) => drop(services.insert(name, service)),
                Ok(None) => {}
                // Whoever reads the reasons wants all of them.
                Err(reason) if strict => attempt.fatal.push((name, reason)),
                Err(reason) => attempt.rejected.push((name, reason)),
            }
        }
        if !attempt.fatal.is_empty() {
            return Err(DeployError::Rejected(std::mem::take(&mut attempt.fatal)));
        }
        let mut routes = Vec::new();
        for served in &attempt.folder.listeners {
            let served = services.values().filter(|service| {
                served.as_ref().is_none_or(|names: &BTreeSet<ServiceName>| names.contains(&service.name))
            });
            let rules = attempt.folder.tenancy.rules();
            let patterns = served.flat_map(|service| {
                let owned = service.settings.routes.iter().filter(|route| may_lead(rules, route, service));
                owned.map(|route| (route.clone(), Arc::clone(service)))
            });
            routes.push(build_table(patterns.collect())?);
        }
        let shares = services.values().any(|service| service.candidate.is_some());
        Ok(Snapshot { services, routes, shares, tenancy: Arc::clone(&attempt.folder.tenancy) })
    }

    /// Whether the service `name` has nothing that runs now, and no order but to serve what it should.
    fn is_idle(&self, name: &ServiceName, attempt: &Attempt, now: &Snapshot) -> bool {
        attempt.is_folder && !attempt.steps.contains_key(name) && now.services.get(name).is_none_or(|one| waits(one))
    }

    /// The service `name` as it will be; nothing if it will not be there.
    fn service(&self, name: &ServiceName, attempt: &Attempt, now: &Snapshot) -> Made<Option<Arc<LiveService>>> {
        self.service_as(name, attempt, now, Running::Whole)
    }

    fn service_as(
        &self,
        name: &ServiceName,
        attempt: &Attempt,
        now: &Snapshot,
        running: Running,
    ) -> Made<Option<Arc<LiveService>>> {
        let step = attempt.steps.get(name);
        let standing = step.map(|step| &step.standing).or(self.standings.get(name)).cloned().unwrap_or_default();
        if standing.live.is_none() && standing.pending.is_none() {
            return Ok(Ok(None));
        }
        let known = attempt.folder.services.get(name);
        let settings = Arc::new(self.effective_settings(name, &standing, attempt));
        let current = now.services.get(name);
        let tenant = attempt.folder.tenancy.owner(name);
        let (folder, in_folder) = (known.and_then(|known| known.digest), known.is_some());
        // What could not be made is tried again whenever the folder asks.
        let again = running == Running::Whole && attempt.is_folder && current.is_some_and(|one| waits(one));
        if let Some(same) = current.filter(|current| {
            !again
                && *current.settings == *settings
                && current.settings.limits.origins.is_as(&settings.limits.origins)
                && current.tenant.as_ref().map(Arc::as_ptr) == tenant.map(Arc::as_ptr)
                && current.standing == standing
                && (current.folder, current.in_folder) == (folder, in_folder)
        }) {
            return Ok(Ok(Some(Arc::clone(same))));
        }
        let revision = |id: Option<RevisionId>| match id.filter(|_| running == Running::Whole) {
            None => Ok(Ok(None)),
            Some(id) => Ok(self.revision(name, id, &settings, current, attempt)?.map(Some)),
        };
        let live = match revision(standing.live)? {
            Ok(live) => live,
            Err(reason) => return Ok(Err(reason)),
        };
        let candidate = match revision(standing.candidate.map(|candidate| candidate.revision))? {
            Ok(candidate) => candidate.zip(standing.candidate.map(|candidate| candidate.weight)),
            Err(reason) => return Ok(Err(reason)),
        };
        let (permits, queue) = admission(&settings, current);
        let outlet = self.outlet(name, &settings, current);
        let mut service = LiveService {
            name: name.clone(),
            settings,
            tenant: tenant.cloned(),
            live,
            candidate,
            standing,
            folder,
            in_folder,
            watch: None,
            permits,
            queue,
            outlet,
            metrics: self.metrics.service(Some(name)),
        };
        service.watch = self.watch(&service, current, step);
        Ok(Ok(Some(Arc::new(service))))
    }

    /// What the configuration says, with no more granted than was approved.
    fn effective_settings(&self, name: &ServiceName, standing: &Standing, attempt: &Attempt) -> Settings {
        let mut settings = self.settings(name, attempt);
        if settings.rollout.require_approval {
            settings.grants = settings.grants.only(&standing.approved);
        }
        settings
    }

    /// The revision that is live already, or a new one that was tried.
    fn revision(
        &self,
        name: &ServiceName,
        id: RevisionId,
        settings: &Settings,
        current: Option<&Arc<LiveService>>,
        attempt: &Attempt,
    ) -> Made<Arc<LiveRevision>> {
        let tenant = attempt.folder.tenancy.owner(name).map(|tenant| &tenant.share);
        let same_owner = |one: &LiveRevision| one.compiled.tenant().map(Arc::as_ptr) == tenant.map(Arc::as_ptr);
        if let Some(current) = current.filter(|current| same_for_code(&current.settings, settings))
            && let Some(same) = current.revisions().find(|one| one.compiled.revision == id && same_owner(one))
        {
            return Ok(Ok(Arc::clone(same)));
        }
        let code = match self.code(name, id.digest, attempt)? {
            Ok((code, _)) => code,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Err(reason) = code.fits(&settings.limits) {
            return Ok(Err(RejectReason::Component(reason)));
        }
        let mut asks = settings.grants.asks();
        asks.0.extend(code.imports().iter().map(|import| format!("import {import}")));
        let spec = ServiceSpec {
            name: name.clone(),
            revision: id,
            grants: settings.grants.clone(),
            limits: settings.limits.clone(),
            isolation: settings.isolation,
            tenant: tenant.cloned(),
        };
        let compiled = Arc::new(self.sandbox.service(&code, spec, &self.store.keyvalue));
        let (done, outcome) = mpsc::sync_channel(1);
        let trial = compiled.trial();
        self.platform.spawn.task(Box::pin(async move {
            // Whoever asked waits for it.
            let _ = done.send(trial.await);
        }));
        match outcome.recv_timeout(TRIAL_PATIENCE) {
            Ok(Ok(())) => {}
            // The host had no room for it: that says nothing about the component.
            Ok(Err(failure)) if !failure.failure.breaks_service() => {
                tracing::warn!(service = %name, revision = %id, reason = failure.failure.slug(), "could not be tried");
            }
            Ok(Err(failure)) => return Ok(Err(RejectReason::Start(reason(&failure)))),
            // It goes on within its own limits; nobody else's change waits for it.
            Err(RecvTimeoutError::Timeout) => return Ok(Err(RejectReason::Slow(TRIAL_PATIENCE))),
            Err(RecvTimeoutError::Disconnected) => return Ok(Err(RejectReason::Start("the host ends".to_owned()))),
        }
        let breaker = Breaker::new(settings.rollout.breaker);
        Ok(Ok(Arc::new(LiveRevision { compiled, asks, tally: Arc::new(Tally::default()), breaker })))
    }

    /// The way outside: the one there is, unless other hosts or another number of connections are granted.
    fn outlet(&self, name: &ServiceName, settings: &Settings, current: Option<&Arc<LiveService>>) -> Arc<Outlet> {
        let current = current.map(|current| &current.outlet);
        Outlet::of(&settings.grants.outbound, settings.limits.connections, self.metrics.egress(name), current)
    }

    /// A comparison of what `step` brings with what served before; else the one under way. A share
    /// that a start finds is compared from then on.
    fn watch(&self, next: &LiveService, current: Option<&Arc<LiveService>>, step: Option<&Step>) -> Option<Watch> {
        let now = self.platform.clock.now();
        let before = current.and_then(|current| current.live.as_ref());
        let (revision, before, shared) = match (&next.candidate, &next.live, before) {
            (Some((candidate, _)), Some(live), _) => (candidate, live, true),
            (None, Some(live), Some(before)) => (live, before, false),
            _ => return None,
        };
        let brings = step.map_or(current.is_none(), |step| {
            matches!(step.change, Change::Deployed | Change::Promoted | Change::Candidate | Change::Approved)
        });
        if !brings || revision.compiled.revision == before.compiled.revision {
            let under_way = current.and_then(|current| current.watch.as_ref())?;
            let same = under_way.revision.compiled.revision == revision.compiled.revision
                && under_way.before_then.is_some() == shared
                && under_way.until > now;
            return same.then(|| under_way.going_on(revision, before));
        }
        if next.settings.rollout.watch.is_zero() {
            return None;
        }
        Some(Watch {
            until: now.after(next.settings.rollout.watch),
            revision: Arc::clone(revision),
            revision_then: Arc::new(revision.tally.counts()),
            before: Arc::clone(&before.tally),
            before_then: shared.then(|| Arc::new(before.tally.counts())),
        })
    }
}

/// What is told of a failure: its kind, and the trap's code. The rest is in the
/// component's own words.
fn reason(failure: &GuestFailure) -> String {
    match failure.trap {
        Some(code) => format!("{} ({code})", failure.failure.slug()),
        None => failure.failure.slug().to_owned(),
    }
}

/// Whether a revision made under `one` can go on under `other`: routes and the
/// rules of roll-outs do not touch it.
fn same_for_code(one: &Settings, other: &Settings) -> bool {
    one.grants == other.grants
        && one.limits == other.limits
        && one.isolation == other.isolation
        && one.rollout.breaker == other.rollout.breaker
}

/// Requests that wait, and those that run, go on counting.
fn admission(settings: &Settings, current: Option<&Arc<LiveService>>) -> (Permits, Arc<Queue>) {
    let (limits, same) = (&settings.limits, current.map(|current| &current.settings.limits));
    let same =
        same.is_some_and(|same| (same.concurrency, same.queue_length) == (limits.concurrency, limits.queue_length));
    match current.filter(|_| same) {
        Some(current) => (current.permits.clone(), Arc::clone(&current.queue)),
        None => (Permits::new(limits.concurrency.get()), Arc::new(Queue::new(limits.queue_length))),
    }
}

/// Whether `route` may lead to `service`. What the folder said of a service whose new file is unusable was
/// said under other owners, perhaps.
fn may_lead(rules: &Tenants, route: &RoutePattern, service: &LiveService) -> bool {
    let allowed = rules.refuse(&service.name, route).is_none();
    if !allowed {
        let (service, route) = (service.name.as_str(), route.to_string());
        tracing::warn!(service, route, "the host belongs to another owner now; the route leads nowhere");
    }
    allowed
}

/// The routes of one listener.
///
/// # Errors
/// [`DeployError::RouteConflict`].
pub fn build_table<T>(routes: Vec<(RoutePattern, T)>) -> Result<RouteTable<T>, DeployError> {
    let texts: Vec<String> = routes.iter().map(|(route, _)| route.to_string()).collect();
    RouteTable::build(routes).map_err(|conflicts| {
        let text = |index: Option<usize>| index.and_then(|index| texts.get(index)).cloned().unwrap_or_default();
        let conflict = conflicts.first();
        DeployError::RouteConflict {
            first: text(conflict.map(|conflict| conflict.first)),
            second: text(conflict.map(|conflict| conflict.second)),
        }
    })
}
