//! The two compilers-and-pools that run services, configured on purpose, and the clock tick that interrupts guests.
//!
//! Services of WASI 0.2 run on an engine without concurrency support, which is
//! smaller and faster; services of WASI 0.3 on one that has it. Every knob that
//! matters for safety is set here even where wasmtime's default is the same, so
//! that a change of default cannot change what a guest may do.

use std::hash::{Hash as _, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hostel_model::digest::Digest;
use hostel_model::limits::{HostLimits, fixed};
use hostel_model::platform::{Clock, Platform};
use wasmtime::{Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy};

use crate::error::SandboxError;
use crate::reuse::IdleAllowance;
use crate::swap::Cleaning;

/// Bytes of a linear memory that stay resident in a slot and are cleared by
/// writing zeroes. Covers the stack and data of a small guest; clearing more
/// costs more than giving the pages back (see `wit` guests' 64 KiB stacks).
const MEMORY_KEEP_RESIDENT: usize = 256 * 1024;
/// The same for tables: one page holds the function table of a usual guest.
const TABLE_KEEP_RESIDENT: usize = 4 * 1024;
/// The same for a fiber's stack, which is zeroed between guests.
const STACK_KEEP_RESIDENT: usize = 16 * 1024;
/// Slots returned to the system together. Each at once: a slot that waits for others keeps what its instance
/// wrote, up to `memory_max`, after the budget for all memory has it back.
const DECOMMIT_BATCH: usize = 1;
/// Bookkeeping of one component instance; large ones are made by JavaScript and Python tools.
const INSTANCE_BYTES: usize = 4 * 1024 * 1024;
/// Frames of a trap's backtrace that are kept for the log.
const BACKTRACE_FRAMES: usize = 20;

/// Which WASI a component answers requests in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// `wasi:http/incoming-handler@0.2.x`.
    P2,
    /// `wasi:http/handler@0.3.x`.
    P3,
}

/// How slots of the pool are cleaned between two instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetMode {
    /// The kernel tells which pages were written; nothing may be swapped out.
    PagemapScan,
    /// The first bytes are zeroed, the rest is given back.
    KeepResident,
}

/// Both engines and the ticker that lets them interrupt guests.
pub(crate) struct Engines {
    pub(crate) p2: Engine,
    pub(crate) p3: Engine,
    pub(crate) cleaning: Cleaning,
    _ticker: Ticker,
}

impl Engines {
    pub(crate) fn start(limits: &HostLimits, platform: &Platform) -> Result<Self, SandboxError> {
        let cleaning = Cleaning::of_machine();
        let p2 = engine(Generation::P2, limits, cleaning.mode)?;
        let p3 = engine(Generation::P3, limits, cleaning.mode)?;
        let ticker = Ticker::start(vec![p2.weak(), p3.weak()], platform)?;
        Ok(Self { p2, p3, cleaning, _ticker: ticker })
    }
}

/// An engine that runs guests. It compiles nothing: that is done in a process of its own.
fn engine(generation: Generation, limits: &HostLimits, reset: ResetMode) -> Result<Engine, SandboxError> {
    let mut config = config(generation);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(generation, limits, reset)));
    config.parallel_compilation(false);
    Engine::new(&config).map_err(|error| SandboxError { reason: format!("{error:#}") })
}

/// An engine that compiles for the one above and runs nothing. It has no pool, whose
/// reserved addresses would be most of what its process may have.
pub(crate) fn compiling(generation: Generation) -> wasmtime::Result<Engine> {
    let mut config = config(generation);
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    config.parallel_compilation(true);
    Engine::new(&config)
}

/// Everything about `engine` that its code depends on, the processor included.
pub(crate) fn compatibility(engine: &Engine) -> Digest {
    /// Keeps what is hashed, so that it can be hashed by something better.
    #[derive(Default)]
    struct Written(Vec<u8>);
    impl Hasher for Written {
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut written = Written::default();
    engine.precompile_compatibility_hash().hash(&mut written);
    Digest::of(&written.0)
}

/// What both have in common: all that decides which code comes of a component.
fn config(generation: Generation) -> Config {
    let mut config = Config::new();
    // Cranelift only: the other compiler does not document epochs and had the advisories.
    config.strategy(Strategy::Cranelift);
    config.epoch_interruption(true);
    config.max_wasm_stack(fixed::WASM_STACK.0 as usize);
    config.async_stack_size(fixed::ASYNC_STACK.0 as usize);
    // Stacks are used again by other tenants.
    config.async_stack_zeroing(true);
    config.guard_before_linear_memory(true);
    // The limiter is not asked about shared memories, so there are none.
    config.shared_memory(false);
    config.wasm_memory64(false);
    config.wasm_component_model_memory64(false);
    config.wasm_stack_switching(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);
    config.debug_info(false);
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES));
    config.concurrency_support(generation == Generation::P3);
    if generation == Generation::P3 {
        config.wasm_component_model_async(true);
    }
    config
}

fn pool(generation: Generation, limits: &HostLimits, reset: ResetMode) -> PoolingAllocationConfig {
    let kept = IdleAllowance::slots(limits.instances).saturating_add(fixed::TRIALS);
    let instances = limits.instances.saturating_add(kept);
    // A WASI 0.3 instance runs several tasks, each on a fiber.
    let stacks = match generation {
        Generation::P2 => instances.saturating_mul(2),
        Generation::P3 => instances.saturating_mul(4),
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(4))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(4))
        .total_stacks(stacks)
        .max_core_instances_per_component(fixed::CORE_INSTANCES)
        .max_memories_per_component(fixed::MEMORIES)
        .max_tables_per_component(fixed::TABLES)
        .max_memories_per_module(1)
        .max_tables_per_module(2)
        .max_memory_size(usize::try_from(limits.memory_max.0).unwrap_or(usize::MAX))
        .table_elements(fixed::TABLE_ELEMENTS_MAX as usize)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        .decommit_batch_size(DECOMMIT_BATCH)
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT)
        .pagemap_scan(match reset {
            ResetMode::PagemapScan => Enabled::Yes,
            ResetMode::KeepResident => Enabled::No,
        });
    pool
}

/// A thread that advances both engines' epochs. It must be a thread: a task
/// would starve behind the very guests it has to interrupt.
struct Ticker {
    stop: Arc<AtomicBool>,
}

impl Ticker {
    fn start(engines: Vec<EngineWeak>, platform: &Platform) -> Result<Self, SandboxError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let clock = Arc::clone(&platform.clock);
        platform
            .spawn
            .thread("hostel-epoch", Box::new(move || tick(&engines, &stopped, clock.as_ref())))
            .map_err(|error| SandboxError { reason: format!("no thread for the epoch ticker: {error}") })?;
        Ok(Self { stop })
    }
}

fn tick(engines: &[EngineWeak], stopped: &AtomicBool, clock: &dyn Clock) {
    while !stopped.load(Ordering::Relaxed) {
        clock.pause_thread(fixed::EPOCH_TICK);
        for engine in engines {
            if let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
            }
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
