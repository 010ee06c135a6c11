//! Makes handles and keeps them until the host has enough; `?kind=` is `pollable` or `fields`.

use behaviours_p2::wasip2::clocks::monotonic_clock::subscribe_duration;
use behaviours_p2::wasip2::http::types::Fields;
use behaviours_p2::{Reply, Request, serve};
use std::mem::forget;

serve!(handle);

fn handle(request: Request, _reply: Reply) {
    loop {
        match request.query.text("kind") {
            "fields" => forget(Fields::new()),
            _ => forget(subscribe_duration(u64::MAX)),
        }
    }
}
