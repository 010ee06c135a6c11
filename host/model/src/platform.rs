//! The ports through which time, chance and concurrency reach every part of the host.
//!
//! Nothing below the package `hostel` asks the operating system for the time, for
//! randomness, for a thread or for a task. The composition root passes a
//! [`Platform`] down instead, so that a simulation can replace all of them at once
//! and replay a run from its seed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A future without a result that a task runs to its end.
pub type BoxTask = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync + 'static {
    /// Time since an arbitrary start; never goes back. All deadlines use it.
    fn now(&self) -> Monotonic;

    /// The time of day, for people and for certificates; may jump.
    fn wall(&self) -> SystemTime;

    /// A future that is ready once [`Clock::now`] has reached `at`.
    fn sleep_until(&self, at: Monotonic) -> BoxTask;

    /// Puts the calling thread to sleep for `time`. Only for threads of their
    /// own, never on the data plane.
    fn pause_thread(&self, time: Duration);

    /// Processor time the calling thread has used. A guest is charged by it.
    ///
    /// A simulation that does not measure may leave it at zero: then no guest
    /// ever reaches its processor limit.
    fn thread_cpu(&self) -> Duration {
        Duration::ZERO
    }
}

/// A source of unpredictable bytes.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes`; must be fit for keys and identifiers.
    fn fill(&self, bytes: &mut [u8]);
}

/// Starts concurrent work. Whoever implements it owns what it started.
pub trait Spawn: Send + Sync + 'static {
    /// Runs `task` concurrently on the data plane.
    fn task(&self, task: BoxTask);

    /// Runs `body` on an operating-system thread of its own called `name`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    fn thread(&self, name: &'static str, body: Box<dyn FnOnce() + Send>) -> std::io::Result<()>;
}

/// A point on the clock that never goes back, as time since its arbitrary start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    /// The point `by` later; the end of time if that cannot be told.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// How long from `earlier` to here; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Clock, randomness and task spawning, handed down from the composition root.
#[derive(Clone)]
pub struct Platform {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes identifiers and keys.
    pub random: Arc<dyn Random>,
    /// Starts tasks and threads.
    pub spawn: Arc<dyn Spawn>,
}

impl fmt::Debug for Platform {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Platform")
    }
}
