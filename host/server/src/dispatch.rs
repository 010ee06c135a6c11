//! The one path of every request and every call: service, permits, budget, instance, record.
//!
//! [`Dispatcher::request`] is for what comes from a listener; `dispatch/call.rs`
//! is for what a guest asks of another service. Both end in `Dispatcher::run`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hostel_model::failure::Failure;
use hostel_model::limits::fixed;
use hostel_model::platform::Platform;
use hostel_model::route::Found;
use hostel_sandbox::{CallContext, CallTree, Deadline, GuestFailure, IncomingBody, ResponseBody, invoke};
use http::header::{ALLOW, CONTENT_LENGTH, HOST, LOCATION, SET_COOKIE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::answer::AnswerBody;
use crate::dispatch::admission::{Group, Permit, Permits, Queue};
use crate::dispatch::call::RootCalls;
use crate::edge::aim::{Aim, Target};
use crate::edge::forwarded::Client;
use crate::edge::headers::clean;
use crate::edge::{Fault, METHODS, Peer};
use crate::egress::Egress;
use crate::ingress::request_body::RequestBody;
use crate::live::lot::Lots;
use crate::live::{Closed, LiveRevision, LiveService, LiveTable};
use crate::pace::PaceLimits;
use crate::record::{Exchange, Recorder, RequestRecord};
use crate::respond::{REQUEST_ID, Refusal, refuse};

pub mod admission;
pub mod call;
mod call_body;
mod outside;

/// Turns requests and calls into responses.
pub struct Dispatcher {
    /// What is live.
    pub live: Arc<LiveTable>,
    /// Makes records.
    pub recorder: Recorder,
    /// Clock, chance and tasks.
    pub platform: Platform,
    /// Instances of the whole host at once.
    pub instances: Permits,
    /// Requests that wait for one. As many as the services together let in.
    pub instance_queue: Queue,
    /// The way to hosts outside.
    pub egress: Arc<Egress>,
}

/// A request as a listener hands it over.
pub struct Arrival<'a> {
    /// The request, its body not yet read.
    pub request: Request<Incoming>,
    /// What it is aimed at, or why it must be refused.
    pub aimed: Result<Aim, Fault>,
    /// Who sent it.
    pub peer: &'a Peer,
    /// How slowly its body may come.
    pub body_pace: PaceLimits,
    /// How long its client may keep the host waiting at once, either way.
    pub client_patience: Duration,
    /// Where bytes of its body are counted, if not on the wire.
    pub counted: Option<Arc<Exchange>>,
    /// Its record.
    pub record: Arc<RequestRecord>,
}

/// A request or call on its way into an instance.
pub(crate) struct Run {
    pub(crate) service: Arc<LiveService>,
    pub(crate) revision: Arc<LiveRevision>,
    pub(crate) request: Request<IncomingBody>,
    pub(crate) context: CallContext,
    pub(crate) permits: Held,
    pub(crate) record: Arc<RequestRecord>,
}

/// What a request or call holds while it runs.
pub(crate) struct Held {
    pub(crate) _of_service: Permit,
    /// Where the service has one.
    pub(crate) _of_tenant: Option<Permit>,
    pub(crate) _of_host: Permit,
}

/// Why a request was refused before an instance saw it.
struct Refused {
    failure: Failure,
    why: &'static str,
    allow: Option<String>,
    service: Option<Arc<LiveService>>,
    /// How long the client is to wait, where that is known.
    wait: Option<Duration>,
}

impl Refused {
    fn new(failure: Failure, why: &'static str) -> Self {
        Self { failure, why, allow: None, service: None, wait: None }
    }

    fn by(self, service: &Arc<LiveService>) -> Self {
        Self { service: Some(Arc::clone(service)), ..self }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { allow: fault.allow.map(str::to_owned), ..Self::new(fault.failure, fault.why) }
    }
}

impl From<Closed> for Refused {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::NotReady => Self::new(Failure::NotReady, "the service is disabled, or waits for approval"),
            Closed::Breaker(wait) => {
                Self { wait: Some(wait), ..Self::new(Failure::BreakerOpen, "the revision does nothing but fail") }
            }
        }
    }
}

/// What a request is admitted to.
enum Admitted {
    /// An instance of its own; a cookie may keep its client with what was drawn for it.
    Run(Run, Option<Cookies>),
    /// No service is needed for it.
    Answer(Response<AnswerBody>),
}

/// What tells at the head of the answer whether its client needs a cookie: calls below it may have asked for one.
struct Cookies {
    lots: Arc<Lots>,
    secure: bool,
}

