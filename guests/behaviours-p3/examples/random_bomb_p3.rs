//! Asks for a tebibyte of random bytes and answers how many came.
//!
//! In WASI 0.3 the number is the most that is wanted, so a host may give fewer.

use behaviours_p3::wasip3::random::random::get_random_bytes;
use behaviours_p3::{Answer, Request, answer, serve};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    answer::text(&get_random_bytes(1 << 40).len().to_string())
}
