//! Permits: how many requests and calls run at once, with a share kept for calls.
//!
//! Requests from outside wait their turn in a bounded queue. Calls never wait: a
//! caller holds a permit of its own, and callers that wait for each other would
//! wait for ever. So a quarter of every set of permits is out of reach for
//! requests, and a call that finds none free is refused at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use hostel_model::limits::fixed;
use hostel_model::platform::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A set of permits.
#[derive(Debug, Clone)]
pub struct Permits {
    count: usize,
    all: Arc<Semaphore>,
    requests: Arc<Semaphore>,
}

/// The right to run one request or call; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    _one: OwnedSemaphorePermit,
    _request: Option<OwnedSemaphorePermit>,
}

/// How many wait for permits of one set.
#[derive(Debug)]
pub struct Queue {
    length: u32,
    waiting: AtomicU32,
}

struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    /// Room for `length` waiting requests.
    #[must_use]
    pub fn new(length: u32) -> Self {
        Self { length, waiting: AtomicU32::new(0) }
    }

    fn enter(&self) -> Option<Waiting<'_>> {
        self.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < self.length).then_some(waiting + 1)
            })
            .ok()
            .map(|_| Waiting(&self.waiting))
    }
}

impl Permits {
    /// `count` permits, a quarter of them (at least one, where there are two) for calls only.
    #[must_use]
    pub fn new(count: u32) -> Self {
        let reserve = if count > 1 { (count / fixed::CALLS_RESERVE_DIVISOR).max(1) } else { 0 };
        let semaphore = |count: u32| Arc::new(Semaphore::new(count as usize));
        Self { count: count as usize, all: semaphore(count), requests: semaphore(count - reserve) }
    }

    /// A permit for a call, if one is free now.
    #[must_use]
    pub fn for_call(&self) -> Option<Permit> {
        let one = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Permit { _one: one, _request: None })
    }

    /// A permit for a request; waits in `queue` for at most `patience`.
    pub async fn for_request(&self, queue: &Queue, patience: Duration, clock: &dyn Clock) -> Option<Permit> {
        if let Some(permit) = self.request_now() {
            return Some(permit);
        }
        let _waiting = queue.enter()?;
        let permit = std::pin::pin!(self.request_in_turn());
        match select(permit, clock.sleep_until(clock.now().after(patience))).await {
            Either::Left((permit, _)) => permit,
            Either::Right(_) => None,
        }
    }

    /// Returns once every permit is back.
    pub async fn all_free(&self) {
        let count = u32::try_from(self.count).unwrap_or(u32::MAX);
        // Fails only if the set is closed, which it never is.
        let _all = self.all.acquire_many(count).await;
    }

    /// Permits are handed out in turn: this fails while somebody waits.
    fn request_now(&self) -> Option<Permit> {
        let request = Arc::clone(&self.requests).try_acquire_owned().ok()?;
        let one = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Permit { _one: one, _request: Some(request) })
    }

    async fn request_in_turn(&self) -> Option<Permit> {
        let request = Arc::clone(&self.requests).acquire_owned().await.ok()?;
        let one = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Permit { _one: one, _request: Some(request) })
    }
}

#[cfg(test)]
mod tests {
    use super::Permits;

    #[test]
    fn a_quarter_is_kept_for_calls() {
        for (count, for_requests) in [(1, 1), (2, 1), (4, 3), (7, 6), (64, 48)] {
            let permits = Permits::new(count);
            let requests: Vec<_> = std::iter::from_fn(|| permits.request_now()).collect();
            let calls: Vec<_> = std::iter::from_fn(|| permits.for_call()).collect();
            assert_eq!((requests.len(), calls.len()), (for_requests, count as usize - for_requests), "{count}");
        }
    }

    #[test]
    fn calls_may_take_what_requests_leave() {
        let permits = Permits::new(4);
        let calls: Vec<_> = std::iter::from_fn(|| permits.for_call()).collect();
        assert_eq!(calls.len(), 4);
        assert!(permits.request_now().is_none());
        drop(calls);
        assert!(permits.request_now().is_some());
    }
}
