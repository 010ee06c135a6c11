//! One request: from handing it to a guest to the head of its response, or to the reason why there is none.
//!
//! The future is polled by whoever asked; for a request from outside that is the
//! connection's own task. When it is dropped the guest is gone: a client that
//! leaves cancels its request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hostel_model::failure::Failure;
use hostel_model::limits::fixed;
use http::{HeaderMap, Method, Response, StatusCode};
use wasmtime_wasi_http::WasiBody;

use crate::call::{CallContext, IncomingBody};
use crate::capability::http::strip_host_headers;
use crate::error::GuestFailure;
use crate::response::ResponseBody;
use crate::running::{OnEnd, Running};
use crate::service::CompiledService;

/// A request on its way through a guest. Resolves to the response's head, whose
/// body drives what is left of the guest.
#[must_use = "a guest works only while it is polled"]
pub struct Invocation {
    running: Option<Running>,
    /// No body follows the head: the answer to `HEAD`.
    head_only: bool,
}

/// Hands `request` to an instance of `service`. `on_end` learns what it used
/// once the guest has ended, however it ends.
pub fn invoke(
    service: &Arc<CompiledService>,
    request: http::Request<IncomingBody>,
    context: CallContext,
    on_end: OnEnd,
) -> Invocation {
    let head_only = request.method() == Method::HEAD;
    Invocation { running: Some(Running::new(service, request, context, on_end)), head_only }
}

impl Future for Invocation {
    type Output = Result<Response<ResponseBody>, GuestFailure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(running) = this.running.as_mut() else {
            return Poll::Pending;
        };
        let ended = running.poll_guest(context);
        if let Some(violation) = running.context.tree.violation().filter(|_| running.context.is_root()) {
            return this.fail(GuestFailure::new(violation, "the client's body broke a rule"));
        }
        match running.take_response() {
            Some(Ok(response)) => return this.answer(response, context),
            Some(Err(code)) => {
                let detail = format!("the guest answered with the error code {code}");
                return this.fail(GuestFailure::new(Failure::NoResponse, detail));
            }
            None => {}
        }
        if ended {
            let failure = running
                .end_failure()
                .unwrap_or_else(|| GuestFailure::new(Failure::NoResponse, "the guest returned without a response"));
            return this.fail(failure);
        }
        if running.poll_expired(context, None).is_ready() {
            return this.fail(GuestFailure::new(Failure::Deadline, "no response before the deadline"));
        }
        Poll::Pending
    }
}

impl Invocation {
    fn fail(&mut self, failure: GuestFailure) -> Poll<<Self as Future>::Output> {
        if let Some(mut running) = self.running.take() {
            running.failure = Some(failure.clone());
        }
        Poll::Ready(Err(failure))
    }

    fn answer(&mut self, response: Response<WasiBody>, context: &mut Context<'_>) -> Poll<<Self as Future>::Output> {
        let (mut head, body) = response.into_parts();
        if let Err(why) = check_head(head.status, &head.headers) {
            return self.fail(GuestFailure::new(Failure::InvalidResponse, why));
        }
        strip_host_headers(&mut head.headers);
        let Some(running) = self.running.take() else {
            return Poll::Pending;
        };
        let bodyless = self.head_only || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let body = ResponseBody::new(running, body, declared_length(&head.headers), bodyless, context);
        Poll::Ready(body.map(|body| Response::from_parts(head, body)))
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What a guest may send as the head of a final response. Status 101 would turn
/// the connection into something else, other 1xx are not final.
fn check_head(status: StatusCode, headers: &HeaderMap) -> Result<(), String> {
    if !(200..=599).contains(&status.as_u16()) {
        return Err(format!("the status {} may not be sent", status.as_u16()));
    }
    let fields = headers.len();
    if fields > fixed::RESPONSE_HEADER_FIELDS {
        return Err(format!("{fields} header fields are over the limit of {}", fixed::RESPONSE_HEADER_FIELDS));
    }
    // As on the wire: name, colon, space, value, line end.
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes as u64 > fixed::RESPONSE_HEADER_BYTES.0 {
        return Err(format!("{bytes} bytes of header fields are over the limit of {}", fixed::RESPONSE_HEADER_BYTES));
    }
    Ok(())
}
