//! Everything a caller has that flows down the call tree, and the port through which a guest reaches anybody else.
//!
//! None of it travels in headers: a guest could forge those. The host keeps it
//! beside the request, and a callee inherits it from the instance that called.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hostel_model::failure::Failure;
use hostel_model::name::ServiceName;
use hostel_model::platform::{Clock, Monotonic};
use http_body_util::combinators::UnsyncBoxBody;

use crate::error::BodyError;
use crate::outside::{Forbidden, Outgoing, OutgoingError, OutgoingFuture};

/// A body on its way into a service: from a client, or from the service that calls.
pub type IncomingBody = UnsyncBoxBody<Bytes, BodyError>;

/// What a call answers with, or why it did not run.
pub type CallFuture = Pin<Box<dyn Future<Output = Result<http::Response<IncomingBody>, CallRefused>> + Send>>;

/// The upward port: performs calls, and requests to outside, on behalf of an instance.
pub trait ServiceCalls: Send + Sync + 'static {
    /// Calls `callee`; checks grant, depth, time and fan-out before anything runs.
    fn call(&self, call: Call) -> CallFuture;

    /// Asks a host outside; checks grant, time and fan-out before anything is sent.
    /// The connection is gone when the future, or what it gave, is dropped.
    fn outside(&self, outgoing: Outgoing) -> OutgoingFuture;
}

/// The port of an instance that serves nobody.
pub(crate) struct NoCalls;

impl ServiceCalls for NoCalls {
    fn call(&self, _call: Call) -> CallFuture {
        Box::pin(std::future::ready(Err(CallRefused::Denied)))
    }

    fn outside(&self, _outgoing: Outgoing) -> OutgoingFuture {
        let detail = "an instance that serves nobody reaches nobody".to_owned();
        Box::pin(std::future::ready(Err(OutgoingError::Denied { what: Forbidden::Host, detail })))
    }
}

/// One service calling another.
pub struct Call {
    /// The name before `.internal`, as the guest wrote it.
    pub callee: String,
    /// What to send; its path is passed unchanged.
    pub request: http::Request<IncomingBody>,
    /// Who calls, and what it has left.
    pub caller: CallContext,
}

/// Why a call was refused before the callee ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallRefused {
    /// Not granted, or too many calls below one root request.
    Denied,
    /// Granted, but there is no such service.
    NotFound,
    /// Deeper than allowed.
    Loop,
    /// No time left.
    TimedOut,
    /// No permit or no instance left for calls.
    Limit,
    /// It is there but takes nothing now: disabled, or its breaker is open.
    Unavailable,
}

/// Refusals below one root request that the log tells of.
const REFUSALS_TOLD: u32 = 8;

/// What all instances that serve one root request share.
pub struct CallTree {
    /// The id of the root request.
    pub request_id: Arc<str>,
    clock: Arc<dyn Clock>,
    /// The longest that one wait for the client may count.
    wait_limit: Duration,
    calls_made: AtomicU32,
    depth_refused: AtomicBool,
    fan_out_refused: AtomicBool,
    refusals_told: AtomicU32,
    violation: OnceLock<Failure>,
    client_left: AtomicBool,
    waits: Mutex<Waits>,
}

/// Time spent waiting for the client, which counts against no deadline.
#[derive(Default)]
struct Waits {
    total: Duration,
    open: u32,
    since: Monotonic,
}

impl CallTree {
    /// The tree of a root request that begins now. The client may keep it
    /// waiting for `wait_limit` at once; what is more counts against deadlines,
    /// so that a guest that asks for bytes and then sleeps cannot stop the clock.
    #[must_use]
    pub fn new(request_id: Arc<str>, clock: Arc<dyn Clock>, wait_limit: Duration) -> Self {
        Self {
            request_id,
            clock,
            wait_limit,
            calls_made: AtomicU32::new(0),
            depth_refused: AtomicBool::new(false),
            fan_out_refused: AtomicBool::new(false),
            refusals_told: AtomicU32::new(0),
            violation: OnceLock::new(),
            client_left: AtomicBool::new(false),
            waits: Mutex::new(Waits::default()),
        }
    }

    /// The clock that deadlines of this tree are measured on.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Counts one more call; false if that is more than `limit`.
    pub fn count_call(&self, limit: u32) -> bool {
        let fits = self.calls_made.fetch_add(1, Ordering::Relaxed) < limit;
        if !fits {
            self.fan_out_refused.store(true, Ordering::Relaxed);
        }
        fits
    }

