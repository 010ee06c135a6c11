//! What one instance has used and been refused, shared between its store and whoever polls it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use hostel_model::platform::Clock;

use crate::tenant::TenantShare;

/// Something the host said no to. A guest may go on; if it fails, this is why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Refusal {
    /// The instance's own memory limit.
    Memory = 1,
    /// The memory budget of the whole host.
    MemoryBudget = 2,
    /// The memory of all instances of its tenant.
    TenantMemory = 8,
    /// The processor budget: the guest was interrupted.
    Cpu = 4,
}

/// Accounts of one request or call. Numbers are bytes and nanoseconds.
pub(crate) struct Ledger {
    clock: Arc<dyn Clock>,
    /// Whose share of the processor it uses.
    tenant: Option<Arc<TenantShare>>,
    cpu_limit: u64,
    cpu_used: AtomicU64,
    /// Thread time when the current poll began. Only meaningful while polling.
    poll_began: AtomicU64,
    refused: AtomicU8,
    memory_peak: AtomicU64,
    /// Bytes of log lines this request has written, kept or dropped.
    log_bytes: AtomicU64,
    /// Whether the guest was stopped before it was done.
    broken_off: AtomicBool,
}

impl Ledger {
    pub(crate) fn new(clock: Arc<dyn Clock>, cpu_limit: Duration, tenant: Option<Arc<TenantShare>>) -> Self {
        Self {
            clock,
            tenant,
            cpu_limit: nanoseconds(cpu_limit),
            cpu_used: AtomicU64::new(0),
            poll_began: AtomicU64::new(0),
            refused: AtomicU8::new(0),
            memory_peak: AtomicU64::new(0),
            log_bytes: AtomicU64::new(0),
            broken_off: AtomicBool::new(false),
        }
    }

    /// Runs `poll` and charges the thread time it took to this instance.
    pub(crate) fn charge<T>(&self, poll: impl FnOnce() -> T) -> T {
        let began = nanoseconds(self.clock.thread_cpu());
        self.poll_began.store(began, Ordering::Relaxed);
        let result = poll();
        let spent = nanoseconds(self.clock.thread_cpu()).saturating_sub(began);
        self.cpu_used.fetch_add(spent, Ordering::Relaxed);
        if let Some(tenant) = &self.tenant {
            tenant.cpu.charge(spent);
        }
        result
    }

    /// Called on the guest's own thread at every epoch: is the budget spent?
    pub(crate) fn cpu_is_spent(&self) -> bool {
        let began = self.poll_began.load(Ordering::Relaxed);
        let now = nanoseconds(self.clock.thread_cpu()).saturating_sub(began);
        self.cpu_used.load(Ordering::Relaxed).saturating_add(now) > self.cpu_limit
    }

    /// Processor time of all polls so far.
    pub(crate) fn cpu_used(&self) -> Duration {
        Duration::from_nanos(self.cpu_used.load(Ordering::Relaxed))
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.refused.fetch_or(refusal as u8, Ordering::Relaxed);
    }

    pub(crate) fn was_refused(&self, refusal: Refusal) -> bool {
        self.refused.load(Ordering::Relaxed) & refusal as u8 != 0
    }

    /// The guest failed or was dropped. Said before its store goes: what it was
    /// sending must not look finished to whoever receives it.
    pub(crate) fn breaks_off(&self) {
        self.broken_off.store(true, Ordering::Release);
    }

    pub(crate) fn is_broken_off(&self) -> bool {
        self.broken_off.load(Ordering::Acquire)
    }

    pub(crate) fn memory_now(&self, bytes: u64) {
        self.memory_peak.fetch_max(bytes, Ordering::Relaxed);
    }

    pub(crate) fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Ordering::Relaxed)
    }

    /// Adds to the bytes logged by this request and tells the sum before.
    pub(crate) fn logged(&self, bytes: u64) -> u64 {
        self.log_bytes.fetch_add(bytes, Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        struct NoClock;
        impl Clock for NoClock {
            fn now(&self) -> hostel_model::platform::Monotonic {
                hostel_model::platform::Monotonic::default()
            }
            fn wall(&self) -> std::time::SystemTime {
                std::time::SystemTime::UNIX_EPOCH
            }
            fn pause_thread(&self, _time: Duration) {}
            fn sleep_until(&self, _at: hostel_model::platform::Monotonic) -> hostel_model::platform::BoxTask {
                Box::pin(std::future::pending())
            }
        }
        Self::new(Arc::new(NoClock), Duration::from_secs(1), None)
    }
}

/// Whole nanoseconds, as many as a number holds (584 years).
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
