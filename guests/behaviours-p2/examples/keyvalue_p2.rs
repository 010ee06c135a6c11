//! Does one operation on a bucket, as the query tells it.

use behaviours_p2::{Reply, Request, keyvalue, serve};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let Ok(body) = request.body().read_all() else {
        return;
    };
    reply.json(&keyvalue::answer(&request.query, body));
}
