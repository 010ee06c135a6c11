//! The single writer: from a resolved configuration to a snapshot in force, or to every reason why not.
//!
//! Order is what makes it safe. Everything that can fail comes before the
//! journal; the journal comes before the swap; after the swap nothing can fail.
//! So a deployment that fails changes nothing, and what is live is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use hostel_model::digest::{Digest, RevisionId, RevisionNumber};
use hostel_model::grant::Grants;
use hostel_model::limits::Limits;
use hostel_model::name::ServiceName;
use hostel_model::plan::Isolation;
use hostel_model::platform::Platform;
use hostel_model::route::{RoutePattern, RouteTable};
use hostel_sandbox::{CompileError, CompiledService, Sandbox, ServiceSpec};
use hostel_storage::{Artifacts, Change, Journal, KeyValue, NewEntry, StorageError};
use thiserror::Error;

use crate::live::{LiveService, LiveTable, Snapshot};
use crate::metrics::Metrics;

/// A service to deploy, everything read and checked.
#[derive(Clone, Debug)]
pub struct ServiceRequest {
    /// Its name.
    pub name: ServiceName,
    /// Its component.
    pub bytes: Vec<u8>,
    /// What leads to it.
    pub routes: Vec<RoutePattern>,
    /// What it may touch.
    pub grants: Grants,
    /// What one request may use.
    pub limits: Limits,
    /// Whether its instances are used again.
    pub isolation: Isolation,
}

/// All that is to be live afterwards.
#[derive(Clone, Debug, Default)]
pub struct DeployRequest {
    /// The services.
    pub services: Vec<ServiceRequest>,
    /// For each listener the services it serves; none stands for all.
    pub listeners: Vec<Option<BTreeSet<ServiceName>>>,
}

