//! Bytes and grants become a service that is ready to instantiate; everything a request can find ready-made is made here.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use hostel_model::digest::{Digest, RevisionId};
use hostel_model::grant::Grants;
use hostel_model::limits::Limits;
use hostel_model::name::{BucketName, ServiceName};
use hostel_model::plan::Isolation;
use hostel_model::platform::Platform;
use hostel_storage::{Bucket, KeyValue};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, error::Context as _};
use wasmtime_wasi_http::{p2, p3};

use crate::capability::{link_all, stdio::LogRate};
use crate::engine::{Engines, Generation};
use crate::error::{CompileError, SandboxError};
use crate::inspect::inspect;
use crate::memory::MemoryBudget;
use crate::reuse::{IdleAllowance, IdleInstances};
use crate::state::InstanceState;

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
}

/// What every instance of one revision shares.
pub(crate) struct ServiceParts {
    pub(crate) name: ServiceName,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) buckets: BTreeMap<BucketName, Bucket>,
    pub(crate) memory_budget: Arc<MemoryBudget>,
    pub(crate) platform: Platform,
    pub(crate) logs: LogRate,
    pub(crate) counters: Arc<InstanceCounters>,
}

/// A component whose imports are resolved, for one of the two engines.
pub(crate) enum Prepared {
    P2(p2::bindings::ProxyPre<InstanceState>),
    P3(p3::bindings::ServicePre<InstanceState>),
}

/// A component ready to instantiate, with its grants and limits.
pub struct CompiledService {
    pub(crate) prepared: Prepared,
    pub(crate) parts: Arc<ServiceParts>,
    pub(crate) idle: Option<Arc<IdleInstances>>,
    /// Which revision this is.
    pub revision: RevisionId,
    /// Which WASI it answers in.
    pub generation: Generation,
}

/// How many instances were made, and how many live now.
#[derive(Debug, Default)]
pub struct InstanceCounters {
    /// Instances made since the start.
    pub started: AtomicU64,
    /// Stores that exist now, idle ones included.
    pub live: AtomicU64,
    /// Panics of the host that were caught; must stay zero.
    pub panics: AtomicU64,
    /// Lines of guests that were over a quota and not logged.
    pub log_lines_dropped: AtomicU64,
}

/// How full a pool is, by wasmtime's own count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUse {
    /// Component instances.
    pub component_instances: u64,
    /// Core instances.
    pub core_instances: u64,
    /// Linear memories.
    pub memories: u64,
    /// Stacks of fibers.
    pub stacks: u64,
}

/// The engines, their linkers and what all services share.
pub struct Sandbox {
    engines: Engines,
    p2_linker: Linker<InstanceState>,
    p3_linker: Linker<InstanceState>,
    memory_budget: Arc<MemoryBudget>,
    counters: Arc<InstanceCounters>,
    idle_allowance: Arc<IdleAllowance>,
    platform: Platform,
    /// One compilation at a time: each may use every core and much memory.
    compiling: Mutex<()>,
}

impl Sandbox {
    /// Sets up both engines, their pools and the ticker. `memory_budget` is the
    /// number of bytes all instances together may hold.
    ///
    /// # Errors
    /// When the pools do not fit into the address space.
    pub fn start(
        limits: &hostel_model::limits::HostLimits,
        memory_budget: u64,
        platform: &Platform,
    ) -> Result<Self, SandboxError> {
        let engines = Engines::start(limits, platform)?;
        Ok(Self {
            p2_linker: linker(&engines.p2, Generation::P2)?,
            p3_linker: linker(&engines.p3, Generation::P3)?,
            engines,
            memory_budget: Arc::new(MemoryBudget::new(memory_budget)),
            counters: Arc::new(InstanceCounters::default()),
            idle_allowance: Arc::new(IdleAllowance::new(limits.instances)),
            platform: platform.clone(),
            compiling: Mutex::new(()),
        })
    }

