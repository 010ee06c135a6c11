//! Answers completely and then waits for ever, or for `?ms=`.

use behaviours_p2::{Reply, Request, serve, wait};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    reply.text("done");
    match request.query.get("ms") {
        Some(time) => wait::milliseconds(time.parse().unwrap_or(0)),
        None => wait::for_ever(),
    }
}
