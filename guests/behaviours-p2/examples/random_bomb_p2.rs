//! Asks for a tebibyte of random bytes and answers how many came.

use behaviours_p2::wasip2::random::random::get_random_bytes;
use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(_request: Request, reply: Reply) {
    reply.text(&get_random_bytes(1 << 40).len().to_string());
}
