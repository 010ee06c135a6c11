//! Answers the variables the operator gave, and the one that `?key=` names.

use behaviours_p2::{Reply, Request, operator, serve};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    reply.json(&operator::configuration(&request.query));
}
