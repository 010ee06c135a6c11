//! Calls itself until the stack ends, or `?depth=` times.

use behaviours_p2::{Reply, Request, recursion, serve};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let returned = recursion::descend(request.query.number("depth", u64::MAX));
    reply.text(&returned.to_string());
}
