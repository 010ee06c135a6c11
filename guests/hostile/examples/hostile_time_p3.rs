//! Takes time in ways of which each calls the host: `now`, `random`, `yield`, `wait`, `sleep`.

use behaviours_p3::wasip3::clocks::monotonic_clock::{now, wait_for};
use behaviours_p3::wasip3::random::random::get_random_u64;
use behaviours_p3::wasip3::wit_bindgen::{yield_async, yield_blocking};
use behaviours_p3::{Answer, Request, answer, serve};
use std::hint::black_box;

serve!(handle);

async fn handle(request: Request) -> Answer {
    match request.query.text("how") {
        "now" => loop {
            black_box(now());
        },
        "random" => loop {
            black_box(get_random_u64());
        },
        "yield" => loop {
            yield_async().await;
        },
        "block" => loop {
            yield_blocking();
        },
        "wait" => loop {
            wait_for(0).await;
        },
        "sleep" => {
            wait_for(request.query.number("ns", 0)).await;
            answer::text("slept")
        }
        _ => answer::text(hostile::FINE),
    }
}