impl Dispatcher {
    /// Answers a request from outside. Never fails: a failure is an answer.
    pub async fn request(self: &Arc<Self>, arrival: Arrival<'_>) -> Response<AnswerBody> {
        let record = Arc::clone(&arrival.record);
        let clock = Arc::clone(&self.platform.clock);
        let tree = Arc::new(CallTree::new(Arc::clone(record.id()), clock, arrival.client_patience));
        let response = match self.admit(arrival, &tree).await {
            Err(refused) => self.refused(refused, &record),
            Ok(Admitted::Answer(response)) => response,
            Ok(Admitted::Run(run, cookies)) => {
                let service = Arc::clone(&run.service);
                match Self::run(run).await {
                    Ok(response) => {
                        let cookie = cookies.and_then(|Cookies { lots, secure }| lots.cookie_to_set(secure));
                        with_cookie(response.map(AnswerBody::Guest), cookie)
                    }
                    Err(failure) => {
                        let failure = tree.root_failure(failure.failure);
                        record.named_by_root(failure);
                        let refused = Refused::new(failure, "").by(&service);
                        self.refused(refused, &record)
                    }
                }
            }
        };
        record.answered(response.status());
        with_request_id(response, record.id())
    }

    /// Everything between the head of a request and an instance for it.
    async fn admit(self: &Arc<Self>, arrival: Arrival<'_>, tree: &Arc<CallTree>) -> Result<Admitted, Refused> {
        let Arrival { mut request, aimed, peer, body_pace, counted, record, client_patience: _ } = arrival;
        let target = match aimed? {
            Aim::Service(target) => target,
            Aim::Host => return Ok(Admitted::Answer(allowed())),
            Aim::Elsewhere(location) => return Ok(Admitted::Answer(elsewhere(location))),
        };
        let client = Client::of(request.headers(), peer);
        let version = request.version();
        clean(request.headers_mut(), version, peer)?;
        let snapshot = self.live.load();
        let (method, path) = (request.method().as_str(), target.path_and_query.path());
        let service = {
            let table = snapshot
                .routes
                .get(peer.listener.place)
                .ok_or(Refused::new(Failure::NotReady, "nothing is deployed yet"))?;
            match table.find(target.authority.host(), method, path) {
                Found::Route(route) => {
                    record.found_route(&route.text);
                    Arc::clone(&route.target)
                }
                Found::MethodNotAllowed { allow } => {
                    let refused = Refused::new(Failure::MethodNotAllowed, "no route for this method");
                    return Err(Refused { allow: Some(allow.to_owned()), ..refused });
                }
                Found::NoRoute => return Err(Refused::new(Failure::NoRoute, "no route for this path")),
            }
        };
        record.found_service(&service.name, &service.metrics);
        let limits = &service.settings.limits;
        if declared_length(request.headers()).is_some_and(|length| length > limits.request_body.0) {
            return Err(Refused::new(Failure::ContentTooLarge, "the declared length is over `limits.request_body`")
                .by(&service));
        }
        let lots = snapshot.shares.then(|| Arc::new(Lots::of(record.id(), request.headers(), client.address)));
        let secure = target.scheme == Scheme::HTTPS;
        let cookies = lots.clone().map(|lots| Cookies { lots, secure });
        let now = self.platform.clock.now();
        let closed = |closed| Refused::from(closed).by(&service);
        let (revision, pass) = service.choose(lots.as_deref(), now).map_err(closed)?;
        let revision = Arc::clone(revision);
        let permits = self.permits(&service).await.map_err(|refused| refused.by(&service))?;
        record.runs_in(revision.compiled.revision.number, &revision.tally, pass);
        let calls = Arc::new(RootCalls {
            dispatcher: Arc::clone(self),
            snapshot: Arc::clone(&snapshot),
            calls_limit: limits.calls,
            lots,
        });
        let context = CallContext {
            tree: Arc::clone(tree),
            calls,
            service: service.name.clone(),
            caller: None,
            depth: 0,
            deadline: Deadline::new(tree, limits.deadline, None),
        };
        let limit = limits.request_body.0;
        let body = |body| RequestBody::new(body, Arc::clone(tree), limit, body_pace, counted).boxed_unsync();
        let request = for_guest(request.map(body), target, client, record.id())?;
        Ok(Admitted::Run(Run { service, revision, request, context, permits, record }, cookies))
    }

