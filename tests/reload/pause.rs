//! The one place where these programs let time pass.

use std::time::{Duration, Instant};

/// Beyond what anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// Does nothing for so long: a load has a duration.
#[expect(clippy::disallowed_methods, reason = "the one place: what is measured is what happens meanwhile")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Does nothing until then.
pub fn pause_until(then: Instant) {
    pause(then.saturating_duration_since(Instant::now()));
}

/// What `look` finds, as soon as it finds anything.
///
/// # Panics
/// With `what` if that takes too long.
#[track_caller]
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_within(PATIENCE, look).unwrap_or_else(|| panic!("not so after {PATIENCE:?}: {what}"))
}

/// What `look` finds within `patience`.
pub fn wait_within<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if began.elapsed() > patience {
            return None;
        }
        pause(LOOK);
    }
}
