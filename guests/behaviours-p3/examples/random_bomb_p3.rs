//! Asks for a tebibyte of random bytes, or for `?bytes=` of them, and answers how many came.
//!
//! In WASI 0.3 the number is the most that is wanted, so a host may give fewer.

use behaviours_p3::wasip3::random::random::get_random_bytes;
use behaviours_p3::{Answer, Request, answer, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let wanted = request.query.number("bytes", 1 << 40);
    answer::text(&get_random_bytes(wanted).len().to_string())
}
