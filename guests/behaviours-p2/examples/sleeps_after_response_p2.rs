//! Answers completely and then waits for ever.

use behaviours_p2::{Reply, Request, serve, wait};

serve!(handle);

fn handle(_request: Request, reply: Reply) {
    reply.text("done");
    wait::for_ever();
}
