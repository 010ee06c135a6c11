//! Bytes become code, and code and grants become a service that is ready to instantiate.
//!
//! The first takes seconds and depends on the bytes alone, so it is kept for
//! whoever asks for the same bytes again; the second takes microseconds.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use hostel_model::digest::Digest;
use hostel_model::limits::fixed;
use hostel_model::name::BucketName;
use hostel_model::plan::Isolation;
use hostel_model::platform::Platform;
use hostel_storage::KeyValue;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::capability::{link_all, stdio::LogRate};
use crate::code::Code;
use crate::compiler::{CompileWith, Compiler};
use crate::engine::{Engines, Generation};
use crate::error::{CompileError, SandboxError};
use crate::inspect::inspect;
use crate::memory::MemoryBudget;
use crate::recent::Recent;
use crate::reuse::{IdleAllowance, IdleInstances};
use crate::service::{CompiledService, ServiceParts, ServiceSpec};
use crate::state::InstanceState;
use crate::tenant::TenantShare;

/// How many instances were made, and how many live now.
#[derive(Debug, Default)]
pub struct InstanceCounters {
    /// Instances made for requests since the start.
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
    trials: Arc<Semaphore>,
    platform: Platform,
    compiler: Compiler,
    /// Code that was compiled and may be asked for again. Never a service: what
    /// a service holds (its bucket, its idle instances) must end with it.
    recent: Mutex<Recent<Digest, Arc<Code>>>,
}

impl Sandbox {
    /// Sets up both engines, their pools and the ticker. `memory_budget` is the
    /// number of bytes all instances together may hold, `compile_with` the program
    /// that compiles.
    ///
    /// # Errors
    /// When the pools do not fit into the address space.
    pub fn start(
        limits: &hostel_model::limits::HostLimits,
        memory_budget: u64,
        compile_with: CompileWith,
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
            trials: Arc::new(Semaphore::new(fixed::TRIALS as usize)),
            platform: platform.clone(),
            compiler: Compiler::start(compile_with, platform)?,
            recent: Mutex::new(Recent::new(fixed::CODE_CACHE.0, fixed::CODE_CACHE_COUNT)),
        })
    }

    /// Compiles and links `bytes`, whose digest is `digest`, unless that was done
    /// lately. Takes seconds of processor time for a large component, in a process
    /// of its own at a low priority, and waits for others that compile: call
    /// it on a thread of its own.
    ///
    /// # Errors
    /// When the bytes are not a component of a world this host runs, or it
    /// needs something that is not offered.
    pub fn code(&self, bytes: &[u8], digest: Digest) -> Result<Arc<Code>, CompileError> {
        self.code_for(bytes, digest, None)
    }

    /// The same for a service of `tenant`, which compiles only so many at once.
    ///
    /// # Errors
    /// As [`Sandbox::code`].
    pub fn code_for(
        &self,
        bytes: &[u8],
        digest: Digest,
        tenant: Option<&TenantShare>,
    ) -> Result<Arc<Code>, CompileError> {
        debug_assert_eq!(Digest::of(bytes), digest);
        if let Some(code) = self.cached(&digest) {
            return Ok(code);
        }
        // Before a thread that compiles is taken: others need those.
        let _slot = tenant.map(|tenant| tenant.compiling.take_from_thread());
        let (code, gone) = self.compiler.run(|| {
            // Somebody may have compiled the same while this waited.
            if let Some(code) = self.cached(&digest) {
                return Ok((code, Vec::new()));
            }
            let code = Arc::new(self.make(bytes, digest)?);
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            let gone = recent.put(digest, Arc::clone(&code), code.code_bytes());
            Ok((code, gone))
        })?;
        drop(gone);
        Ok(code)
    }

    /// The code of the bytes with this digest, if it was compiled lately.
    #[must_use]
    pub fn cached(&self, digest: &Digest) -> Option<Arc<Code>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).get(digest)
    }

    /// A service that runs `code` as `spec` says. Costs next to nothing.
    #[must_use]
    pub fn service(&self, code: &Arc<Code>, spec: ServiceSpec, storage: &KeyValue) -> CompiledService {
        debug_assert_eq!(*code.digest(), spec.revision.digest);
        let parts = Arc::new(self.parts(&spec, storage));
        let idle = match spec.isolation {
            Isolation::Request => None,
            Isolation::Reuse(uses) => Some(Arc::new(IdleInstances::new(uses, Arc::clone(&self.idle_allowance)))),
        };
        let generation = code.generation();
        CompiledService { code: Arc::clone(code), parts, idle, revision: spec.revision, generation }
    }

    /// [`Sandbox::code`], and [`Sandbox::service`] of it.
    ///
    /// # Errors
    /// As [`Sandbox::code`].
    pub fn compile(
        &self,
        bytes: &[u8],
        spec: ServiceSpec,
        storage: &KeyValue,
    ) -> Result<CompiledService, CompileError> {
        let code = self.code(bytes, spec.revision.digest)?;
        Ok(self.service(&code, spec, storage))
    }

    /// Whether `bytes` could be compiled and linked; costs as much as compiling.
    ///
    /// # Errors
    /// As [`Sandbox::code`].
    pub fn check(&self, bytes: &[u8]) -> Result<Generation, CompileError> {
        self.compiler.run(|| self.make(bytes, Digest::of(bytes))).map(|code| code.generation())
    }

    fn make(&self, bytes: &[u8], digest: Digest) -> Result<Code, CompileError> {
        let inspected = inspect(bytes)?;
        let (engine, linker) = match inspected.generation {
            Generation::P2 => (&self.engines.p2, &self.p2_linker),
            Generation::P3 => (&self.engines.p3, &self.p3_linker),
        };
        let component = self.compiler.compile(engine, inspected.generation, bytes, digest)?;
        Code::link(linker, &component, inspected, digest)
    }

    fn parts(&self, spec: &ServiceSpec, storage: &KeyValue) -> ServiceParts {
        let quota = spec.tenant.as_ref().map(|tenant| &tenant.quota);
        let bucket = |name: &BucketName| {
            let bucket = storage.bucket(&spec.name, name, &spec.limits.keyvalue);
            (name.clone(), bucket.sharing(quota.cloned()))
        };
        ServiceParts {
            name: spec.name.clone(),
            buckets: spec.grants.keyvalue.iter().map(bucket).collect(),
            grants: spec.grants.clone(),
            limits: spec.limits.clone(),
            memory_budget: Arc::clone(&self.memory_budget),
            tenant: spec.tenant.clone(),
            platform: self.platform.clone(),
            logs: LogRate::default(),
            counters: Arc::clone(&self.counters),
            trials: Arc::clone(&self.trials),
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
    pub fn cleaning(&self) -> crate::swap::Cleaning {
        self.engines.cleaning
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

#[cfg(test)]
mod tests;
