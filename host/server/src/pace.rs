//! How slow a client may be: a rate it must keep on average, and a silence it may not exceed.
//!
//! Only time in which the host waits for the client counts. Credit is kept in time:
//! it begins with a grace, every byte adds what it may take at the least rate, and
//! waiting uses it up. Credit never exceeds the longest silence allowed, so that a
//! fast start does not pay for an endless end.

use std::time::Duration;

use hostel_model::limits::ListenerLimits;
use hostel_model::platform::Monotonic;

#[cfg(test)]
mod tests;

/// What a client must keep to in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceLimits {
    /// The longest silence.
    pub idle: Duration,
    /// The least bytes a second, on average; 0 sets none.
    pub rate: u32,
    /// Time before the rate holds.
    pub grace: Duration,
}

impl PaceLimits {
    /// How a client must send the bodies of its requests.
    #[must_use]
    pub fn of_bodies(limits: &ListenerLimits) -> Self {
        Self { idle: limits.body_idle, rate: limits.body_rate, grace: limits.rate_grace }
    }

    /// How a client must take responses.
    #[must_use]
    pub fn of_writes(limits: &ListenerLimits) -> Self {
        Self { idle: limits.write_idle, rate: limits.write_rate, grace: limits.rate_grace }
    }
}

/// One direction of one exchange.
#[derive(Debug)]
pub struct Pace {
    limits: PaceLimits,
    credit: Duration,
    since: Option<Monotonic>,
}

impl Pace {
    /// Nobody has waited yet.
    #[must_use]
    pub fn new(limits: PaceLimits) -> Self {
        Self { limits, credit: limits.grace, since: None }
    }

    /// The host waits for the client, from now unless it did already. Returns when its patience ends.
    pub fn waits(&mut self, now: Monotonic) -> Monotonic {
        let since = *self.since.get_or_insert(now);
        since.after(self.patience())
    }

    /// When the host's patience ends, if it is waiting.
    #[must_use]
    pub fn ends(&self) -> Option<Monotonic> {
        self.since.map(|since| since.after(self.patience()))
    }

    fn patience(&self) -> Duration {
        if self.limits.rate == 0 { self.limits.idle } else { self.limits.idle.min(self.credit) }
    }

    /// So many bytes passed; a wait is over.
    pub fn moved(&mut self, now: Monotonic, bytes: u64) {
        if let Some(since) = self.since.take() {
            self.credit = self.credit.saturating_sub(now.since(since));
        }
        let most = self.limits.grace.max(self.limits.idle);
        let rate = u64::from(self.limits.rate).max(1);
        // Past the most anyway, and short of what a duration can hold.
        let earned = Duration::from_nanos(bytes.min(u64::from(u32::MAX)).saturating_mul(1_000_000_000) / rate);
        self.credit = self.credit.saturating_add(earned).min(most);
    }
}
