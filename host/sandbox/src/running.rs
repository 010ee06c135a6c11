//! A guest at work, with its accounts and its deadline, whoever polls it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hostel_model::failure::Failure;
use hostel_model::platform::{BoxTask, Clock, Monotonic};
use tokio::sync::oneshot;
use wasmtime_wasi_http::WasiBody;

use crate::call::{CallContext, IncomingBody};
use crate::classify::classify;
use crate::cpu_share::CpuTurn;
use crate::error::GuestFailure;
use crate::guest::{Assignment, GuestEnd, GuestFuture, ResponseSlot, run, try_start};
use crate::ledger::Ledger;
use crate::service::CompiledService;

/// What a request or call used, told once when its guest has ended.
#[derive(Debug, Clone)]
pub struct Report {
    /// Processor time, instantiation and work after the response included.
    pub cpu: Duration,
    /// The most linear memory it held, in bytes.
    pub memory_peak: u64,
    /// How it failed, if it did.
    pub failure: Option<GuestFailure>,
    /// Whether it was killed while working on after its response had ended.
    pub killed_after_response: bool,
}

/// Receives the report; what it captured (permits) is released with it.
pub type OnEnd = Box<dyn FnOnce(Report) + Send>;

/// A guest and everything needed to poll it.
pub(crate) struct Running {
    guest: Option<GuestFuture>,
    ended: Option<GuestEnd>,
    panicked: bool,
    slot: ResponseSlot,
    body_done: Option<oneshot::Sender<()>>,
    timer: Timer,
    /// Of a service whose tenant has a share of the processor.
    turn: Option<CpuTurn>,
    on_end: Option<OnEnd>,
    pub(crate) failure: Option<GuestFailure>,
    pub(crate) killed_after_response: bool,
    pub(crate) service: Arc<CompiledService>,
    pub(crate) context: CallContext,
    pub(crate) ledger: Arc<Ledger>,
}

impl Running {
    pub(crate) fn new(
        service: &Arc<CompiledService>,
        request: http::Request<IncomingBody>,
        context: CallContext,
        on_end: OnEnd,
    ) -> Self {
        let ledger = accounts(service);
        let slot = ResponseSlot::default();
        let (done, body_done) = oneshot::channel();
        let guest = run(Assignment {
            service: Arc::clone(service),
            request,
            context: context.clone(),
            ledger: Arc::clone(&ledger),
            slot: Arc::clone(&slot),
            body_done,
        });
        let mut this = Self::of(service, context, ledger, guest);
        this.slot = slot;
        this.body_done = Some(done);
        this.on_end = Some(on_end);
        this
    }

    /// A guest that is started and serves nothing.
    pub(crate) fn starting(service: &Arc<CompiledService>, context: CallContext) -> Self {
        let ledger = accounts(service);
        let guest = try_start(Arc::clone(service), context.clone(), Arc::clone(&ledger));
        Self::of(service, context, ledger, guest)
    }

    fn of(service: &Arc<CompiledService>, context: CallContext, ledger: Arc<Ledger>, guest: GuestFuture) -> Self {
        Self {
            guest: Some(guest),
            ended: None,
            panicked: false,
            slot: ResponseSlot::default(),
            body_done: None,
            timer: Timer::new(Arc::clone(&service.parts.platform.clock)),
            turn: service.parts.tenant.as_ref().map(CpuTurn::new),
            on_end: None,
            failure: None,
            killed_after_response: false,
            service: Arc::clone(service),
            context,
            ledger,
        }
    }

    /// Lets the guest work until it waits; true once it has ended.
    pub(crate) fn poll_guest(&mut self, context: &mut Context<'_>) -> bool {
        let Some(guest) = self.guest.as_mut() else {
            return true;
        };
        // Not polled, it is woken all the same once it may work, and finds what came meanwhile.
        if self.turn.as_mut().is_some_and(|turn| turn.poll(context).is_pending()) {
            return false;
        }
        let polled = self.ledger.charge(|| catch_unwind(AssertUnwindSafe(|| guest.as_mut().poll(context))));
        match polled {
            Ok(Poll::Pending) => false,
            Ok(Poll::Ready(end)) => {
                self.guest = None;
                self.ended = Some(end);
                true
            }
            Err(_panic) => {
                self.panic_was_caught();
                true
            }
        }
    }

