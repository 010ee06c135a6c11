//! Doubles for tests: a clock set by hand, threads, and a disk that fails, waits and loses power.

mod disk;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use hostel_model::platform::{BoxTask, Clock, Monotonic, Platform, Random, Spawn};

pub(crate) use self::disk::{Disk, Fault};

/// A clock that moves only when told to.
#[derive(Default)]
pub(crate) struct HandClock(Mutex<Duration>);

impl HandClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for HandClock {
    fn now(&self) -> Monotonic {
        Monotonic(*self.0.lock().unwrap())
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn pause_thread(&self, _time: Duration) {}

    fn sleep_until(&self, _at: Monotonic) -> BoxTask {
        Box::pin(std::future::pending())
    }
}

struct NoRandom;

impl Random for NoRandom {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

struct Threads;

impl Spawn for Threads {
    fn task(&self, _task: BoxTask) {
        panic!("storage starts no tasks");
    }

    #[expect(clippy::disallowed_methods, reason = "this is where tests get threads")]
    fn thread(&self, name: &'static str, body: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
    }
}

/// A platform with the given clock and real threads.
pub(crate) fn platform(clock: &Arc<HandClock>) -> Platform {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    Platform { clock, random: Arc::new(NoRandom), spawn: Arc::new(Threads) }
}
