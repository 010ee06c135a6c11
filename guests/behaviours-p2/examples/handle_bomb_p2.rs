//! Makes handles and keeps them until the host has enough, or `?count=` of them; `?kind=` is `pollable` or `fields`.

use behaviours_p2::wasip2::clocks::monotonic_clock::subscribe_duration;
use behaviours_p2::wasip2::http::types::Fields;
use behaviours_p2::{Reply, Request, serve};
use std::mem::forget;

serve!(handle);

fn handle(request: Request, reply: Reply) {
    for _ in 0..request.query.number("count", u64::MAX) {
        match request.query.text("kind") {
            "fields" => forget(Fields::new()),
            _ => forget(subscribe_duration(u64::MAX)),
        }
    }
    reply.text("kept");
}
