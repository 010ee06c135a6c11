//! What the services of one tenant share of the sandbox: a sum of memory, of processor time, of bytes kept, of compilations.
//!
//! It is made once and outlives deployments, so that what is in use stays counted
//! whatever the configuration says next; only its numbers change. A service
//! holds it from the moment it is made ready: a request looks nothing up.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use hostel_model::platform::Clock;
use hostel_model::tenant::Tenant;
use hostel_storage::SharedQuota;
use tokio::sync::Notify;

use crate::cpu_share::CpuShare;
use crate::memory::MemoryBudget;

/// What the services of one tenant share.
pub struct TenantShare {
    pub(crate) memory: MemoryBudget,
    pub(crate) cpu: CpuShare,
    pub(crate) quota: Arc<SharedQuota>,
    pub(crate) compiling: Slots,
}

impl TenantShare {
    /// The share of `tenant` on a host with so many `threads` that run guests.
    #[must_use]
    pub fn new(tenant: &Tenant, threads: u32, clock: &Arc<dyn Clock>) -> Self {
        let share = Self {
            memory: MemoryBudget::new(u64::MAX),
            cpu: CpuShare::new(threads, Arc::clone(clock)),
            quota: Arc::new(SharedQuota::new(tenant.services.clone(), tenant.limits.storage)),
            compiling: Slots::default(),
        };
        share.change(tenant);
        share
    }

    /// From now on the numbers of `tenant` hold. What is in use beyond them stays, and nothing is added to it.
    pub fn change(&self, tenant: &Tenant) {
        let limits = &tenant.limits;
        self.memory.set_limit(limits.memory.map_or(u64::MAX, |memory| memory.0));
        self.cpu.set_percent(limits.cpu_share);
        self.quota.change(tenant.services.clone(), limits.storage);
        self.compiling.set_count(limits.compile_slots.map(std::num::NonZeroU32::get));
    }

    /// Linear memory that its instances hold now, in bytes.
    #[must_use]
    pub fn memory_used(&self) -> u64 {
        self.memory.used()
    }

    /// The bytes that its services may keep together.
    #[must_use]
    pub fn quota(&self) -> &Arc<SharedQuota> {
        &self.quota
    }
}

/// Places for work of which only so much is done at once. Who finds none waits.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    state: Mutex<Taken>,
    /// For tasks that wait, and for threads.
    freed: (Notify, Condvar),
}

#[derive(Debug, Default)]
struct Taken {
    taken: u32,
    /// No bound if there is none.
    count: Option<u32>,
}

/// One place; given back when dropped.
pub(crate) struct Slot<'s>(&'s Slots);

impl Slots {
    fn set_count(&self, count: Option<u32>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).count = count;
        self.freed.0.notify_waiters();
        self.freed.1.notify_all();
    }

    /// A place, once there is one.
    pub(crate) async fn take(&self) -> Slot<'_> {
        loop {
            let mut freed = std::pin::pin!(self.freed.0.notified());
            // From here on nothing that is given back is missed.
            freed.as_mut().enable();
            if self.try_take() {
                return Slot(self);
            }
            freed.await;
        }
    }

    /// The same for a thread that has nothing else to do.
    pub(crate) fn take_from_thread(&self) -> Slot<'_> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state =
            self.freed.1.wait_while(state, |state| !state.has_room()).unwrap_or_else(PoisonError::into_inner);
        state.taken += 1;
        Slot(self)
    }

    fn try_take(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let free = state.has_room();
        state.taken += u32::from(free);
        free
    }
}

impl Taken {
    fn has_room(&self) -> bool {
        self.count.is_none_or(|count| self.taken < count)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.taken = state.taken.saturating_sub(1);
        drop(state);
        self.0.freed.0.notify_one();
        self.0.freed.1.notify_one();
    }
}

#[cfg(test)]
mod tests;
