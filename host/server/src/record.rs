//! One request's or call's outcome; it logs and counts itself when the last of those who know about it lets go.
//!
//! Three parties know: the connection (bytes and times), the dispatcher (service,
//! status, failure) and the guest (what it used). Whoever is last triggers the
//! line, so that it is complete and written exactly once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hostel_model::digest::RevisionNumber;
use hostel_model::failure::Failure;
use hostel_model::name::ServiceName;
use hostel_model::platform::{Clock, Monotonic};
use hostel_sandbox::{GuestFailure, Report};

use crate::access_log::{AccessLog, Line};
use crate::ingress::framing::MessageBytes;
use crate::live::breaker::Pass;
use crate::live::tally::Tally;
use crate::metrics::ServiceMetrics;

/// Bytes and times of one exchange on a connection, filled in as they pass.
#[derive(Debug, Default)]
pub struct Exchange(Mutex<ExchangeState>);

/// What has passed so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExchangeState {
    /// The request.
    pub received: MessageBytes,
    /// The response.
    pub sent: MessageBytes,
    /// When the first byte of the request came.
    pub first_byte: Monotonic,
    /// When the last byte of the response went.
    pub last_byte: Monotonic,
    /// The status of the response as it was sent, from its first line.
    pub status: u16,
    /// Whether all of the response went out, as far as its framing tells.
    pub complete: bool,
}

