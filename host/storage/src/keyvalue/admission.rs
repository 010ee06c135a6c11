//! Which writes may wait: each service's rate, and its share of the writer's queue.
//!
//! All buckets of a service share one [`Admission`], so that neither a second bucket nor a
//! second instance buys it more. A share of the queue per service keeps a service that writes
//! without end from making the others wait behind it, or be refused.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostel_model::limits::fixed;
use hostel_model::platform::Monotonic;

use super::error::KeyValueError;

/// Writes that may wait at once, of all services.
pub(super) const QUEUE_LENGTH: usize = 1_024;
/// A quarter, so that it takes four busy services to fill the queue.
const SERVICE_SHARE: usize = QUEUE_LENGTH / 4;
/// Memory that a service's waiting writes may hold; one write alone may be larger. Together
/// with [`QUEUE_LENGTH`] it bounds what a slow disk makes the host keep in memory.
const SERVICE_BYTES: usize = 16 * 1024 * 1024;

/// One service's place before the writer.
#[derive(Debug, Default)]
pub(super) struct Admission {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When all the writes let through so far are paid for at the service's rate. A bucket of
    /// tokens says the same; a point in time stays right when the rate changes.
    paid_at: Monotonic,
    waiting: usize,
    waiting_bytes: usize,
}

/// A place in the queue, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    admission: Arc<Admission>,
    bytes: usize,
}

impl Admission {
    /// Lets `writes` more writes through if `rate` a second allows it, all or none.
    pub(super) fn pay(&self, now: Monotonic, writes: u64, rate: u32) -> Result<(), KeyValueError> {
        let refused = KeyValueError::WriteRate { limit: rate };
        let Some(cost) = cost(writes, rate) else {
            return Err(refused);
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let paid_at = state.paid_at.max(now).after(cost);
        if paid_at > now.after(fixed::WRITE_BURST) {
            return Err(refused);
        }
        state.paid_at = paid_at;
        Ok(())
    }

    /// A place for a write that holds `bytes`, unless the service has its share.
    pub(super) fn enter(self: &Arc<Self>, bytes: usize) -> Result<Place, KeyValueError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let held = state.waiting_bytes.saturating_add(bytes);
        if state.waiting >= SERVICE_SHARE || (state.waiting > 0 && held > SERVICE_BYTES) {
            return Err(KeyValueError::Busy);
        }
        state.waiting += 1;
        state.waiting_bytes = held;
        Ok(Place { admission: Arc::clone(self), bytes })
    }
}

impl Place {
    /// Bytes of the write.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.admission.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting = state.waiting.saturating_sub(1);
        state.waiting_bytes = state.waiting_bytes.saturating_sub(self.bytes);
    }
}

/// How long `writes` take at `rate` a second; none if for ever.
fn cost(writes: u64, rate: u32) -> Option<Duration> {
    let nanos = u128::from(writes) * 1_000_000_000;
    let nanos = nanos.checked_div(u128::from(rate))?;
    Some(Duration::from_nanos(u64::try_from(nanos).ok()?))
}

#[cfg(test)]
mod tests;
