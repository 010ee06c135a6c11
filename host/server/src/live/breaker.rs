//! Leaves a revision alone that does nothing but fail.
//!
//! It opens after so many failures within some time **without one success between
//! them**: a client that knows one request that fails must not be able to close a
//! service to everybody else. Then one request at a time may try, after a pause
//! that doubles as long as the trials fail.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostel_model::platform::Monotonic;
use hostel_model::rollout::BreakerLimits;

/// The breaker of one revision.
pub struct Breaker {
    limits: BreakerLimits,
    /// Failures in a row, or [`OPEN`]: what a request looks at first.
    row: AtomicU32,
    state: Mutex<State>,
}

/// In [`Breaker::row`]: it is open.
const OPEN: u32 = u32::MAX;

#[derive(Debug)]
struct State {
    /// When the first failure of the row was.
    row_began: Monotonic,
    /// Until when nothing is tried.
    until: Monotonic,
    /// How long the pause is.
    pause: Duration,
}

/// Leave to run one request; what became of it must be said.
pub struct Pass {
    breaker: Arc<Breaker>,
    /// Whether it is the one trial while the breaker is open.
    trial: bool,
    /// Failures in a row when its answer began, which would have ended the row.
    answered: Option<u32>,
    settled: bool,
}

impl Breaker {
    /// Closed, as it is at first.
    #[must_use]
    pub fn new(limits: BreakerLimits) -> Arc<Self> {
        let (row_began, until) = (Monotonic::default(), Monotonic::default());
        let state = State { row_began, until, pause: limits.open_min };
        Arc::new(Self { limits, row: AtomicU32::new(0), state: Mutex::new(state) })
    }

    /// Leave to run a request now, or how long to wait.
    ///
    /// # Errors
    /// The time until the next trial.
    pub fn admit(self: &Arc<Self>, now: Monotonic) -> Result<Pass, Duration> {
        let mut trial = false;
        if self.is_open() {
            let mut state = self.state();
            // It may have closed meanwhile.
            if self.is_open() {
                if now < state.until {
                    // Another trial is no sooner than this.
                    return Err(state.until.since(now).max(self.limits.open_min.min(Duration::from_secs(1))));
                }
                // A trial may take as long as its client likes: the next one does not wait for it.
                (state.until, trial) = (now.after(state.pause), true);
            }
        }
        Ok(Pass { breaker: Arc::clone(self), trial, answered: None, settled: false })
    }

    /// Whether requests are kept away.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.row.load(Ordering::Relaxed) == OPEN
    }

    fn succeeded(&self, trial: bool) {
        // The usual case: nothing to be forgotten.
        if self.row.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut state = self.state();
        if trial {
            state.pause = self.limits.open_min;
        }
        // A success from before it opened does not close it.
        if trial || !self.is_open() {
            self.row.store(0, Ordering::Relaxed);
        }
    }

    /// `answered` is the row that was forgotten when the answer began.
    fn failed(&self, trial: bool, answered: Option<u32>, now: Monotonic) {
        let mut state = self.state();
        if trial {
            state.pause = state.pause.saturating_mul(2).min(self.limits.open_max);
            state.until = now.after(state.pause);
            self.row.store(OPEN, Ordering::Relaxed);
            return;
        }
        let row = self.row.load(Ordering::Relaxed).max(answered.filter(|row| *row != OPEN).unwrap_or_default());
        if row == OPEN {
            return;
        }
        if row == 0 || now.since(state.row_began) > self.limits.within {
            state.row_began = now;
            self.row.store(1, Ordering::Relaxed);
        } else {
            self.row.store(row + 1, Ordering::Relaxed);
        }
        if self.row.load(Ordering::Relaxed) >= self.limits.failures.get() {
            state.until = now.after(state.pause);
            self.row.store(OPEN, Ordering::Relaxed);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// The request is over: it failed by the revision's own fault, or it did not.
    pub fn settle(mut self, failed: bool, now: Monotonic) {
        self.settled = true;
        if failed {
            self.breaker.failed(self.trial, self.answered, now);
        } else if self.answered.is_none() {
            self.breaker.succeeded(self.trial);
        }
    }

    /// Its answer has begun, which counts as a success unless it fails after all: an answer may
    /// take hours.
    pub fn answers(&mut self) {
        if self.answered.is_none() {
            self.answered = Some(self.breaker.row.load(Ordering::Relaxed));
            self.breaker.succeeded(self.trial);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // It never ran: the next one tries.
        if self.trial && !self.settled && self.answered.is_none() {
            self.breaker.state().until = Monotonic::default();
        }
    }
}

#[cfg(test)]
mod tests;
