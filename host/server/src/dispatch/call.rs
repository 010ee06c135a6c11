//! One service calling another: by grant, within depth, fan-out and time, on the root's own snapshot.
//!
//! The callee runs in a task of its own. It must: a store cannot be driven from
//! inside another one, and the caller's processor time must not pay for it. When
//! the caller no longer wants the answer the task ends, and with it the callee.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::future::{Either, select};
use hostel_model::failure::Failure;
use hostel_model::name::ServiceName;
use hostel_sandbox::{
    Call, CallContext, CallFuture, CallRefused, Deadline, GuestFailure, IncomingBody, Outgoing, OutgoingFuture,
    ServiceCalls,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::sync::oneshot;

use super::call_body::{Counted, hand_over};
use super::{Dispatcher, Held, Run, absolute, declared_length, put_header};
use crate::live::breaker::Pass;
use crate::live::lot::Lots;
use crate::live::{Closed, LiveRevision, LiveService, Snapshot};
use crate::record::{CallBytes, Origin, RequestRecord};
use crate::respond::{CALLER, REQUEST_ID, Refusal, refuse};

/// Performs the calls below one root request.
pub(crate) struct RootCalls {
    pub(crate) dispatcher: Arc<Dispatcher>,
    /// The snapshot the root request began with.
    pub(crate) snapshot: Arc<Snapshot>,
    /// How many calls the root request may cause: its service's limit.
    pub(crate) calls_limit: u32,
    /// What draws among revisions, where any service has two.
    pub(crate) lots: Option<Arc<Lots>>,
}

type Answer = Result<Response<IncomingBody>, CallRefused>;

impl ServiceCalls for RootCalls {
    fn call(&self, call: Call) -> CallFuture {
        let ready = |refused| Box::pin(std::future::ready(Err(refused))) as CallFuture;
        let callee = match self.find(&call) {
            Ok(callee) => callee,
            Err(refused) => return ready(refused),
        };
        let bodies = Arc::<CallBytes>::default();
        let origin = Origin::Call { caller: call.caller.service.clone(), bodies: Arc::clone(&bodies) };
        let (id, head) = (&call.caller.tree.request_id, &call.request);
        let record = self.dispatcher.recorder.begin(Arc::clone(id), head.method().as_str(), head.uri().path(), origin);
        record.found_service(&callee.name, &callee.metrics);
        let prepared = match self.prepare(call, callee, &record, &bodies) {
            Ok(prepared) => prepared,
            Err(Refused::Call(refused, failure)) => {
                record.failed(GuestFailure::new(failure, "the call was refused"));
                return ready(refused);
            }
            Err(Refused::Answer(response)) => return Box::pin(std::future::ready(Ok(*response))),
        };
        let (answer, answered) = oneshot::channel();
        self.dispatcher.platform.spawn.task(Box::pin(perform(prepared, record, bodies, answer)));
        Box::pin(async move { answered.await.unwrap_or(Err(CallRefused::Limit)) })
    }

    fn outside(&self, outgoing: Outgoing) -> OutgoingFuture {
        self.reach(outgoing)
    }
}

/// Why a call did not run.
enum Refused {
    /// An error code for the caller.
    Call(CallRefused, Failure),
    /// A response as if the callee had run.
    Answer(Box<Response<IncomingBody>>),
}

impl RootCalls {
    /// Grant first: who has none learns nothing about what exists.
    fn find(&self, call: &Call) -> Result<Arc<LiveService>, CallRefused> {
        let caller = &call.caller;
        let own = self.snapshot.services.get(&caller.service);
        let refuse = |failure: Failure, refused| {
            let (service, request, outcome) = (caller.service.as_str(), &*caller.tree.request_id, failure.slug());
            if caller.tree.tells_refusal() {
                tracing::warn!(service, request, outcome, callee = ?call.callee, "call refused");
            }
            if let Some(own) = own {
                own.metrics.count(failure);
            }
            Err(refused)
        };
        let name = ServiceName::parse(&call.callee).ok();
        let calls = own.map(|service| &service.settings.grants.calls);
        let Some(name) = name.filter(|name| calls.is_some_and(|calls| calls.contains(name))) else {
            return refuse(Failure::CallDenied, CallRefused::Denied);
        };
        let callee = self.snapshot.services.get(&name);
        // To another owner, existing or not, it takes leave on the other side.
        let leave = callee.is_some_and(|callee| callee.settings.callers.contains(&caller.service));
        let same_owner = match (own, callee) {
            (Some(own), Some(callee)) => own.has_owner_of(callee),
            _ => self.snapshot.tenancy.same_owner(&caller.service, &name),
        };
        if !leave && !same_owner {
            return refuse(Failure::CallDenied, CallRefused::Denied);
        }
        let Some(callee) = callee else {
            return refuse(Failure::UnknownService, CallRefused::NotFound);
        };
        let depth_limit = own.map_or(0, |service| service.settings.limits.depth);
        if caller.depth >= depth_limit {
            caller.tree.refuse_depth();
            return refuse(Failure::Loop, CallRefused::Loop);
        }
        if !caller.tree.count_call(self.calls_limit) {
            return refuse(Failure::FanOut, CallRefused::Denied);
        }
        if caller.deadline.remaining(&caller.tree).is_zero() {
            return refuse(Failure::Deadline, CallRefused::TimedOut);
        }
        Ok(Arc::clone(callee))
    }

    /// The callee's revision: drawn with the lots of the root request.
    fn choose(&self, callee: &LiveService) -> Result<(Arc<LiveRevision>, Pass), Refused> {
        let now = self.dispatcher.platform.clock.now();
        match callee.choose(self.lots.as_deref(), now) {
            Ok((revision, pass)) => Ok((Arc::clone(revision), pass)),
            Err(Closed::NotReady) => Err(Refused::Call(CallRefused::Unavailable, Failure::NotReady)),
            Err(Closed::Breaker(_)) => Err(Refused::Call(CallRefused::Unavailable, Failure::BreakerOpen)),
        }
    }

    fn prepare(
        &self,
        call: Call,
        callee: Arc<LiveService>,
        record: &Arc<RequestRecord>,
        bodies: &Arc<CallBytes>,
    ) -> Result<Run, Refused> {
        let limits = &callee.settings.limits;
        if declared_length(call.request.headers()).is_some_and(|length| length > limits.request_body.0) {
            let failure = GuestFailure::new(Failure::ContentTooLarge, "the call's body is over `limits.request_body`");
            return Err(Refused::Answer(Box::new(failed(failure, &callee, record))));
        }
        let (revision, pass) = self.choose(&callee)?;
        // Never wait: see `admission.rs`.
        let saturated = || Refused::Call(CallRefused::Limit, Failure::ServiceSaturated);
        let _of_service = callee.permits.for_call().ok_or_else(saturated)?;
        let of_tenant = callee.tenant.as_ref().map(|tenant| tenant.permits.for_call().ok_or_else(saturated));
        let _of_tenant = of_tenant.transpose()?;
        let of_host = self.dispatcher.instances.for_call();
        let _of_host = of_host.ok_or(Refused::Call(CallRefused::Limit, Failure::PoolExhausted))?;
        let parent = call.caller;
        let context = CallContext {
            service: callee.name.clone(),
            caller: Some(parent.service.clone()),
            depth: parent.depth + 1,
            deadline: Deadline::new(&parent.tree, limits.deadline, Some(&parent.deadline)),
            tree: parent.tree,
            calls: parent.calls,
        };
        let request = for_callee(call.request, &context, limits.request_body.0, bodies);
        let request = request.ok_or(Refused::Call(CallRefused::Denied, Failure::BadRequest))?;
        record.runs_in(revision.compiled.revision.number, &revision.tally, pass);
        let (permits, record) = (Held { _of_service, _of_tenant, _of_host }, Arc::clone(record));
        Ok(Run { service: callee, revision, request, context, permits, record })
    }
}

/// The request with what the host alone may say in its headers, as the last step.
fn for_callee(
    request: Request<IncomingBody>,
    context: &CallContext,
    limit: u64,
    bodies: &Arc<CallBytes>,
) -> Option<Request<IncomingBody>> {
    let (mut head, body) = request.into_parts();
    let authority: Authority = head.uri.authority().cloned()?;
    let path_and_query = head.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    head.uri = absolute((Scheme::HTTP, authority, path_and_query))?;
    put_header(&mut head.headers, REQUEST_ID, &context.tree.request_id);
    if let Some(caller) = &context.caller {
        put_header(&mut head.headers, CALLER, caller.as_str());
    }
    let body = Counted::request(body, limit, Arc::clone(bodies)).boxed_unsync();
    Some(Request::from_parts(head, body))
}

/// Runs the callee and hands its answer to the caller as it comes.
async fn perform(run: Run, record: Arc<RequestRecord>, bodies: Arc<CallBytes>, mut answer: oneshot::Sender<Answer>) {
    let service = Arc::clone(&run.service);
    let invocation = std::pin::pin!(Dispatcher::run(run));
    // In this order: a caller that is gone has nothing more to say to the callee.
    let outcome = match select(std::pin::pin!(answer.closed()), invocation).await {
        Either::Right((outcome, _)) => outcome,
        Either::Left(_) => {
            record.failed(GuestFailure::new(Failure::ClientGone, "the caller no longer wanted the answer"));
            return;
        }
    };
    let too_large = bodies.too_large.load(Ordering::Relaxed);
    match outcome {
        _ if too_large => {
            let failure = GuestFailure::new(Failure::ContentTooLarge, "the call's body is over `limits.request_body`");
            // As below.
            let _ = answer.send(Ok(failed(failure, &service, &record)));
        }
        Ok(response) => {
            record.answered(response.status());
            hand_over(response, record, bodies, answer).await;
        }
        Err(failure) => {
            let response = failed(failure, &service, &record);
            // The caller may have left meanwhile; then nobody is told.
            let _ = answer.send(Ok(response));
        }
    }
}

/// What a caller sees of a callee that failed: the same answer as a client would.
fn failed(failure: GuestFailure, callee: &LiveService, record: &RequestRecord) -> Response<IncomingBody> {
    let response = refuse(Refusal {
        failure: failure.failure,
        request_id: record.id(),
        service: Some(&callee.name),
        allow: None,
        retry_after: 1,
    });
    record.failed(failure);
    record.answered(response.status());
    let (mut head, body) = response.into_parts();
    // There is no connection to close.
    head.headers.remove(http::header::CONNECTION);
    Response::from_parts(head, Full::<Bytes>::new(body).map_err(|never| match never {}).boxed_unsync())
}
