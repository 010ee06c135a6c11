//! A clock that stands still until a test puts it forward, so that limits on time need no time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use hostel_model::platform::{BoxTask, Clock, Monotonic};
use tokio::sync::Notify;

#[derive(Clone, Default)]
pub(super) struct Hand(Arc<Inner>);

#[derive(Default)]
struct Inner {
    now: Mutex<Duration>,
    passed: Notify,
}

impl Hand {
    pub(super) fn pass(&self, time: Duration) {
        *self.0.now.lock().unwrap() += time;
        self.0.passed.notify_waiters();
    }
}

impl Clock for Hand {
    fn now(&self) -> Monotonic {
        Monotonic(*self.0.now.lock().unwrap())
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep_until(&self, at: Monotonic) -> BoxTask {
        let hand = self.clone();
        Box::pin(async move {
            loop {
                let mut passed = std::pin::pin!(hand.0.passed.notified());
                passed.as_mut().enable();
                if hand.now() >= at {
                    return;
                }
                passed.await;
            }
        })
    }

    fn pause_thread(&self, time: Duration) {
        self.pass(time);
    }
}