    /// The message went through the panic hook already; here it is counted.
    fn panic_was_caught(&mut self) {
        self.service.parts.counters.panics.fetch_add(1, Ordering::Relaxed);
        self.panicked = true;
        self.ledger.breaks_off();
        let guest = self.guest.take();
        if catch_unwind(AssertUnwindSafe(|| drop(guest))).is_err() {
            self.service.parts.counters.panics.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.guest.is_none()
    }

    /// The head of the response, once, if the guest has given it.
    pub(crate) fn take_response(&self) -> Option<Result<http::Response<WasiBody>, String>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the host panicked while it polled the guest.
    pub(crate) fn panicked(&self) -> bool {
        self.panicked
    }

    /// Why the guest failed, if it has ended and did.
    pub(crate) fn end_failure(&self) -> Option<GuestFailure> {
        if self.panicked {
            return Some(GuestFailure::new(Failure::Internal, "the host panicked while serving this request"));
        }
        match &self.ended {
            Some(GuestEnd { result: Err(error), .. }) => Some(classify(error, &self.ledger)),
            Some(GuestEnd { result: Ok(()), .. }) | None => None,
        }
    }

    /// Ready once the deadline, or `earlier` if that comes first, has passed;
    /// tells which: true for the deadline.
    pub(crate) fn poll_expired(&mut self, context: &mut Context<'_>, earlier: Option<Monotonic>) -> Poll<bool> {
        loop {
            let now = self.service.parts.platform.clock.now();
            let deadline = self.context.deadline.expires_at(&self.context.tree, now);
            if deadline <= now {
                return Poll::Ready(true);
            }
            if earlier.is_some_and(|earlier| earlier <= now) {
                return Poll::Ready(false);
            }
            let next = earlier.map_or(deadline, |earlier| earlier.min(deadline));
            if self.timer.poll(context, next).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Ready once `at` has passed.
    pub(crate) fn poll_timer(&mut self, context: &mut Context<'_>, at: Monotonic) -> Poll<()> {
        self.timer.poll(context, at)
    }

    /// The response's body is out: a guest of WASI 0.3 may end now.
    pub(crate) fn body_is_done(&mut self) {
        self.body_done = None;
    }

    /// The guest ended well and its body too: it may serve again.
    pub(crate) fn keep_instance(&mut self) {
        let instance = self.ended.take().and_then(|end| end.instance);
        if let (Some(idle), Some(mut instance)) = (&self.service.idle, instance) {
            instance.retire();
            idle.put(instance, self.service.parts.platform.clock.now());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() || self.end_failure().is_some() {
            self.ledger.breaks_off();
        }
        // First the store, so that its slot is free when its permit is.
        let (guest, ended) = (self.guest.take(), self.ended.take());
        if catch_unwind(AssertUnwindSafe(move || drop((guest, ended)))).is_err() {
            self.service.parts.counters.panics.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(on_end) = self.on_end.take() {
            on_end(Report {
                cpu: self.ledger.cpu_used(),
                memory_peak: self.ledger.memory_peak(),
                failure: self.failure.take(),
                killed_after_response: self.killed_after_response,
            });
        }
    }
}

/// Accounts of one guest, by the limits of its service.
fn accounts(service: &CompiledService) -> Arc<Ledger> {
    let parts = &service.parts;
    Arc::new(Ledger::new(Arc::clone(&parts.platform.clock), parts.limits.cpu, parts.tenant.clone()))
}

/// A sleep that is made when somebody first waits, and again when the time it
/// waits for changes.
pub(crate) struct Timer {
    clock: Arc<dyn Clock>,
    armed: Option<(Monotonic, BoxTask)>,
}

impl Timer {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, armed: None }
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>, at: Monotonic) -> Poll<()> {
        if self.armed.as_ref().is_none_or(|(armed, _)| *armed != at) {
            self.armed = Some((at, self.clock.sleep_until(at)));
        }
        let Some((_, sleep)) = self.armed.as_mut() else {
            return Poll::Pending;
        };
        std::task::ready!(sleep.as_mut().poll(context));
        self.armed = None;
        Poll::Ready(())
    }
}
