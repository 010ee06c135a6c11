//! Calls the host from as deep in its stack as `?depth=` says: `random`, `now`, `print`, `log`, `fields`, `keyvalue`, `id`, `call`.

use behaviours_p2::answer::write_all;
use behaviours_p2::host::hostel::service::context;
use behaviours_p2::host::wasi::keyvalue0_2_0_draft2::store;
use behaviours_p2::host::wasi::logging::logging::{Level, log};
use behaviours_p2::wasip2::cli::stdout;
use behaviours_p2::wasip2::clocks::monotonic_clock::now;
use behaviours_p2::wasip2::http::outgoing_handler;
use behaviours_p2::wasip2::http::types::{Fields, OutgoingRequest, Scheme};
use behaviours_p2::wasip2::random::random::get_random_bytes;
use behaviours_p2::{Reply, Request, serve};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts after each return, so that the compiler can make no loop of the recursion.
static RETURNED: AtomicU64 = AtomicU64::new(0);

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let query = &request.query;
    let call: fn() = match query.text("how") {
        "random" => || drop(get_random_bytes(1024)),
        "now" => || _ = now(),
        "print" => || _ = write_all(&stdout::get_stdout(), b"from the bottom\n"),
        "log" => || log(Level::Info, "test", "from the bottom"),
        "fields" => || drop(Fields::from_list(&[("x-deep".to_owned(), vec![b'x'; 1024])])),
        "keyvalue" => || drop(store::open("default").map(|bucket| bucket.set("deep", b"down"))),
        "id" => || drop(context::request_id()),
        "call" => call,
        _ => return reply.text(hostile::FINE),
    };
    descend(query.number("depth", 0), call);
    reply.text("came back");
}

#[inline(never)]
fn descend(depth: u64, call: fn()) {
    if depth == 0 {
        call();
    } else {
        descend(depth - 1, call);
    }
    RETURNED.fetch_add(1, Ordering::Relaxed);
}

fn call() {
    let request = OutgoingRequest::new(Fields::new());
    // What is refused here was not allowed to be set; the call is then refused too, which is as deep.
    let _ = request.set_scheme(Some(&Scheme::Http));
    let _ = request.set_authority(Some("nobody.internal"));
    if let Ok(answer) = outgoing_handler::handle(request, None) {
        answer.subscribe().block();
    }
}
