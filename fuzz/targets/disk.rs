//! A folder in memory where the system has one, and the platform that storage asks for: syncs cost nothing so.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hostel_model::platform::{BoxTask, Clock, Monotonic, Platform, Random, Spawn};
use tempfile::TempDir;

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";

/// A folder that goes away in the end.
pub fn folder() -> TempDir {
    let made = if Path::new(MEMORY).is_dir() { tempfile::tempdir_in(MEMORY) } else { tempfile::tempdir() };
    made.expect("there must be room for a folder")
}

/// Threads are real, time stands still, chance is none.
pub fn platform() -> Platform {
    Platform { clock: Arc::new(Still), random: Arc::new(Still), spawn: Arc::new(Still) }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Monotonic {
        Monotonic::default()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep_until(&self, _at: Monotonic) -> BoxTask {
        Box::pin(std::future::pending())
    }

    fn pause_thread(&self, _time: Duration) {}
}

impl Random for Still {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

impl Spawn for Still {
    fn task(&self, _task: BoxTask) {
        unreachable!("storage starts no tasks");
    }

    fn thread(&self, name: &'static str, body: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
    }
}
