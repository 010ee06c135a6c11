//! The real platform: the machine's clocks, its randomness, tokio's tasks. The only file that touches them.

#![expect(clippy::disallowed_methods, reason = "here the ports of `hostel_model::platform` meet the machine")]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hostel_model::platform::{BoxTask, Clock, Monotonic, Platform, Random, Spawn};
use rand::Rng as _;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;

/// A platform whose tasks run on the data plane behind `handle`.
#[must_use]
pub fn real_platform(handle: Handle) -> Platform {
    Platform {
        clock: Arc::new(RealClock { start: Instant::now() }),
        random: Arc::new(RealRandom),
        spawn: Arc::new(RealSpawn { handle }),
    }
}

struct RealClock {
    start: Instant,
}

impl Clock for RealClock {
    fn now(&self) -> Monotonic {
        Monotonic(self.start.elapsed())
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, at: Monotonic) -> BoxTask {
        match self.start.checked_add(at.0) {
            Some(at) => Box::pin(tokio::time::sleep_until(at.into())),
            // Past the end of time.
            None => Box::pin(std::future::pending()),
        }
    }

    fn pause_thread(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn thread_cpu(&self) -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
    }
}

struct RealRandom;

impl Random for RealRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // A cipher seeded by the system and kept per thread.
        rand::rng().fill_bytes(bytes);
    }
}

struct RealSpawn {
    handle: Handle,
}

impl Spawn for RealSpawn {
    fn task(&self, task: BoxTask) {
        self.handle.spawn(task);
    }

    fn thread(&self, name: &'static str, body: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
    }
}
