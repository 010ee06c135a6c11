//! Takes time in ways of which each calls the host: `now`, `random`, `poll`, `ready`, `sleep`, `burn`.

use behaviours_p2::wasip2::clocks::monotonic_clock::{now, subscribe_duration};
use behaviours_p2::wasip2::io::poll::poll;
use behaviours_p2::wasip2::random::random::get_random_u64;
use behaviours_p2::{Reply, Request, serve};
use std::hint::black_box;

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let query = &request.query;
    match query.text("how") {
        "now" => loop {
            black_box(now());
        },
        "random" => loop {
            black_box(get_random_u64());
        },
        "poll" => loop {
            let over = subscribe_duration(0);
            black_box(poll(&[&over]));
        },
        "ready" => {
            let never = subscribe_duration(u64::MAX);
            while !never.ready() {}
            reply.text("ready");
        }
        "sleep" => {
            subscribe_duration(query.number("ns", 0)).block();
            reply.text("slept");
        }
        "burn" => {
            let until = now() + query.number("ns", 0);
            while now() < until {}
            reply.text("burnt");
        }
        _ => reply.text(hostile::FINE),
    }
}
