//! Limits on what an instance may grow: its own sum, and the host's budget.
//!
//! wasmtime's own limits are per memory; an instance may have several, so they
//! are added up here, and each byte is also drawn from a budget for the whole
//! process. What is drawn goes back when the limiter is dropped with its store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hostel_model::limits::fixed;
use wasmtime::ResourceLimiter;

use crate::ledger::{Ledger, Refusal};
use crate::tenant::TenantShare;

/// Bytes of linear memory that all instances together may hold.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: AtomicU64,
    used: AtomicU64,
    closed: AtomicBool,
}

impl MemoryBudget {
    /// A budget of `limit` bytes, none of them used.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { limit: AtomicU64::new(limit), used: AtomicU64::new(0), closed: AtomicBool::new(false) }
    }

    /// Bytes in use now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that may be in use.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Other bytes may be in use from now on. What is in use beyond them stays.
    pub(crate) fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// From now on nothing is given, so that no instance begins and none grows: what
    /// the slots hold is not known to be clean. There is no way back.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Takes `bytes` of a sum that is one tenant's.
    fn take(&self, bytes: u64) -> bool {
        self.take_up_to(self.limit(), bytes)
    }

    /// Takes `bytes` of everybody's budget for an instance that has `had` so far. A part of the
    /// budget is for small instances only.
    fn take_shared(&self, bytes: u64, had: u64) -> bool {
        let is_small = had.saturating_add(bytes) <= fixed::MEMORY_SMALL.0;
        let limit = self.limit();
        self.take_up_to(if is_small { limit } else { limit - limit / fixed::MEMORY_RESERVE_DIVISOR }, bytes)
    }

    fn take_up_to(&self, limit: u64, bytes: u64) -> bool {
        if self.is_closed() {
            return false;
        }
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= limit)
            })
            .is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Says yes or no to every growth of one instance.
pub(crate) struct InstanceLimiter {
    budget: Arc<MemoryBudget>,
    /// Whose sum it counts against besides the host's.
    tenant: Option<Arc<TenantShare>>,
    memory_limit: u64,
    table_limit: usize,
    taken: u64,
    pub(crate) ledger: Arc<Ledger>,
}

impl InstanceLimiter {
    pub(crate) fn new(budget: Arc<MemoryBudget>, memory_limit: u64, table_limit: usize, ledger: Arc<Ledger>) -> Self {
        Self { budget, tenant: None, memory_limit, table_limit, taken: 0, ledger }
    }

    /// The same for a service of `tenant`.
    pub(crate) fn within(mut self, tenant: Option<Arc<TenantShare>>) -> Self {
        self.tenant = tenant;
        self
    }

    /// Bytes of all memories of the instance.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }
}

impl ResourceLimiter for InstanceLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let delta = desired.saturating_sub(current) as u64;
        if maximum.is_some_and(|maximum| desired > maximum) || self.taken.saturating_add(delta) > self.memory_limit {
            self.ledger.refuse(Refusal::Memory);
            return Ok(false);
        }
        if self.tenant.as_ref().is_some_and(|tenant| !tenant.memory.take(delta)) {
            self.ledger.refuse(Refusal::TenantMemory);
            return Ok(false);
        }
        if !self.budget.take_shared(delta, self.taken) {
            if let Some(tenant) = &self.tenant {
                tenant.memory.give_back(delta);
            }
            self.ledger.refuse(Refusal::MemoryBudget);
            return Ok(false);
        }
        self.taken += delta;
        self.ledger.memory_now(self.taken);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        // Whether this growth was asked about before is not told: one past what the type of the memory
        // allows is not. So nothing goes back before the end, or a guest could have what it got uncounted.
        self.ledger.refuse(Refusal::Memory);
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if self.budget.is_closed() {
            self.ledger.refuse(Refusal::MemoryBudget);
            return Ok(false);
        }
        // A guest whose table may not grow is told; if it traps then, it is a trap.
        Ok(desired <= self.table_limit && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn instances(&self) -> usize {
        fixed::CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        fixed::TABLES as usize
    }

    fn memories(&self) -> usize {
        fixed::MEMORIES as usize
    }
}

