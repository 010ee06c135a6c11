//! Adds headers of 1 KiB, or of `?bytes=`, until they are refused or `?count=` of them are there,
//! and answers how many were not refused.

use behaviours_p3::wasip3::http::types::Fields;
use behaviours_p3::{Answer, Request, answer, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let fields = Fields::new();
    let value = vec![b'x'; request.query.number("bytes", 1024)];
    let count = request.query.number("count", u64::MAX);
    let accepted = (0..count).take_while(|n| fields.append(&format!("x-bomb-{n}"), &value).is_ok()).count();
    answer::text(&accepted.to_string())
}
