//! Where names were when somebody last asked: addresses and nothing else, and few of them.
//!
//! The library's own memory keeps whole messages and counts them, not their bytes; who
//! has the zone of a name could fill the host with it. This one is of one service, so that
//! nobody learns from it, or loses by it, what others have asked for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostel_model::platform::Monotonic;
use tokio::sync::Semaphore;

/// Names that are remembered: with 64 addresses each, below 128 KiB.
pub(super) const NAMES: usize = 64;
/// No answer is believed for longer, whatever it says.
pub(super) const BELIEVED: Duration = Duration::from_hours(1);
/// Questions that one service has at once. One to a resolver that does not answer takes
/// four seconds, and others have questions too.
const QUESTIONS: usize = 4;

/// The addresses of a name, and how long they are good.
type Answer = (Arc<[IpAddr]>, Monotonic);

/// What one service knows, and how much it may ask.
pub(crate) struct Known {
    names: Mutex<HashMap<String, Answer>>,
    /// Its share of the questions of the host.
    pub(super) questions: Semaphore,
}

impl Default for Known {
    fn default() -> Self {
        Self { names: Mutex::default(), questions: Semaphore::new(QUESTIONS) }
    }
}

impl Known {
    /// The addresses of `name`, if they are known and still good.
    pub(super) fn recall(&self, name: &str, now: Monotonic) -> Option<Arc<[IpAddr]>> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(name).filter(|(_, good_until)| now < *good_until).map(|(addresses, _)| Arc::clone(addresses))
    }

    /// Keeps an answer that is good for `time`. What is good for the shortest time gives way.
    pub(super) fn keep(&self, name: &str, addresses: &Arc<[IpAddr]>, time: Duration, now: Monotonic) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, (_, good_until)| now < *good_until);
        if time.is_zero() {
            return;
        }
        if names.len() >= NAMES && !names.contains_key(name) {
            let soonest = names.iter().min_by_key(|(_, (_, good_until))| *good_until).map(|(name, _)| name.clone());
            soonest.and_then(|name| names.remove(&name));
        }
        names.insert(name.to_owned(), (Arc::clone(addresses), now.after(time.min(BELIEVED))));
    }
}
