//! The single writer: every change of code or configuration, whoever asks for it, becomes one order to one deployer.
//!
//! Order is what makes it safe. Everything that can fail comes before the
//! journal; the journal comes before the swap; after the swap nothing can fail.
//! So a deployment that fails changes nothing, and what is live is on disk.
//!
//! In reading order: `order` (what is asked and answered), `handle` (the queue and
//! its thread), `ahead` (what is compiled before an order stands in the queue), `step` (what an order means for each service), `assemble` (from
//! steps to a snapshot), `keep` (what becomes of old revisions).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use hostel_model::digest::Digest;
use hostel_model::grant::Grants;
use hostel_model::limits::Limits;
use hostel_model::name::ServiceName;
use hostel_model::plan::Isolation;
use hostel_model::platform::Platform;
use hostel_model::rollout::Rollout;
use hostel_model::route::{Methods, PathPattern, RoutePattern};
use hostel_model::standing::Standing;
use hostel_model::tenant::Tenants;
use hostel_model::units::ByteSize;
use hostel_sandbox::Sandbox;
use hostel_storage::{Artifacts, Batch, Change, Journal, KeptRevision, KeyValue, NewEntry, StorageError};

use crate::live::tenant::{Tenancy, TenantRegister};
use crate::live::{LiveTable, Settings, Snapshot};
use crate::metrics::Metrics;

use ahead::{Ahead, Prepared, Refused};
pub use assemble::build_table;
pub use handle::{DeployerHandle, Hold};
pub use keep::compile_ahead;
pub use order::{Author, DeployError, Done, Order, RejectReason, ServiceChange, TokenId, What};
use step::{Attempt, Step};

mod ahead;
mod assemble;
mod handle;
mod keep;
pub mod order;
mod step;

/// A service as the folder has it, everything read and checked.
#[derive(Clone, Debug)]
pub struct ServiceRequest {
    /// Its name.
    pub name: ServiceName,
    /// Its component; nothing if its file is missing or cannot be read.
    pub component: Option<Arc<[u8]>>,
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

/// All that the folder wants to be live.
#[derive(Clone, Debug, Default)]
pub struct DeployRequest {
    /// The services.
    pub services: Vec<ServiceRequest>,
    /// For each listener the services it serves; none stands for all.
    pub listeners: Vec<Option<BTreeSet<ServiceName>>>,
    /// Whose what is.
    pub tenants: Tenants,
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

/// What the folder said last.
#[derive(Clone, Default)]
struct Folder {
    services: BTreeMap<ServiceName, Known>,
    listeners: Vec<Option<BTreeSet<ServiceName>>>,
    tenancy: Arc<Tenancy>,
}

/// What the folder said of one service.
#[derive(Clone, PartialEq)]
struct Known {
    settings: Settings,
    /// Of its file, if it could be read.
    digest: Option<Digest>,
}

/// The only one who changes what is live.
pub struct Deployer {
    sandbox: Arc<Sandbox>,
    live: Arc<LiveTable>,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    platform: Platform,
    /// The most memory an instance of a service without a table may have.
    memory_max: ByteSize,
    folder: Folder,
    /// Threads that run guests.
    threads: u32,
    tenants: TenantRegister,
    standings: BTreeMap<ServiceName, Standing>,
    /// What the folder said of services when their files were found to be unusable: not tried again
    /// before either changes.
    refused: BTreeMap<ServiceName, Known>,
    /// The same for those who compile ahead.
    known_bad: Refused,
}

impl Deployer {
    /// The writer of `live`, over `store`, from where the journal ends.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn new(
        sandbox: Arc<Sandbox>,
        live: Arc<LiveTable>,
        store: Arc<Store>,
        metrics: Arc<Metrics>,
        platform: Platform,
        memory_max: ByteSize,
    ) -> Result<Self, StorageError> {
        let standings = store.journal.standings()?;
        let standings = standings.into_iter().map(|(name, entry)| (name, entry.standing)).collect();
        let (folder, refused, known_bad) = (Folder::default(), BTreeMap::new(), Refused::default());
        let (threads, tenants) = (1, TenantRegister::default());
        Ok(Self {
            sandbox,
            live,
            store,
            metrics,
            platform,
            memory_max,
            folder,
            threads,
            tenants,
            standings,
            refused,
            known_bad,
        })
    }

    /// The same for a host with so many threads that run guests: what a tenant's share is a share of.
    #[must_use]
    pub fn with_threads(self, threads: u32) -> Self {
        Self { threads, ..self }
    }

    /// Who compiles for its orders before it comes to them.
    fn ahead(&self) -> Ahead {
        Ahead {
            sandbox: Arc::clone(&self.sandbox),
            live: Arc::clone(&self.live),
            refused: self.known_bad.clone(),
            platform: self.platform.clone(),
        }
    }

    /// Does what `order` asks for, whole or not at all. Compiles, so it blocks for
    /// seconds: call it on a thread of its own.
    ///
    /// # Errors
    /// Every reason found; nothing has changed then.
    pub fn carry_out(&mut self, order: Order) -> Result<Done, DeployError> {
        self.carry_out_prepared(order, Prepared::default())
    }

