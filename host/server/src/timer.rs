//! A timer that is set anew more often than it rings.
//!
//! Every request moves the deadlines of its connection. A timer of the runtime is
//! only made where the one that is there would ring too late; one that rings too
//! early is looked at and made again.

use std::sync::Arc;
use std::task::{Context, Poll};

use hostel_model::platform::{BoxTask, Clock, Monotonic};

/// One deadline that moves.
pub struct Timer {
    clock: Arc<dyn Clock>,
    armed: Option<(Monotonic, BoxTask)>,
}

impl Timer {
    /// Not set.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, armed: None }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Monotonic {
        self.clock.now()
    }

    /// Ready once `deadline` has passed; else the task is woken then, or before.
    pub fn poll(&mut self, deadline: Monotonic, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let (at, sleep) = match &mut self.armed {
                Some((at, sleep)) if *at <= deadline => (*at, sleep),
                armed => {
                    let (at, sleep) = armed.insert((deadline, self.clock.sleep_until(deadline)));
                    (*at, sleep)
                }
            };
            std::task::ready!(sleep.as_mut().poll(context));
            self.armed = None;
            if at >= deadline || self.clock.now() >= deadline {
                return Poll::Ready(());
            }
        }
    }
}