impl Drop for InstanceLimiter {
    fn drop(&mut self) {
        self.budget.give_back(self.taken);
        if let Some(tenant) = &self.tenant {
            tenant.memory.give_back(self.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(budget: &Arc<MemoryBudget>, limit: u64) -> InstanceLimiter {
        InstanceLimiter::new(Arc::clone(budget), limit, 100, Arc::new(Ledger::for_tests()))
    }

    #[test]
    fn memories_of_one_instance_are_added_up() {
        let budget = Arc::new(MemoryBudget::new(1_000));
        let mut one = limiter(&budget, 100);
        assert!(one.memory_growing(0, 60, None).unwrap());
        assert!(!one.memory_growing(0, 41, None).unwrap());
        assert!(one.memory_growing(0, 40, None).unwrap());
        assert_eq!((one.taken(), budget.used()), (100, 100));
    }

    #[test]
    fn the_budget_is_shared_and_given_back() {
        let budget = Arc::new(MemoryBudget::new(100));
        let mut one = limiter(&budget, 100);
        let mut two = limiter(&budget, 100);
        assert!(one.memory_growing(0, 99, None).unwrap());
        assert!(!two.memory_growing(0, 2, None).unwrap());
        drop(one);
        assert!(two.memory_growing(0, 100, None).unwrap());
        drop(two);
        assert_eq!(budget.used(), 0);
    }

    /// Whoever grows without end leaves others enough to begin with.
    #[test]
    fn the_last_part_of_the_budget_is_for_small_instances() {
        let small = fixed::MEMORY_SMALL.0 as usize;
        let budget = Arc::new(MemoryBudget::new(16 * fixed::MEMORY_SMALL.0));
        let mut grows = limiter(&budget, u64::MAX);
        // Page by page or at once: fourteen of sixteen parts.
        assert!(grows.memory_growing(0, small, None).unwrap());
        assert!(grows.memory_growing(small, 14 * small, None).unwrap());
        assert!(!grows.memory_growing(14 * small, 14 * small + 1, None).unwrap());
        assert!(grows.ledger.was_refused(Refusal::MemoryBudget));
        let mut others = [limiter(&budget, u64::MAX), limiter(&budget, u64::MAX), limiter(&budget, u64::MAX)];
        let begun = others.iter_mut().filter_map(|other| other.memory_growing(0, small, None).unwrap().then_some(()));
        assert_eq!(begun.count(), 2);
        assert!(!others[0].memory_growing(small, small + 1, None).unwrap(), "it is not small any more");
        drop((grows, others));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_closed_budget_gives_nothing_to_memories_or_tables_whoever_asks() {
        let budget = Arc::new(MemoryBudget::new(100));
        let mut one = limiter(&budget, 100);
        assert!(one.memory_growing(0, 10, None).unwrap());
        assert!(one.table_growing(0, 10, None).unwrap());
        budget.close();
        let mut two = limiter(&budget, 100);
        for limiter in [&mut one, &mut two] {
            assert!(!limiter.memory_growing(10, 11, None).unwrap());
            assert!(!limiter.table_growing(0, 1, None).unwrap());
            assert!(limiter.ledger.was_refused(Refusal::MemoryBudget));
        }
        drop(one);
        assert_eq!(budget.used(), 0);
    }

    /// A guest can make as many growths fail as it likes, without the limiter being asked first.
    #[test]
    fn growths_that_fail_give_nothing_back_before_the_end() {
        let budget = Arc::new(MemoryBudget::new(100));
        let mut one = limiter(&budget, 60);
        assert!(one.memory_growing(0, 50, None).unwrap());
        for _ in 0..3 {
            one.memory_grow_failed(wasmtime::format_err!("no pages")).unwrap();
        }
        assert_eq!((one.taken(), budget.used()), (50, 50));
        assert!(!one.memory_growing(50, 61, None).unwrap());
        assert!(one.ledger.was_refused(Refusal::Memory));
        drop(one);
        assert_eq!(budget.used(), 0);
    }
}
