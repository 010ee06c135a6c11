//! Calls to other services by name, which the host carries without a socket.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, IncomingResponse, OutgoingRequest, Scheme};

use super::http::read_body;
use crate::ports::{CallAnswer, CallFailed, Calls};

/// Bytes of an answer that are read: what the services ask each other fits many times over.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Calls through `wasi:http/outgoing-handler` to `http://<service>.internal`.
#[derive(Debug, Clone, Copy)]
pub struct WasiCalls;

impl Calls for WasiCalls {
    fn get(&self, service: &str, path: &str) -> Result<CallAnswer, CallFailed> {
        call(service, path).map_err(|reason| CallFailed { service: service.to_owned(), reason })
    }
}

fn call(service: &str, path: &str) -> Result<CallAnswer, String> {
    // A new request is a GET without a body.
    let request = OutgoingRequest::new(Fields::new());
    let set = request
        .set_scheme(Some(&Scheme::Http))
        .and_then(|()| request.set_authority(Some(&format!("{service}.internal"))))
        .and_then(|()| request.set_path_with_query(Some(path)));
    set.map_err(|()| format!("`{service}{path}` is not a target"))?;
    let response = await_response(request)?;
    let status = response.status();
    let body = response.consume().map_err(|()| "the answer has no body to read".to_owned())?;
    let body =
        read_body(&body, 0, ANSWER_LIMIT).map_err(|error| format!("the answer's body could not be read: {error:?}"))?;
    Ok(CallAnswer { status, body })
}

fn await_response(request: OutgoingRequest) -> Result<IncomingResponse, String> {
    let future = outgoing_handler::handle(request, None).map_err(refused)?;
    // The pollable is dropped at the end of this line, before the future it belongs to.
    future.subscribe().block();
    match future.get() {
        Some(Ok(answer)) => answer.map_err(refused),
        Some(Err(())) | None => Err("the host gave no answer".to_owned()),
    }
}

fn refused(code: ErrorCode) -> String {
    match code {
        ErrorCode::HttpRequestDenied => "denied; the operator must list the service under `calls`".to_owned(),
        other => format!("{other:?}"),
    }
}
