//! Whether the host may be sent requests, check by check, and whether its data plane still moves.
//!
//! The host says how each check stands as it starts and stops; probes only read.
//! So a probe never waits for a guest, a disk or a lock that something slow holds.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostel_model::platform::{Clock, Monotonic};

/// Without a beat for so long the data plane does not move any more: a beat
/// comes every second, and the longest guest is interrupted long before.
pub const BEAT_MAX: Duration = Duration::from_secs(15);

/// How often the data plane is to beat.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);

/// One thing that must hold before requests may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The configuration was read and is valid.
    Configuration,
    /// The databases are open.
    Storage,
    /// Every component is compiled, and its routes are live.
    Services,
    /// Every listener is bound and accepts.
    Listeners,
    /// The host was not told to stop.
    NotDraining,
}

impl Check {
    /// All of them, in the order in which a host passes them.
    pub const ALL: [Self; 5] = [Self::Configuration, Self::Storage, Self::Services, Self::Listeners, Self::NotDraining];

    /// The word for it, in `/readyz/{name}` and `exclude`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Storage => "storage",
            Self::Services => "services",
            Self::Listeners => "listeners",
            Self::NotDraining => "not-draining",
        }
    }

    /// The check called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.name() == name)
    }
}

/// Why a check does not hold; `None` if it does.
type Reason = Option<Cow<'static, str>>;

/// Every check with its state, and the beat of the data plane.
pub struct Readiness {
    clock: Arc<dyn Clock>,
    /// In the order of [`Check::ALL`].
    reasons: Mutex<[Reason; Check::ALL.len()]>,
    /// The time of the last beat in milliseconds and one more; 0 before the first.
    last_beat: AtomicU64,
}

impl Readiness {
    /// A host that has just been started: not ready, and not told to stop.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let reasons = Check::ALL.map(|check| (check != Check::NotDraining).then_some("not yet".into()));
        Self { clock, reasons: Mutex::new(reasons), last_beat: AtomicU64::new(0) }
    }

    /// From now on `check` holds.
    pub fn holds(&self, check: Check) {
        self.put(check, None);
    }

    /// From now on `check` does not hold. `reason` is shown to whoever operates
    /// the host, as the rest of a sentence that begins with the check's name.
    pub fn fails(&self, check: Check, reason: impl Into<Cow<'static, str>>) {
        self.put(check, Some(reason.into()));
    }

    /// Every check, with the reason of each that does not hold.
    #[must_use]
    pub fn checks(&self) -> Vec<(Check, Option<String>)> {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        Check::ALL.into_iter().zip(reasons.iter().map(|reason| reason.as_deref().map(str::to_owned))).collect()
    }

    /// Whether every check holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner).iter().all(Option::is_none)
    }

    /// Says that the data plane moves: to be called by a task there every [`BEAT_EVERY`].
    pub fn beat(&self) {
        let now = u64::try_from(self.clock.now().0.as_millis()).unwrap_or(u64::MAX);
        self.last_beat.store(now.saturating_add(1), Ordering::Relaxed);
    }

    /// For how long the data plane has not moved, if that is longer than [`BEAT_MAX`].
    /// Before the first beat nobody knows, and a host that starts is alive.
    #[must_use]
    pub fn stalled(&self) -> Option<Duration> {
        let last = self.last_beat.load(Ordering::Relaxed).checked_sub(1)?;
        let silent = self.clock.now().since(Monotonic(Duration::from_millis(last)));
        (silent > BEAT_MAX).then_some(silent)
    }

    fn put(&self, check: Check, reason: Reason) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        for (one, place) in Check::ALL.into_iter().zip(reasons.iter_mut()) {
            if one == check {
                place.clone_from(&reason);
            }
        }
    }
}
