//! Bodies that never come to their end, or are not read, and answers that are given twice, never, or before the work begins.
//!
//! `drip` a byte every `?ms=`, `crumbs` of a byte each, `early` answers before the body was read,
//! `slow` reads a byte a second, `late` reads after its answer, `twice`, `dropped`, `trap`, `spin`.

use behaviours_p2::answer::fields;
use behaviours_p2::wasip2::http::types::{IncomingBody, OutgoingBody, OutgoingResponse, ResponseOutparam};
use behaviours_p2::{Reply, Request, Writer, serve, wait};
use core::arch::wasm32::unreachable;
use std::hint::spin_loop;

const CRUMBS: u32 = 1_000_000;

serve!(handle);

fn handle(request: Request, reply: Reply) {
    match request.query.text("how") {
        "drip" => {
            let writer = reply.start(200, Vec::new());
            while writer.write(b"x").is_ok() {
                wait::milliseconds(request.query.number("ms", 100));
            }
        }
        "crumbs" => {
            let writer = reply.start(200, Vec::new());
            if (0..CRUMBS).all(|_| writer.write(b"x").is_ok()) {
                writer.finish();
            }
        }
        "early" => reply.text("early"),
        "slow" => {
            let body = request.inner.consume().expect("a body must be there the first time");
            if slowly(&body) {
                reply.text("read");
            }
        }
        "late" => {
            reply.text("before");
            let body = request.body();
            while let Ok(Some(_)) = body.chunk() {}
        }
        "twice" => twice(reply.into_out()),
        "dropped" => drop(reply.into_out()),
        "trap" => {
            reply.text("first");
            unreachable();
        }
        "spin" => {
            reply.text("first");
            loop {
                spin_loop();
            }
        }
        _ => reply.text(hostile::FINE),
    }
}

/// A byte a second.
fn slowly(body: &IncomingBody) -> bool {
    let stream = body.stream().expect("a stream must be there the first time");
    while stream.blocking_read(1).is_ok() {
        wait::milliseconds(1000);
    }
    true
}

/// Uses the one chance to answer twice.
fn twice(out: ResponseOutparam) {
    // SAFETY: no memory is behind a handle; the host must refuse one that it has taken back.
    let again = unsafe { ResponseOutparam::from_handle(out.handle()) };
    for (out, text) in [(out, "first"), (again, "second")] {
        let response = OutgoingResponse::new(fields(Vec::new()));
        let body: OutgoingBody = response.body().expect("a body must be there the first time");
        ResponseOutparam::set(out, Ok(response));
        let writer = Writer::new(body);
        let _ = writer.write(text.as_bytes());
        writer.finish();
    }
}
