//! Asks for a tebibyte of random bytes, or for `?bytes=` of them, and answers how many came.

use behaviours_p2::wasip2::random::random::get_random_bytes;
use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let wanted = request.query.number("bytes", 1 << 40);
    reply.text(&get_random_bytes(wanted).len().to_string());
}
