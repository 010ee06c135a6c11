//! Adds headers of 1 KiB until they are refused, and answers how many were not.
//!
//! In WASI 0.2 there is no error for too many, so a host may also end the instance.

use behaviours_p2::wasip2::http::types::Fields;
use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(_request: Request, reply: Reply) {
    let fields = Fields::new();
    let value = vec![b'x'; 1024];
    let accepted = (0..).take_while(|n| fields.append(&format!("x-bomb-{n}"), &value).is_ok()).count();
    reply.text(&accepted.to_string());
}
