//! Instances that wait for their next request, for services that asked for reuse.
//!
//! Off by default. One request at a time, a fixed number in all, and never after
//! a failure: then state that a guest kept is at most its own service's.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hostel_model::limits::fixed;
use hostel_model::platform::Monotonic;

use crate::guest::Instance;

/// How many instances may wait in the whole process; each holds a slot of the
/// pool, which is made larger by as many.
#[derive(Debug)]
pub(crate) struct IdleAllowance {
    left: AtomicU32,
}

impl IdleAllowance {
    /// The share of `instances` that may wait besides them.
    pub(crate) fn slots(instances: u32) -> u32 {
        (instances / 4).max(1)
    }

    pub(crate) fn new(instances: u32) -> Self {
        Self { left: AtomicU32::new(Self::slots(instances)) }
    }

    fn take(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn give_back(&self, count: usize) {
        self.left.fetch_add(u32::try_from(count).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}

/// The waiting instances of one revision, the most recently used last.
pub(crate) struct IdleInstances {
    uses: NonZeroU32,
    allowance: Arc<IdleAllowance>,
    waiting: Mutex<Vec<(Monotonic, Instance)>>,
}

impl IdleInstances {
    pub(crate) fn new(uses: NonZeroU32, allowance: Arc<IdleAllowance>) -> Self {
        Self { uses, allowance, waiting: Mutex::new(Vec::new()) }
    }

    /// The instance used last, whose memory is still in the caches.
    pub(crate) fn take(&self, now: Monotonic) -> Option<Instance> {
        self.expire(now);
        let taken = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        taken.map(|(_, instance)| {
            self.allowance.give_back(1);
            instance
        })
    }

    /// Keeps `instance` for the next request unless it served its share.
    pub(crate) fn put(&self, instance: Instance, now: Monotonic) {
        if instance.served < self.uses.get() && self.allowance.take() {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((now, instance));
        }
    }

    /// Gives back the memory of instances that waited too long.
    pub(crate) fn expire(&self, now: Monotonic) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let expired = waiting.partition_point(|(since, _)| now.since(*since) > fixed::REUSE_IDLE);
        let old: Vec<_> = waiting.drain(..expired).collect();
        // Stores are dropped outside the lock: it takes time.
        drop(waiting);
        self.allowance.give_back(old.len());
    }
}

impl Drop for IdleInstances {
    fn drop(&mut self) {
        let waiting = self.waiting.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.allowance.give_back(waiting.len());
    }
}
