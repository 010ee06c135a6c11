//! Every failure of the host as an answer: the only place where a status and a public text are made.
//!
//! The body is RFC 9457 problem+json, with `Proxy-Status` (RFC 9209) beside it.
//! Nothing in it comes from a guest or from a client: the text is fixed per
//! failure, the service's name and the request id are the host's own.

use bytes::Bytes;
use hostel_model::failure::Failure;
use hostel_model::name::ServiceName;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

/// The header that carries the request id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that names the calling service to a callee.
pub const CALLER: HeaderName = HeaderName::from_static("hostel-caller");
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// What is known about a failure when it is answered.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// Which row of the table of failures.
    pub failure: Failure,
    /// The id of the root request.
    pub request_id: &'a str,
    /// The service concerned, if the request got that far.
    pub service: Option<&'a ServiceName>,
    /// Methods that would have been accepted, for `method-not-allowed`.
    pub allow: Option<&'a str>,
    /// Seconds after which to try again, where that can help.
    pub retry_after: u8,
}

/// The members of RFC 9457 and our own.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'static str,
    instance: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    retryable: bool,
}

/// The answer to a request that failed before its response began.
#[must_use]
pub fn refuse(refusal: Refusal<'_>) -> Response<Bytes> {
    let failure = refusal.failure;
    let status = failure
        .status()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let problem = Problem {
        r#type: failure.problem_type(),
        title: failure.title(),
        status: status.as_u16(),
        detail: detail(failure),
        instance: refusal.request_id,
        service: refusal.service.map(ServiceName::as_str),
        retryable: failure.retryable(),
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut put = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    put(REQUEST_ID, refusal.request_id);
    put(PROXY_STATUS, &format!("hostel; error={}; details=\"{}\"", failure.proxy_error(), failure.slug()));
    if failure.retry_after() {
        put(RETRY_AFTER, &refusal.retry_after.to_string());
    }
    if let Some(allow) = refusal.allow {
        put(ALLOW, allow);
    }
    if failure.closes_connection() {
        put(CONNECTION, "close");
    }
    response
}

/// One sentence per failure, for whoever made the request.
fn detail(failure: Failure) -> &'static str {
    match failure {
        Failure::BadRequest => "The request breaks a rule of HTTP; correct it before sending it again.",
        Failure::Unauthenticated => "The request needs valid credentials; see the header WWW-Authenticate.",
        Failure::Forbidden => "The credentials of this request do not allow it.",
        Failure::NoRoute => "No service answers at this address.",
        Failure::MethodNotAllowed => "The address exists, but not for this method; see the header Allow.",
        Failure::RequestTimeout => "The request did not arrive in time; send it again on a new connection.",
        Failure::ContentTooLarge => "The request's body is larger than this service accepts.",
        Failure::UriTooLong => "The request's target is too long.",
        Failure::Misdirected => "This connection is for another host; send the request on a connection of its own.",
        Failure::ExpectationFailed => "The header Expect may only say 100-continue; leave it out.",
        Failure::HeadersTooLarge => "The request's header fields are too large.",
        Failure::Trap => "The service stopped because of an error in its own code.",
        Failure::MemoryLimit => "The service needed more memory than it may use.",
        Failure::HandleLimit => "The service held more handles than it may.",
        Failure::HostcallLimit => "The service handed over more data at once than it may.",
        Failure::NoResponse => "The service ended without an answer.",
        Failure::InvalidResponse => "The service gave an answer that may not be sent.",
        Failure::CpuLimit => "The service used more processor time than it may for one request.",
        Failure::Deadline => "The service did not answer in time.",
        Failure::Overloaded => "The host is short of memory; try again shortly.",
        Failure::ServiceSaturated => "The service is answering as many requests as it may; try again shortly.",
        Failure::PoolExhausted => "The host is running as many instances as it may; try again shortly.",
        Failure::NotReady => "The service is not ready.",
        Failure::BreakerOpen => "The service does nothing but fail, and is left alone for a while.",
        Failure::Draining => "The host is stopping; send the request again elsewhere.",
        Failure::Loop => "Services called each other deeper than allowed.",
        Failure::FanOut => "The service made more calls than one request may cause.",
        Failure::CallDenied => "The service asked for something it was not granted.",
        Failure::EgressDenied => "The service tried to reach something it was not granted.",
        Failure::UnknownService => "The service called one that does not exist.",
        Failure::StorageFull => "The service's storage is full.",
        Failure::StorageFailed => "The storage failed; try again shortly.",
        Failure::Truncated => "The answer broke off.",
        Failure::ClientGone => "The client left.",
        Failure::Internal => "The host itself failed; this is a bug worth reporting with the request id.",
        Failure::UpstreamFailed => "Something the request depends on failed.",
        Failure::UpstreamTimeout => "Something the request depends on did not answer in time.",
    }
}
