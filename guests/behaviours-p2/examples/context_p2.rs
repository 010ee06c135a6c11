//! Answers what the host says of this request: its id, its caller, its time.

use behaviours_p2::{Reply, Request, operator, serve};

serve!(handle);

fn handle(_request: Request, reply: Reply) {
    reply.json(&operator::context());
}
