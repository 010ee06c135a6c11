//! How a service goes from one revision to the next: shares, watch, margins, breaker, what is kept.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::units::ByteSize;

mod binomial;
pub mod judge;

/// The settings of `[service.NAME.rollout]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// How long a new revision is compared with the one before it. Zero compares nothing.
    pub watch: Duration,
    /// By how much it may be worse.
    pub margin: Margin,
    /// What keeps a client with one revision while two share the requests.
    pub sticky: Sticky,
    /// Whether a revision that asks for more than the one before waits for `hostel approve`.
    pub require_approval: bool,
    /// What is kept of old revisions.
    pub keep: Keep,
    /// When a revision that only fails is left alone for a while.
    pub breaker: BreakerLimits,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            // Long enough for a hundred requests of a service that is hardly used.
            watch: Duration::from_mins(1),
            margin: Margin::default(),
            sticky: Sticky::None,
            require_approval: false,
            keep: Keep::default(),
            breaker: BreakerLimits::default(),
        }
    }
}

/// By how much a new revision may be worse than the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margin {
    /// Failures more than the old one's, in hundredths of a percentage point: 200 are `"2%"`.
    pub failures: u32,
    /// How many times as long the slowest hundredth may take, in hundredths: 200 are `2.0`.
    pub p99: u32,
}

impl Default for Margin {
    fn default() -> Self {
        // Less than that is hard to tell from chance within a minute.
        Self { failures: 200, p99: 200 }
    }
}

/// What keeps a client with one revision while two share the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sticky {
    /// Nothing: each request is drawn anew.
    #[default]
    None,
    /// A cookie that the host sets.
    Cookie,
    /// The client's address.
    Address,
}

/// What is kept of old revisions; the live ones and the one before are always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// How many revisions of the service.
    pub revisions: NonZeroU32,
    /// Bytes of their components together.
    pub bytes: ByteSize,
}

impl Default for Keep {
    fn default() -> Self {
        // Ten steps back are more than anybody remembers.
        Self { revisions: NonZeroU32::MIN.saturating_add(9), bytes: ByteSize::GIB }
    }
}

/// When a revision that only fails is left alone, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimits {
    /// So many failures without one success between them.
    pub failures: NonZeroU32,
    /// The first and the last of them within this time.
    pub within: Duration,
    /// How long nothing is tried at first; doubled after each probe that fails.
    pub open_min: Duration,
    /// How long at most.
    pub open_max: Duration,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            failures: NonZeroU32::MIN.saturating_add(19),
            within: Duration::from_secs(10),
            open_min: Duration::from_secs(1),
            open_max: Duration::from_mins(1),
        }
    }
}

/// The share of a service's root requests that a candidate gets, in percent: 1 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u8);

impl Weight {
    /// `percent` of the requests, if that is neither none nor all of them.
    #[must_use]
    pub fn of(percent: u8) -> Option<Self> {
        (1..=99).contains(&percent).then_some(Self(percent))
    }

    /// The percentage.
    #[must_use]
    pub fn percent(self) -> u8 {
        self.0
    }

    /// Whether a request with this `lot`, which is spread evenly, goes to the candidate.
    #[must_use]
    pub fn takes(self, lot: u64) -> bool {
        lot % 100 < u64::from(self.0)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} %", self.0)
    }
}
