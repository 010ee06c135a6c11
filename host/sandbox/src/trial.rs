//! A service started once before anybody depends on it, exactly as a request would start it.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hostel_model::failure::Failure;

use crate::call::{CallContext, CallTree, Deadline, NoCalls};
use crate::error::GuestFailure;
use crate::running::Running;
use crate::service::CompiledService;

/// What stands for the id of a request in the log of a service that is only tried.
const TRIAL: &str = "trial";

/// Instantiates `service` and drops the instance; see [`CompiledService::trial`].
pub(crate) async fn trial(service: Arc<CompiledService>) -> Result<(), GuestFailure> {
    let tenant = service.parts.tenant.clone();
    let _slot = match &tenant {
        Some(tenant) => Some(tenant.compiling.take().await),
        None => None,
    };
    // Held until the store is gone. The semaphore is never closed.
    let _turn = Arc::clone(&service.parts.trials).acquire_owned().await;
    let mut running = Running::starting(&service, context(&service));
    std::future::poll_fn(move |task| {
        if running.poll_guest(task) {
            return Poll::Ready(running.end_failure().map_or(Ok(()), Err));
        }
        if running.poll_expired(task, None).is_ready() {
            let failure = GuestFailure::new(Failure::Deadline, "it did not start before the deadline");
            return Poll::Ready(Err(failure));
        }
        Poll::Pending
    })
    .await
}

/// A tree of its own: it calls nobody and no client keeps it waiting.
fn context(service: &CompiledService) -> CallContext {
    let clock = Arc::clone(&service.parts.platform.clock);
    let tree = Arc::new(CallTree::new(Arc::from(TRIAL), clock, Duration::ZERO));
    CallContext {
        deadline: Deadline::new(&tree, service.parts.limits.deadline, None),
        tree,
        calls: Arc::new(NoCalls),
        service: service.parts.name.clone(),
        caller: None,
        depth: 0,
    }
}

#[cfg(test)]
mod tests;
