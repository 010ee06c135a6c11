//! Calls itself until the stack ends, or `?depth=` times.

use behaviours_p3::{Answer, Request, answer, recursion, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let returned = recursion::descend(request.query.number("depth", u64::MAX));
    answer::text(&returned.to_string())
}