    /// Compiles `bytes` for `spec`. Takes seconds of processor time for a large
    /// component: call it on a thread of its own.
    ///
    /// # Errors
    /// When the bytes are not a component of a world this host runs, or it
    /// needs something that is not offered.
    pub fn compile(
        &self,
        bytes: &[u8],
        spec: ServiceSpec,
        storage: &KeyValue,
    ) -> Result<CompiledService, CompileError> {
        debug_assert_eq!(Digest::of(bytes), spec.revision.digest);
        let (prepared, generation) = self.prepare(bytes)?;
        let parts = Arc::new(self.parts(&spec, storage));
        let idle = match spec.isolation {
            Isolation::Request => None,
            Isolation::Reuse(uses) => Some(Arc::new(IdleInstances::new(uses, Arc::clone(&self.idle_allowance)))),
        };
        Ok(CompiledService { prepared, parts, idle, revision: spec.revision, generation })
    }

    /// Whether `bytes` could be compiled and linked; costs as much as compiling.
    ///
    /// # Errors
    /// As [`Sandbox::compile`].
    pub fn check(&self, bytes: &[u8]) -> Result<Generation, CompileError> {
        self.prepare(bytes).map(|(_, generation)| generation)
    }

    fn prepare(&self, bytes: &[u8]) -> Result<(Prepared, Generation), CompileError> {
        let generation = inspect(bytes)?;
        let (engine, linker) = match generation {
            Generation::P2 => (&self.engines.p2, &self.p2_linker),
            Generation::P3 => (&self.engines.p3, &self.p3_linker),
        };
        let component = {
            let _one_at_a_time = self.compiling.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Component::from_binary(engine, bytes)
                .map_err(|error| CompileError::Refused { reason: format!("{error:#}") })?
        };
        let prepared = link(linker, &component, generation)
            .map_err(|error| CompileError::ImportNotGranted { reason: format!("{error:#}") })?;
        Ok((prepared, generation))
    }

    fn parts(&self, spec: &ServiceSpec, storage: &KeyValue) -> ServiceParts {
        let bucket = |name: &BucketName| (name.clone(), storage.bucket(&spec.name, name, &spec.limits.keyvalue));
        ServiceParts {
            name: spec.name.clone(),
            buckets: spec.grants.keyvalue.iter().map(bucket).collect(),
            grants: spec.grants.clone(),
            limits: spec.limits.clone(),
            memory_budget: Arc::clone(&self.memory_budget),
            platform: self.platform.clone(),
            logs: LogRate::default(),
            counters: Arc::clone(&self.counters),
        }
    }

    /// Counts of instances and of caught panics.
    #[must_use]
    pub fn counters(&self) -> &InstanceCounters {
        &self.counters
    }

    /// The bytes that all instances together hold and may hold.
    #[must_use]
    pub fn memory_budget(&self) -> &MemoryBudget {
        &self.memory_budget
    }

    /// How slots are cleaned between instances on this machine.
    #[must_use]
    pub fn reset_mode(&self) -> crate::engine::ResetMode {
        self.engines.reset
    }

    /// How full both pools are, added up.
    #[must_use]
    pub fn pool_use(&self) -> PoolUse {
        let mut sum = PoolUse::default();
        for engine in [&self.engines.p2, &self.engines.p3] {
            if let Some(metrics) = engine.pooling_allocator_metrics() {
                sum.component_instances += metrics.component_instances();
                sum.core_instances += metrics.core_instances();
                sum.memories += metrics.memories() as u64;
                sum.stacks += metrics.stacks() as u64;
            }
        }
        sum
    }
}

fn linker(engine: &Engine, generation: Generation) -> Result<Linker<InstanceState>, SandboxError> {
    let mut linker = Linker::new(engine);
    link_all(&mut linker, generation).map_err(|error| SandboxError { reason: format!("{error:#}") })?;
    Ok(linker)
}

fn link(linker: &Linker<InstanceState>, component: &Component, generation: Generation) -> wasmtime::Result<Prepared> {
    let instance = linker.instantiate_pre(component)?;
    Ok(match generation {
        Generation::P2 => Prepared::P2(
            p2::bindings::ProxyPre::new(instance)
                .context("its `wasi:http/incoming-handler` is not the standard one")?,
        ),
        Generation::P3 => Prepared::P3(
            p3::bindings::ServicePre::new(instance).context("its `wasi:http/handler` is not the standard one")?,
        ),
    })
}

impl CompiledService {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &hostel_model::name::ServiceName {
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

    /// Gives back the memory of instances that waited too long for reuse.
    pub fn expire_idle(&self) {
        if let Some(idle) = &self.idle {
            idle.expire(self.parts.platform.clock.now());
        }
    }
}