/// Why nothing was deployed.
#[derive(Debug, Error)]
pub enum DeployError {
    /// Components that cannot become services, each with its reason.
    #[error("{} cannot be deployed", names(.0))]
    Rejected(Vec<(ServiceName, CompileError)>),
    /// Two routes are the same; the configuration is checked before, so this
    /// comes from elsewhere.
    #[error("the routes `{first}` and `{second}` are the same; give one of them another path or method")]
    RouteConflict {
        /// The one that came first.
        first: String,
        /// The other.
        second: String,
    },
    /// The disk failed.
    #[error("the deployment could not be recorded")]
    Storage(#[from] StorageError),
}

fn names(rejected: &[(ServiceName, CompileError)]) -> String {
    rejected.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Where deployments are kept.
pub struct Store {
    /// Components by digest.
    pub artifacts: Artifacts,
    /// What happened, in order.
    pub journal: Journal,
    /// Guests' data.
    pub keyvalue: KeyValue,
}

/// The only one who changes what is live.
pub struct Deployer {
    sandbox: Arc<Sandbox>,
    live: Arc<LiveTable>,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    platform: Platform,
}

/// A service that compiled, and whether its revision is new.
struct Candidate {
    compiled: CompiledService,
    routes: Vec<RoutePattern>,
    bytes: Option<Vec<u8>>,
}

impl Deployer {
    /// The writer of `live`, over `store`.
    #[must_use]
    pub fn new(
        sandbox: Arc<Sandbox>,
        live: Arc<LiveTable>,
        store: Arc<Store>,
        metrics: Arc<Metrics>,
        platform: Platform,
    ) -> Self {
        Self { sandbox, live, store, metrics, platform }
    }

    /// Puts `request` in force, whole or not at all. Compiles, so it blocks for
    /// seconds: call it on a thread of its own. `progress` is told each service
    /// before it is compiled.
    ///
    /// # Errors
    /// Every reason found; nothing has changed then.
    pub fn deploy(
        &mut self,
        request: DeployRequest,
        progress: &dyn Fn(&ServiceName),
    ) -> Result<Arc<Snapshot>, DeployError> {
        let mut candidates = Vec::new();
        let mut rejected = Vec::new();
        for service in request.services {
            progress(&service.name);
            let name = service.name.clone();
            match self.compile(service)? {
                Ok(candidate) => candidates.push(candidate),
                Err(error) => rejected.push((name, error)),
            }
        }
        if !rejected.is_empty() {
            return Err(DeployError::Rejected(rejected));
        }
        self.route_tables_fit(&candidates, &request.listeners)?;
        self.persist(&mut candidates)?;
        let snapshot = self.snapshot(candidates, &request.listeners)?;
        self.live.swap(snapshot);
        let snapshot = self.live.load();
        for service in snapshot.services.values() {
            tracing::info!(service = %service.compiled.name(), revision = %service.compiled.revision, "revision is live");
        }
        Ok(snapshot)
    }

    /// The same bytes as the newest revision are that revision; others are the next.
    fn compile(&self, service: ServiceRequest) -> Result<Result<Candidate, CompileError>, StorageError> {
        let digest = Digest::of(&service.bytes);
        let latest = self.store.journal.latest(&service.name)?;
        let (number, known) = match latest {
            Some(entry) if entry.digest == digest && entry.change == Change::Deployed => (entry.revision, true),
            Some(entry) => (entry.revision.next(), false),
            None => (RevisionNumber::FIRST, false),
        };
        let spec = ServiceSpec {
            name: service.name,
            revision: RevisionId { number, digest },
            grants: service.grants,
            limits: service.limits,
            isolation: service.isolation,
        };
        let compiled = self.sandbox.compile(&service.bytes, spec, &self.store.keyvalue);
        let bytes = (!known).then_some(service.bytes);
        Ok(compiled.map(|compiled| Candidate { compiled, routes: service.routes, bytes }))
    }

    fn route_tables_fit(
        &self,
        candidates: &[Candidate],
        listeners: &[Option<BTreeSet<ServiceName>>],
    ) -> Result<(), DeployError> {
        for services in listeners {
            let routes = candidates
                .iter()
                .filter(|candidate| serves(services.as_ref(), candidate.compiled.name()))
                .flat_map(|candidate| candidate.routes.iter().cloned().map(|route| (route, ())))
                .collect();
            build_table(routes)?;
        }
        Ok(())
    }

    /// Artifacts first, durable each, then the entries that name them.
    fn persist(&self, candidates: &mut [Candidate]) -> Result<(), StorageError> {
        for candidate in candidates.iter_mut() {
            let Some(bytes) = candidate.bytes.take() else {
                continue;
            };
            let digest = self.store.artifacts.put(&bytes)?;
            self.record(
                candidate.compiled.name().clone(),
                candidate.compiled.revision.number,
                digest,
                Change::Deployed,
            )?;
        }
        let kept: BTreeSet<&ServiceName> = candidates.iter().map(|candidate| candidate.compiled.name()).collect();
        let mut last = BTreeMap::new();
        for entry in self.store.journal.entries()? {
            last.insert(entry.service.clone(), entry);
        }
        for entry in
            last.into_values().filter(|entry| entry.change == Change::Deployed && !kept.contains(&entry.service))
        {
            self.record(entry.service, entry.revision, entry.digest, Change::Removed)?;
        }
        Ok(())
    }

    fn record(
        &self,
        service: ServiceName,
        revision: RevisionNumber,
        digest: Digest,
        change: Change,
    ) -> Result<(), StorageError> {
        let since_1970 = self.platform.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at_unix_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        self.store.journal.append(NewEntry { at_unix_ms, service, revision, digest, change }).map(drop)
    }

    fn snapshot(
        &self,
        candidates: Vec<Candidate>,
        listeners: &[Option<BTreeSet<ServiceName>>],
    ) -> Result<Snapshot, DeployError> {
        let live: Vec<(Arc<LiveService>, Vec<RoutePattern>)> = candidates
            .into_iter()
            .map(|candidate| {
                let metrics = self.metrics.service(Some(candidate.compiled.name()));
                (Arc::new(LiveService::new(candidate.compiled, metrics)), candidate.routes)
            })
            .collect();
        let mut routes = Vec::new();
        for services in listeners {
            let served = live.iter().filter(|(service, _)| serves(services.as_ref(), service.compiled.name()));
            let patterns =
                served.flat_map(|(service, routes)| routes.iter().map(|route| (route.clone(), Arc::clone(service))));
            routes.push(build_table(patterns.collect())?);
        }
        let services = live.into_iter().map(|(service, _)| (service.compiled.name().clone(), service)).collect();
        Ok(Snapshot { services, routes })
    }
}

fn serves(services: Option<&BTreeSet<ServiceName>>, name: &ServiceName) -> bool {
    services.is_none_or(|services| services.contains(name))
}

fn build_table<T>(routes: Vec<(RoutePattern, T)>) -> Result<RouteTable<T>, DeployError> {
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
