//! Gives the host 16 MiB in one call, or `?bytes=`; `?kind=` is `fields` or `keyvalue`.

use behaviours_p3::host::wasi::keyvalue0_2_0_draft2::store;
use behaviours_p3::wasip3::http::types::Fields;
use behaviours_p3::{Answer, Request, answer, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let bytes = vec![b'x'; request.query.number("bytes", 16 * 1024 * 1024)];
    let accepted = match request.query.text("kind") {
        "keyvalue" => store::open("default").is_ok_and(|bucket| bucket.set("bomb", &bytes).is_ok()),
        _ => Fields::new().append("x-bomb", &bytes).is_ok(),
    };
    answer::text(if accepted { "accepted" } else { "refused" })
}