impl Exchange {
    /// What has passed so far.
    #[must_use]
    pub fn state(&self) -> ExchangeState {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what has passed.
    pub fn update<T>(&self, change: impl FnOnce(&mut ExchangeState) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the dispatcher finds out on the way.
#[derive(Default)]
struct Found {
    service: Option<ServiceName>,
    revision: Option<RevisionNumber>,
    /// When the head of the answer was there.
    answered: Option<Monotonic>,
    /// Where it ran.
    ran: Option<Ran>,
    route: Option<Arc<str>>,
    status: Option<u16>,
    failure: Option<GuestFailure>,
    cpu: Duration,
    memory_peak: u64,
    killed_after_response: bool,
}

/// The revision that a request ran in, which hears what became of it.
struct Ran {
    tally: Arc<Tally>,
    pass: Pass,
    began: Monotonic,
    /// Whether it was counted when its answer began, and then as failed.
    counted: Option<bool>,
}

impl Found {
    /// The answer begins. That is counted now: it may take hours to end.
    fn tell_of_answer(&mut self, status: http::StatusCode, now: Monotonic) {
        let untold = self.ran.as_mut().filter(|ran| ran.counted.is_none() && self.failure.is_none());
        if let Some(ran) = untold {
            // With no failure of the host's making the status is the guest's.
            let failed = status.is_server_error();
            ran.counted = Some(failed);
            ran.tally.add(failed, now.since(ran.began));
            ran.pass.answers();
        }
    }

    /// What became of it counts for or against the revision it ran in. That a client
    /// left says nothing but how long it had waited.
    fn tell_revision(&mut self, now: Monotonic) {
        let Some(Ran { tally, pass, began, counted }) = self.ran.take() else {
            return;
        };
        let failure = self.failure.as_ref().map(|failure| failure.cause.unwrap_or(failure.failure));
        if failure == Some(Failure::ClientGone) {
            if counted.is_none() {
                tally.left_waiting(now.since(began));
            }
            return;
        }
        let by_host = failure.is_some_and(Failure::counts_against_revision);
        match counted {
            None => tally.add(by_host, self.answered.unwrap_or(now).since(began)),
            Some(false) if by_host => tally.failed_later(),
            Some(_) => {}
        }
        pass.settle(by_host, now);
    }
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, and 1.0.
    Http1,
    /// HTTP/2.
    Http2,
}

/// Where a request or call came from.
#[derive(Debug)]
pub enum Origin {
    /// A connection of this peer.
    Outside {
        /// The peer's address.
        peer: SocketAddr,
        /// What it spoke.
        protocol: Protocol,
        /// Its bytes.
        exchange: Arc<Exchange>,
    },
    /// A service.
    Call {
        /// Its name.
        caller: ServiceName,
        /// Bytes of the bodies, which are all there is.
        bodies: Arc<CallBytes>,
    },
}

/// Bytes of the bodies of a call.
#[derive(Debug, Default)]
pub struct CallBytes {
    /// To the callee.
    pub received: AtomicU64,
    /// From the callee.
    pub sent: AtomicU64,
    /// Whether more was sent to the callee than it takes.
    pub too_large: AtomicBool,
}

/// The record of one request or call.
pub struct RequestRecord {
    id: Arc<str>,
    method: String,
    path: String,
    origin: Origin,
    began: Monotonic,
    wall: SystemTime,
    clock: Arc<dyn Clock>,
    log: AccessLog,
    unrouted: ServiceMetrics,
    metrics: Mutex<Option<ServiceMetrics>>,
    found: Mutex<Found>,
}

/// What everything that makes records needs.
#[derive(Clone)]
pub struct Recorder {
    /// Tells when.
    pub clock: Arc<dyn Clock>,
    /// Where lines go.
    pub log: AccessLog,
    /// Counters for requests that reached no service.
    pub unrouted: ServiceMetrics,
}

impl Recorder {
    /// The record of something that begins now.
    #[must_use]
    pub fn begin(&self, id: Arc<str>, method: &str, path: &str, origin: Origin) -> Arc<RequestRecord> {
        Arc::new(RequestRecord {
            id,
            method: method.to_owned(),
            path: path.to_owned(),
            origin,
            began: self.clock.now(),
            wall: self.clock.wall(),
            clock: Arc::clone(&self.clock),
            log: self.log.clone(),
            unrouted: self.unrouted.clone(),
            metrics: Mutex::new(None),
            found: Mutex::new(Found::default()),
        })
    }
}

impl RequestRecord {
    /// The request id it is kept under.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// It goes to this service.
    pub fn found_service(&self, name: &ServiceName, metrics: &ServiceMetrics) {
        self.found().service = Some(name.clone());
        *self.metrics.lock().unwrap_or_else(PoisonError::into_inner) = Some(metrics.clone());
    }

    /// It runs in this revision, which learns what becomes of it.
    pub fn runs_in(&self, revision: RevisionNumber, tally: &Arc<Tally>, pass: Pass) {
        let now = self.clock.now();
        let mut found = self.found();
        found.revision = Some(revision);
        found.ran = Some(Ran { tally: Arc::clone(tally), pass, began: now, counted: None });
    }

    /// By this route.
    pub fn found_route(&self, route: &Arc<str>) {
        self.found().route = Some(Arc::clone(route));
    }

    /// It is answered with this status.
    pub fn answered(&self, status: http::StatusCode) {
        let now = self.clock.now();
        let mut found = self.found();
        found.status = Some(status.as_u16());
        found.answered.get_or_insert(now);
        found.tell_of_answer(status, now);
    }

    /// It failed.
    pub fn failed(&self, failure: GuestFailure) {
        let mut found = self.found();
        // The first failure is the cause of those that follow.
        if found.failure.is_none() {
            found.failure = Some(failure);
        }
    }

    /// What its guest's failure is called in view of the whole call tree; the
    /// guest's own is kept as the cause.
    pub fn named_by_root(&self, failure: Failure) {
        if let Some(found) = self.found().failure.as_mut().filter(|found| found.failure != failure) {
            found.cause = Some(found.failure);
            found.failure = failure;
        }
    }

    /// Its guest has ended.
    pub fn reported(&self, report: Report) {
        let mut found = self.found();
        found.cpu = report.cpu;
        found.memory_peak = report.memory_peak;
        found.killed_after_response = report.killed_after_response;
        if found.failure.is_none() {
            found.failure = report.failure;
        }
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, failure: Option<Failure>) {
        let metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = metrics.as_ref().unwrap_or(&self.unrouted);
        match self.origin {
            Origin::Outside { .. } => metrics.requests.inc(),
            Origin::Call { .. } => metrics.calls.inc(),
        };
        if let Some(failure) = failure {
            metrics.count(failure);
        }
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        let now = self.clock.now();
        let mut found = std::mem::take(&mut *self.found());
        let exchange = match &self.origin {
            Origin::Outside { exchange, .. } => Some(exchange.state()),
            Origin::Call { .. } => None,
        };
        // A head that never went out means that nobody was there to take it.
        let cut_off = exchange.is_some_and(|exchange| !exchange.complete);
        if found.failure.is_none() && (found.status.is_none() || cut_off) {
            found.failure = Some(GuestFailure::new(Failure::ClientGone, "the client left before it had the response"));
        }
        let failure = found.failure.as_ref().map(|failure| failure.failure);
        self.count(failure);
        if let Some(failure) = &found.failure {
            self.explain(failure, found.service.as_ref());
        }
        found.tell_revision(now);
        let status = match failure {
            Some(Failure::ClientGone) => Some(499),
            _ => found.status,
        };
        self.log.write(&Line {
            wall: self.wall,
            id: &self.id,
            origin: &self.origin,
            service: found.service.as_ref(),
            revision: found.revision,
            route: found.route.as_deref(),
            method: &self.method,
            path: &self.path,
            status,
            failure: found.failure.as_ref(),
            duration: exchange.map_or_else(
                || now.since(self.began),
                |exchange| exchange.last_byte.max(self.began).since(exchange.first_byte),
            ),
            cpu: found.cpu,
            memory_peak: found.memory_peak,
            killed_after_response: found.killed_after_response,
            exchange,
        });
    }
}

impl RequestRecord {
    /// The one line for people about what went wrong, with its whole cause.
    fn explain(&self, failure: &GuestFailure, service: Option<&ServiceName>) {
        let service = service.map_or("", ServiceName::as_str);
        let (request, outcome) = (&*self.id, failure.failure.slug());
        let cause = failure.cause.map_or("", Failure::slug);
        // Debug quotes: the detail may hold a guest's words.
        let detail = failure.detail.as_str();
        if failure.failure == Failure::Internal || failure.cause == Some(Failure::Internal) {
            tracing::error!(service, request, outcome, cause, ?detail, "request failed");
        } else if failure.failure.breaks_service() || failure.cause.is_some_and(Failure::breaks_service) {
            tracing::warn!(service, request, outcome, cause, ?detail, "request failed");
        } else {
            tracing::debug!(service, request, outcome, cause, ?detail, "request failed");
        }
    }
}

impl CallBytes {
    pub(crate) fn add(counter: &AtomicU64, bytes: usize) {
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