    /// The same with what was compiled for it before.
    fn carry_out_prepared(&mut self, order: Order, prepared: Prepared) -> Result<Done, DeployError> {
        let Order { what, by, dry_run, if_version } = order;
        self.check_version(&what, by, if_version.or(prepared.seen))?;
        let strict = !matches!(what, What::Folder { strict: false, .. });
        let mut attempt = self.attempt(what, strict, prepared)?;
        let snapshot = self.assemble(&mut attempt, strict)?;
        self.check_artifacts(&attempt)?;
        let changes = self.changes(&attempt, &snapshot);
        let version = self.store.journal.version()?;
        if dry_run {
            return Ok(Done { changes, rejected: attempt.rejected, version, dry_run });
        }
        self.repair(&attempt)?;
        let version = self.persist(&attempt, by, version)?;
        let tenancy = Arc::clone(&snapshot.tenancy);
        self.live.swap(snapshot);
        tenancy.take_effect();
        self.take_over(&mut attempt);
        for change in changes.iter().filter(|change| change.change == Change::TakenBack) {
            self.metrics.taken_back(&change.service).inc();
        }
        tell(&changes, &attempt, by);
        self.collect(changes.iter().map(|change| &change.service));
        Ok(Done { changes, rejected: attempt.rejected, version, dry_run })
    }

    fn check_version(&self, what: &What, by: Author, expected: Option<u64>) -> Result<(), DeployError> {
        let Some(expected) = expected else {
            return Ok(());
        };
        let journal = &self.store.journal;
        let actual = match what.only_service() {
            Some(service) => journal.latest(service)?.map_or(0, |entry| entry.sequence),
            // A tenant sees the version of its own services alone.
            None if matches!(by, Author::Issued(_)) => {
                let named = what.services().next();
                let own =
                    |service: &ServiceName| named.is_some_and(|named| self.folder.tenancy.same_owner(named, service));
                let entries = journal.standings()?.into_iter().filter(|(service, _)| own(service));
                entries.map(|(_, entry)| entry.sequence).max().unwrap_or_default()
            }
            None => journal.version()?,
        };
        if actual == expected { Ok(()) } else { Err(DeployError::Outdated { expected, actual }) }
    }

    /// What is to serve, or to wait, must be on the disk or have come with the order: its code alone
    /// may still be in memory, and would be gone at the next start.
    fn check_artifacts(&self, attempt: &Attempt) -> Result<(), DeployError> {
        for (service, step) in &attempt.steps {
            let before: Vec<_> = self.standings.get(service).into_iter().flat_map(Standing::serving).collect();
            for revision in step.standing.serving().filter(|revision| !before.contains(revision)) {
                let digest = revision.digest;
                if !attempt.bytes.contains_key(&digest) && self.store.artifacts.size(&digest)?.is_none() {
                    return Err(DeployError::Rejected(vec![(service.clone(), RejectReason::NoArtifact(digest))]));
                }
            }
        }
        Ok(())
    }

    /// What serves and is kept no more, or not whole, is kept again where the folder has it.
    fn repair(&self, attempt: &Attempt) -> Result<(), StorageError> {
        let serving = self.standings.values().flat_map(Standing::serving);
        for digest in serving.map(|revision| revision.digest) {
            if let Some(bytes) = attempt.bytes.get(&digest)
                && self.store.artifacts.size(&digest)? != Some(bytes.len() as u64)
            {
                tracing::warn!(digest = digest.short(), "a component was missing from the state folder; kept again");
                self.store.artifacts.put(bytes)?;
            }
        }
        Ok(())
    }

    /// Artifacts first, durable each, then the entries that name them, all in one step. Says where
    /// the journal stands then, which was at `version` before.
    fn persist(&self, attempt: &Attempt, by: Author, version: u64) -> Result<u64, StorageError> {
        let since_1970 = self.platform.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at_unix_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        let mut batch = Batch::default();
        for (service, step) in &attempt.steps {
            // Of one that is known as well: its file may be damaged, or gone.
            if let Some(bytes) = attempt.bytes.get(&step.revision.digest) {
                self.store.artifacts.put(bytes)?;
            }
            if step.is_new {
                let bytes = self.store.artifacts.size(&step.revision.digest)?.unwrap_or_default();
                let (service, revision) = (service.clone(), step.revision);
                batch.revisions.push(KeptRevision { service, revision, bytes, at_unix_ms });
            }
            batch.entries.push(NewEntry {
                at_unix_ms,
                service: service.clone(),
                revision: step.revision.number,
                digest: step.revision.digest,
                change: step.change,
                by: by.to_string(),
                why: step.why.clone(),
                standing: step.standing.clone(),
            });
        }
        match self.store.journal.record(batch) {
            Ok(entries) => Ok(entries.last().map_or(version, |entry| entry.sequence)),
            Err(error) => match self.store.journal.version() {
                // The disk failed after the entry was on it: what is there is what counts.
                Ok(now) if now > version => {
                    tracing::warn!(%error, "the disk failed, but the change is recorded");
                    Ok(now)
                }
                _ => Err(error),
            },
        }
    }

