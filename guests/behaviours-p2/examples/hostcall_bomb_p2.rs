//! Gives the host 16 MiB in one call, or `?bytes=`; `?kind=` is `fields` or `keyvalue`.

use behaviours_p2::host::wasi::keyvalue0_2_0_draft2::store;
use behaviours_p2::wasip2::http::types::Fields;
use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let bytes = vec![b'x'; request.query.number("bytes", 16 * 1024 * 1024)];
    let accepted = match request.query.text("kind") {
        "keyvalue" => store::open("default").is_ok_and(|bucket| bucket.set("bomb", &bytes).is_ok()),
        _ => Fields::new().append("x-bomb", &bytes).is_ok(),
    };
    reply.text(if accepted { "accepted" } else { "refused" });
}