    /// Remembers that a call was refused for its depth.
    pub fn refuse_depth(&self) {
        self.depth_refused.store(true, Ordering::Relaxed);
    }

    /// Whether one more refusal of the host below this root request goes into the log. A guest can be
    /// refused as often as it asks; the counters know how often, and the first few say why.
    pub fn tells_refusal(&self) -> bool {
        self.refusals_told.fetch_add(1, Ordering::Relaxed) < REFUSALS_TOLD
    }

    /// What a failure of the root is called, given what was refused below it.
    #[must_use]
    pub fn root_failure(&self, failure: Failure) -> Failure {
        if !failure.breaks_service() {
            failure
        } else if self.depth_refused.load(Ordering::Relaxed) {
            Failure::Loop
        } else if self.fan_out_refused.load(Ordering::Relaxed) {
            Failure::FanOut
        } else {
            failure
        }
    }

    /// The client broke a rule while its body was being read; the first counts.
    pub fn violate(&self, failure: Failure) {
        // Ignored if one was there before.
        let _ = self.violation.set(failure);
    }

    /// The rule the client broke, if any.
    #[must_use]
    pub fn violation(&self) -> Option<Failure> {
        self.violation.get().copied()
    }

    /// The client left before its body was complete.
    pub fn client_leaves(&self) {
        self.client_left.store(true, Ordering::Relaxed);
    }

    /// What the client did to break off an answer that was being made of its body,
    /// if it did anything.
    #[must_use]
    pub fn client_fault(&self) -> Option<Failure> {
        let left = self.client_left.load(Ordering::Relaxed).then_some(Failure::ClientGone);
        self.violation().or(left)
    }

    /// The host begins to wait for the client.
    pub fn wait_begins(&self) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if waits.open == 0 {
            waits.since = self.clock.now();
        }
        waits.open += 1;
    }

    /// The client did what was waited for.
    pub fn wait_ends(&self) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.open = waits.open.saturating_sub(1);
        if waits.open == 0 {
            let waited = self.clock.now().since(waits.since).min(self.wait_limit);
            waits.total = waits.total.saturating_add(waited);
        }
    }

    /// All time spent waiting for the client until `now`.
    #[must_use]
    pub fn waited(&self, now: Monotonic) -> Duration {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if waits.open == 0 {
            waits.total
        } else {
            waits.total.saturating_add(now.since(waits.since).min(self.wait_limit))
        }
    }
}

/// When a request or call must be over, not counting waits for the client.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// The point if the client never keeps the host waiting again.
    expires: Monotonic,
    /// What had been waited when `expires` was computed.
    waited: Duration,
}

impl Deadline {
    /// `limit` from now on the tree's clock, but not after `parent`.
    #[must_use]
    pub fn new(tree: &CallTree, limit: Duration, parent: Option<&Self>) -> Self {
        let now = tree.clock.now();
        let own = now.after(limit);
        let expires = parent.map_or(own, |parent| own.min(parent.expires_at(tree, now)));
        Self { expires, waited: tree.waited(now) }
    }

    /// The point in time as things stand at `now`.
    #[must_use]
    pub fn expires_at(&self, tree: &CallTree, now: Monotonic) -> Monotonic {
        self.expires.after(tree.waited(now).saturating_sub(self.waited))
    }

    /// What is left; zero when it has passed.
    #[must_use]
    pub fn remaining(&self, tree: &CallTree) -> Duration {
        let now = tree.clock.now();
        self.expires_at(tree, now).since(now)
    }
}

/// Who an instance serves and what it has left. Cheap to clone.
#[derive(Clone)]
pub struct CallContext {
    /// Shared by all instances below one root request.
    pub tree: Arc<CallTree>,
    /// Performs calls on the snapshot the root request began with.
    pub calls: Arc<dyn ServiceCalls>,
    /// The service that runs.
    pub service: ServiceName,
    /// The service that called it, if it was not a request from outside.
    pub caller: Option<ServiceName>,
    /// Calls between the root request and this instance; zero for the root.
    pub depth: u32,
    /// When this must be over.
    pub deadline: Deadline,
}

impl CallContext {
    /// Whether this serves a request from outside.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.depth == 0
    }
}

#[cfg(test)]
#[path = "call/tests.rs"]
mod tests;
