//! A service that is ready to instantiate: code, with what one revision is granted, allowed and told.

use std::collections::BTreeMap;
use std::sync::Arc;

use hostel_model::digest::RevisionId;
use hostel_model::grant::Grants;
use hostel_model::limits::Limits;
use hostel_model::name::{BucketName, ServiceName};
use hostel_model::plan::Isolation;
use hostel_model::platform::Platform;
use hostel_storage::Bucket;
use tokio::sync::Semaphore;

use crate::capability::stdio::LogRate;
use crate::code::Code;
use crate::compile::InstanceCounters;
use crate::engine::Generation;
use crate::error::GuestFailure;
use crate::memory::MemoryBudget;
use crate::reuse::IdleInstances;
use crate::tenant::TenantShare;
use crate::trial::trial;

/// What a service is allowed and told, as deployment decided it.
pub struct ServiceSpec {
    /// Its name.
    pub name: ServiceName,
    /// Which revision of it this is.
    pub revision: RevisionId,
    /// What it may touch.
    pub grants: Grants,
    /// What one request may use.
    pub limits: Limits,
    /// Whether instances are used again.
    pub isolation: Isolation,
    /// What it shares with the other services of its tenant, if it has one.
    pub tenant: Option<Arc<TenantShare>>,
}

/// What every instance of one revision shares.
pub(crate) struct ServiceParts {
    pub(crate) name: ServiceName,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) buckets: BTreeMap<BucketName, Bucket>,
    pub(crate) memory_budget: Arc<MemoryBudget>,
    pub(crate) tenant: Option<Arc<TenantShare>>,
    pub(crate) platform: Platform,
    pub(crate) logs: LogRate,
    pub(crate) counters: Arc<InstanceCounters>,
    /// The slots of the pool that are kept for trials.
    pub(crate) trials: Arc<Semaphore>,
}

/// A component ready to instantiate, with its grants and limits.
pub struct CompiledService {
    pub(crate) code: Arc<Code>,
    pub(crate) parts: Arc<ServiceParts>,
    pub(crate) idle: Option<Arc<IdleInstances>>,
    /// Which revision this is.
    pub revision: RevisionId,
    /// Which WASI it answers in.
    pub generation: Generation,
}

impl CompiledService {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ServiceName {
        &self.parts.name
    }

    /// What it may touch.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.parts.grants
    }

    /// What one request may use.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.parts.limits
    }

    /// What it shares with the other services of its tenant, if it has one.
    #[must_use]
    pub fn tenant(&self) -> Option<&Arc<TenantShare>> {
        self.parts.tenant.as_ref()
    }

    /// What it runs, which other revisions may share.
    #[must_use]
    pub fn code(&self) -> &Arc<Code> {
        &self.code
    }

    /// Instantiates it once, under the limits of a request, and drops the
    /// instance: what fails at its start fails here and not in a client's request.
    /// Waits for its turn first, so that trials take no slot from requests.
    ///
    /// # Errors
    /// The failure that a request would have met. Whether it is the component's
    /// doing, and not lack of room in this host, tells
    /// [`breaks_service`](hostel_model::failure::Failure::breaks_service).
    pub fn trial(self: &Arc<Self>) -> impl Future<Output = Result<(), GuestFailure>> + Send + 'static {
        trial(Arc::clone(self))
    }

    /// Gives back the memory of instances that waited too long for reuse.
    pub fn expire_idle(&self) {
        if let Some(idle) = &self.idle {
            idle.expire(self.parts.platform.clock.now());
        }
    }
}
