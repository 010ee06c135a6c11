//! The one way in which a test waits: for something to be so, never for time.

use std::time::{Duration, Instant};

/// Far beyond what anything takes on a busy machine; reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(3);

/// Returns once `condition` holds.
///
/// # Panics
/// With `what` if it does not become so.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "the one place: between two looks")]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "not so after {PATIENCE:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}
