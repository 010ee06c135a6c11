//! What is live: the only state that requests and the deployer share, and only the deployer replaces it.
//!
//! A request loads the snapshot once and keeps it to its end, calls included, so
//! that it never sees two revisions of a service.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hostel_model::name::ServiceName;
use hostel_model::route::RouteTable;
use hostel_sandbox::CompiledService;

use crate::dispatch::admission::{Permits, Queue};
use crate::metrics::ServiceMetrics;

/// One revision of a service as requests find it.
pub struct LiveService {
    /// Its code, grants and limits.
    pub compiled: Arc<CompiledService>,
    /// How many requests it may serve at once.
    pub permits: Permits,
    /// Requests that wait for one.
    pub queue: Queue,
    /// Its counters.
    pub metrics: ServiceMetrics,
}

impl LiveService {
    /// Ready to serve with all its permits free.
    #[must_use]
    pub fn new(compiled: CompiledService, metrics: ServiceMetrics) -> Self {
        let concurrency: NonZeroU32 = compiled.limits().concurrency;
        let queue = Queue::new(compiled.limits().queue_length);
        Self { compiled: Arc::new(compiled), permits: Permits::new(concurrency.get()), queue, metrics }
    }
}

/// Routes and services at one instant.
#[derive(Default)]
pub struct Snapshot {
    /// All services, by name: what calls find.
    pub services: BTreeMap<ServiceName, Arc<LiveService>>,
    /// What requests find, for each listener in the order of the configuration.
    pub routes: Vec<RouteTable<Arc<LiveService>>>,
}

/// The snapshot in force.
#[derive(Default)]
pub struct LiveTable(ArcSwap<Snapshot>);

impl LiveTable {
    /// The snapshot in force; the caller keeps it as long as it likes.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts `snapshot` in force: the moment a deployment is live. Only the
    /// deployer calls it.
    pub(crate) fn swap(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}
