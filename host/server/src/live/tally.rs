//! What became of a revision's requests, counted so that two revisions can be compared.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hostel_model::latency::{BUCKETS, bucket};
use hostel_model::rollout::judge::Seen;

/// Counters of one revision; requests only add to them.
pub struct Tally {
    requests: AtomicU64,
    failures: AtomicU64,
    latencies: [AtomicU64; BUCKETS],
}

/// A copy of a [`Tally`] at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Requests and calls that ran.
    pub requests: u64,
    /// Those that failed by the revision's own fault.
    pub failures: u64,
    /// Times to the head of the response.
    pub latencies: Box<[u64]>,
}

impl Default for Tally {
    fn default() -> Self {
        let zeros = [(); BUCKETS];
        Self { requests: AtomicU64::new(0), failures: AtomicU64::new(0), latencies: zeros.map(|()| AtomicU64::new(0)) }
    }
}

impl Tally {
    /// One more request: whether it failed, and how long its answer took to begin.
    pub fn add(&self, failed: bool, latency: Duration) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if failed {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(counter) = self.latencies.get(bucket(latency)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request that was counted when its answer began has failed after all.
    pub fn failed_later(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// A client left after it had waited so long for an answer: neither good nor bad, but slow.
    pub fn left_waiting(&self, waited: Duration) {
        if let Some(counter) = self.latencies.get(bucket(waited)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Everything so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            latencies: self.latencies.iter().map(|counter| counter.load(Ordering::Relaxed)).collect(),
        }
    }
}

impl Counts {
    /// What came after `then`.
    #[must_use]
    pub fn since(&self, then: &Self) -> Self {
        let pairs = self.latencies.iter().zip(&then.latencies);
        Self {
            requests: self.requests.saturating_sub(then.requests),
            failures: self.failures.saturating_sub(then.failures),
            latencies: pairs.map(|(now, then)| now.saturating_sub(*then)).collect(),
        }
    }

    /// As what is judged.
    #[must_use]
    pub fn seen(&self) -> Seen<'_> {
        Seen { requests: self.requests, failures: self.failures, latencies: &self.latencies }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_later_is_told_apart() {
        let tally = Tally::default();
        tally.add(false, Duration::from_millis(1));
        let then = tally.counts();
        tally.add(true, Duration::from_millis(500));
        let since = tally.counts().since(&then);
        assert_eq!((since.requests, since.failures, since.latencies.iter().sum::<u64>()), (1, 1, 1));
        assert_eq!(since.latencies[bucket(Duration::from_millis(500))], 1);
    }
}
