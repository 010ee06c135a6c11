//! Room for components that nobody has deployed yet: how much of the disk they may take, and that it is tidied.
//!
//! The deployer tidies after each change. A pipeline whose deployments all fail
//! makes none, and so does whoever only uploads.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hostel_model::failure::Failure;
use hostel_model::platform::Monotonic;
use hostel_model::units::ByteSize;

use crate::admin::context::Context;
use crate::admin::problem::Problem;
use crate::deploy::Store;

/// What components that nobody has deployed may take of the disk together: sixteen of the largest. Whoever
/// uploads and never deploys must not fill the disk that guests write to.
pub(in crate::admin) const UNDEPLOYED_MAX: ByteSize = ByteSize::GIB;
/// Between two sweeps that uploads ask for: each reads the journal of every service.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// What is on its way, and when it was tidied last.
#[derive(Default)]
pub(in crate::admin) struct Room {
    /// Bytes of components that are on their way. Held while a thread looks at the disk.
    coming: Mutex<u64>,
    swept: Mutex<Option<Monotonic>>,
}

/// Room for one component on its way; given back when dropped, when it lies there to be counted.
pub(super) struct Claim {
    room: Arc<Room>,
    bytes: u64,
}

/// Room for a component of `bytes`, once what is too old to be deployed is on its way out.
///
/// # Errors
/// Those that nobody deployed take all the room there is for them.
pub(super) async fn claim(context: &Context, bytes: u64) -> Result<Claim, Problem> {
    let (room, store) = (Arc::clone(&context.room), Arc::clone(context.deployer()?.store()));
    let clock = &context.platform.clock;
    if room.is_to_be_swept(clock.now()) {
        context.platform.spawn.task(Box::pin(sweep(context.clone())));
    }
    let now = clock.wall();
    context.apart("hostel-room", move || room.claim(&store, bytes, now)).await?
}

/// Takes away what nobody has deployed for too long. Not while something is being deployed: it might be
/// just that.
async fn sweep(context: Context) {
    let Ok(deployer) = context.deployer() else {
        return;
    };
    // Fails if the deployer has more than enough to do, or the host ends. A later upload tries again.
    let Ok(hold) = deployer.hold().await else {
        return;
    };
    let (store, now) = (Arc::clone(deployer.store()), context.platform.clock.wall());
    let swept = context.apart("hostel-sweep", move || {
        let _nothing_is_deployed = hold;
        if let Err(error) = store.sweep(now) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "unused components could not be collected");
        }
    });
    // That there is no thread is in the log.
    let _ = swept.await;
}

impl Room {
    /// Whether it is time for a sweep; then it is taken to be under way.
    fn is_to_be_swept(&self, now: Monotonic) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let due = swept.is_none_or(|swept| now >= swept.after(SWEEP_EVERY));
        if due {
            *swept = Some(now);
        }
        due
    }

    fn claim(self: Arc<Self>, store: &Store, bytes: u64, now: SystemTime) -> Result<Claim, Problem> {
        // Held until it is decided: of two that fit only singly, one is let in.
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        let there = store.undeployed_bytes(now).map_err(|error| Problem::storage(&error))?;
        let with_it = coming.saturating_add(bytes);
        if there.saturating_add(with_it) > UNDEPLOYED_MAX.0 {
            return Err(full());
        }
        *coming = with_it;
        drop(coming);
        Ok(Claim { room: self, bytes })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut coming = self.room.coming.lock().unwrap_or_else(PoisonError::into_inner);
        *coming = coming.saturating_sub(self.bytes);
    }
}

fn full() -> Problem {
    let detail = format!(
        "Components that were uploaded and not deployed may take {UNDEPLOYED_MAX} together, and there is no room for \
         this one; deploy them, or try again later: each is taken away an hour after it came."
    );
    Problem::of(Failure::StorageFull, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_ask_for_a_sweep_once_a_minute() {
        let room = Room::default();
        let at = |seconds| Monotonic(Duration::from_secs(seconds));
        let asked: Vec<bool> = [5, 6, 64, 65, 65, 130].map(|seconds| room.is_to_be_swept(at(seconds))).into();
        assert_eq!(asked, [true, false, false, true, false, true]);
    }
}
