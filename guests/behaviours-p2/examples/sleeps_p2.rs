//! Waits `?ms=` milliseconds and then answers.

use behaviours_p2::{Reply, Request, serve, wait};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    wait::milliseconds(request.query.number("ms", 0));
    reply.text("slept");
}