    /// What is live now is what the next order begins with.
    fn take_over(&mut self, attempt: &mut Attempt) {
        self.folder = std::mem::take(&mut attempt.folder);
        for (service, step) in &attempt.steps {
            self.standings.insert(service.clone(), step.standing.clone());
        }
        self.refused = std::mem::take(&mut attempt.refused);
        self.known_bad.are(self.refused.values());
    }

    /// What changes, with what each revision asks for more or less than the one before.
    fn changes(&self, attempt: &Attempt, next: &Snapshot) -> Vec<ServiceChange> {
        let now = self.live.load();
        let change = |(service, step): (&ServiceName, &Step)| {
            let before = self.standings.get(service);
            let asks_before = match now.services.get(service).and_then(|service| service.live.as_ref()) {
                Some(live) => Some(&live.asks),
                None => before.map(|standing| &standing.approved),
            };
            // What was given up is there no more: then it is what serves instead.
            let found = next.services.get(service).and_then(|service| {
                let same = service.revisions().find(|one| one.compiled.revision == step.revision);
                same.or(service.live.as_ref())
            });
            let asks = step.asks.as_ref().or(found.map(|revision| &revision.asks));
            let difference = asks.map(|asks| asks_before.cloned().unwrap_or_default().difference(asks));
            ServiceChange {
                service: service.clone(),
                change: step.change,
                revision: step.revision,
                from: before.and_then(|standing| standing.live),
                live: step.standing.live,
                weight: step.weight,
                difference: difference.unwrap_or_default(),
            }
        };
        attempt.steps.iter().map(change).collect()
    }

    /// What a service is granted that the folder does not name: nothing, and a route of its name, for a
    /// tenant only at the tenant's hosts.
    fn settings_by_name(&self, name: &ServiceName, tenancy: &Tenancy) -> Settings {
        let anywhere =
            || vec![RoutePattern { methods: Methods::any(), host: None, path: PathPattern::below_name(name) }];
        let owner = tenancy.rules().owner(name);
        let mut limits = Limits::default();
        limits.memory = limits.memory.min(self.memory_max);
        Settings {
            routes: owner.map_or_else(anywhere, |tenant| tenant.routes_by_name(name)),
            grants: Grants::default(),
            callers: BTreeSet::new(),
            limits,
            isolation: Isolation::Request,
            rollout: Rollout::default(),
            dropped: true,
        }
    }
}

impl What {
    /// The service it is about, if it is about one alone.
    #[must_use]
    pub fn only_service(&self) -> Option<&ServiceName> {
        match self {
            Self::Folder { .. } => None,
            Self::Deploy { services, .. } if services.len() != 1 => None,
            _ => self.services().next(),
        }
    }

    /// The services that a command is about.
    pub fn services(&self) -> impl Iterator<Item = &ServiceName> {
        let (many, one) = match self {
            Self::Folder { .. } => (None, None),
            Self::Deploy { services, .. } => (Some(services.keys()), None),
            Self::Promote(service)
            | Self::Undeploy(service)
            | Self::Disable(service)
            | Self::Enable(service)
            | Self::Approve(service)
            | Self::Rollback { service, .. }
            | Self::TakeBack { service, .. } => (None, Some(service)),
        };
        many.into_iter().flatten().chain(one)
    }
}

/// A line for people about each change.
fn tell(changes: &[ServiceChange], attempt: &Attempt, by: Author) {
    for change in changes {
        let (service, revision, by) = (change.service.as_str(), change.revision, by.to_string());
        let step = attempt.steps.get(&change.service);
        let why = step.map(|step| step.why.as_str()).unwrap_or_default();
        let compile_ms = step.and_then(|step| step.compiled_in).map(|time| time.as_millis());
        match change.change {
            Change::Deployed | Change::Promoted => {
                tracing::info!(service, %revision, by, compile_ms, "revision is live");
            }
            Change::Candidate => {
                let weight = change.weight.map(|weight| weight.percent());
                tracing::info!(service, %revision, by, compile_ms, weight, "revision gets a share of the requests");
            }
            Change::RolledBack => tracing::info!(service, %revision, by, "rolled back from revision"),
            Change::TakenBack => tracing::warn!(service, %revision, by, why, "revision was taken back"),
            Change::Removed => tracing::info!(service, %revision, by, "service is gone"),
            Change::Disabled => tracing::info!(service, %revision, by, "service is disabled"),
            Change::Enabled => tracing::info!(service, %revision, by, "service is enabled"),
            Change::Waiting => {
                let gained: Vec<_> = change.difference.gained.iter().collect();
                tracing::warn!(service, %revision, by, ?gained, "revision waits for `hostel approve`");
            }
            Change::Approved => tracing::info!(service, %revision, by, why, "revision is approved"),
        }
    }
}