    /// One permit of the service, one of its tenant and one of the host, in this order, so that
    /// waiting for one holds nothing that others need: what is waited for is shared by more each time.
    async fn permits(&self, service: &LiveService) -> Result<Held, Refused> {
        let clock = self.platform.clock.as_ref();
        let patience = service.settings.limits.queue_wait;
        let until = service.tenant.as_ref().map(|_| clock.now().after(patience));
        let _of_service = service
            .permits
            .for_request(&service.queue, Group::default(), patience, clock)
            .await
            .ok_or(Refused::new(Failure::ServiceSaturated, "no permit of the service became free in time"))?;
        let _of_tenant = match (&service.tenant, until) {
            (Some(tenant), Some(until)) => {
                let left = until.since(clock.now());
                let permit = tenant.permits.for_request(&tenant.queue, Group::default(), left, clock).await;
                // Nobody else has less for it: to others this service is what is saturated, not the host.
                Some(permit.ok_or(Refused::new(
                    Failure::ServiceSaturated,
                    "no permit of the service's tenant became free in time",
                ))?)
            }
            _ => None,
        };
        let _of_host = self
            .instances
            .for_request(&self.instance_queue, service.group(), fixed::POOL_WAIT, clock)
            .await
            .ok_or(Refused::new(Failure::PoolExhausted, "no instance became free in time"))?;
        Ok(Held { _of_service, _of_tenant, _of_host })
    }

    /// Runs a request or call that was admitted.
    pub(crate) async fn run(run: Run) -> Result<Response<ResponseBody>, GuestFailure> {
        let Run { service: _, revision, request, context, permits, record } = run;
        let on_end = Box::new(move |report| {
            record.reported(report);
            drop(permits);
        });
        invoke(&revision.compiled, request, context, on_end).await
    }

    fn refused(&self, refused: Refused, record: &RequestRecord) -> Response<AnswerBody> {
        record.failed(GuestFailure::new(refused.failure, refused.why));
        let response = refuse(Refusal {
            failure: refused.failure,
            request_id: record.id(),
            service: refused.service.as_ref().map(|service| &service.name),
            allow: refused.allow.as_deref(),
            retry_after: refused.wait.map_or_else(|| self.retry_after(), whole_seconds),
        });
        response.map(|body| AnswerBody::Host(Some(body)))
    }

    /// One second, or two: clients that were refused together do not come back together.
    fn retry_after(&self) -> u8 {
        let mut byte = [0];
        self.platform.random.fill(&mut byte);
        1 + (byte[0] & 1)
    }
}

/// The request as a guest sees it: scheme, authority and path in their only
/// spelling, nothing in the host's own headers but what the host wrote.
fn for_guest(
    request: Request<IncomingBody>,
    target: Target,
    client: Client,
    request_id: &str,
) -> Result<Request<IncomingBody>, Refused> {
    let (mut head, body) = request.into_parts();
    client.tell(&mut head.headers, &target);
    // One truth for those who read the field and those who read the authority.
    if head.headers.get(HOST).is_some_and(|host| host.as_bytes() != target.authority.as_str().as_bytes()) {
        put_header(&mut head.headers, HOST, target.authority.as_str());
    }
    let parts = (target.scheme, target.authority, target.path_and_query);
    head.uri = absolute(parts).ok_or(Refused::new(Failure::BadRequest, "the target is not an address"))?;
    put_header(&mut head.headers, REQUEST_ID, request_id);
    Ok(Request::from_parts(head, body))
}

/// An address of its parts.
pub(crate) fn absolute((scheme, authority, path_and_query): (Scheme, Authority, PathAndQuery)) -> Option<Uri> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority);
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).ok()
}

/// `OPTIONS *` asks what the host itself can do.
fn allowed() -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Host(None));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
    response
}

/// The client is to repeat the request, as it is, at `location`.
fn elsewhere(location: HeaderValue) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Host(None));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, location);
    response
}

pub(crate) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(crate) fn put_header(headers: &mut HeaderMap, name: http::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// A cookie of the host's own beside those of the guest.
fn with_cookie<B>(mut response: Response<B>, cookie: Option<String>) -> Response<B> {
    if let Some(value) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        response.headers_mut().append(SET_COOKIE, value);
    }
    response
}

/// As `Retry-After` says it: whole seconds, never sooner.
fn whole_seconds(wait: Duration) -> u8 {
    let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u8::try_from(whole.max(1)).unwrap_or(u8::MAX)
}

fn with_request_id<B>(mut response: Response<B>, id: &str) -> Response<B> {
    put_header(response.headers_mut(), REQUEST_ID, id);
    response
}

/// The answer when the host itself panicked.
#[must_use]
pub fn internal_error(record: &RequestRecord) -> Response<AnswerBody> {
    record.failed(GuestFailure::new(Failure::Internal, "the host panicked while dispatching this request"));
    let refusal =
        Refusal { failure: Failure::Internal, request_id: record.id(), service: None, allow: None, retry_after: 1 };
    let response = refuse(refusal).map(|body: Bytes| AnswerBody::Host(Some(body)));
    record.answered(response.status());
    response
}
