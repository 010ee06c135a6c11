//! Adds headers of 1 KiB, or of `?bytes=`, until they are refused or `?count=` of them are there,
//! and answers how many were not refused.
//!
//! In WASI 0.2 there is no error for too many, so a host may also end the instance.

use behaviours_p2::wasip2::http::types::Fields;
use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let fields = Fields::new();
    let value = vec![b'x'; request.query.number("bytes", 1024)];
    let count = request.query.number("count", u64::MAX);
    let accepted = (0..count).take_while(|n| fields.append(&format!("x-bomb-{n}"), &value).is_ok()).count();
    reply.text(&accepted.to_string());
}
