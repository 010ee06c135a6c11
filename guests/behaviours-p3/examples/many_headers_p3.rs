//! Answers with 129 header fields of 10 bytes each, one more than may be sent; or with `?count=`, their values of `?bytes=`.

use behaviours_p3::answer::{head, header};
use behaviours_p3::{Answer, Request, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let count = request.query.number("count", 129);
    let value = "a".repeat(request.query.number("bytes", 3));
    let headers = (0..count).map(|n: u32| header(&format!("x-h-{n:03}"), &value));
    Ok(head(200, headers.collect()))
}
