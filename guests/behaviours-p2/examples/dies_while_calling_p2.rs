//! Sends half the body of a call to the authority and path of the query, then traps.

use behaviours_p2::wasip2::http::outgoing_handler;
use behaviours_p2::wasip2::http::types::{Fields, Method, OutgoingRequest, Scheme};
use behaviours_p2::{Reply, Request, Writer, serve, wait};

serve!(handle);

fn handle(request: Request, _reply: Reply) {
    let call = OutgoingRequest::new(Fields::new());
    let body = call.body().expect("a body must be there the first time");
    let _ = call.set_method(&Method::Put);
    let _ = call.set_scheme(Some(&Scheme::Http));
    let _ = call.set_authority(request.query.get("authority"));
    let _ = call.set_path_with_query(request.query.get("path"));
    let _answer = outgoing_handler::handle(call, None);
    let writer = Writer::new(body);
    let _ = writer.write(b"half");
    let _ = writer.wait_until_taken();
    // So that the callee has read it and waits for more.
    wait::milliseconds(50);
    core::arch::wasm32::unreachable();
}
