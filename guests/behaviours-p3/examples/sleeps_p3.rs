//! Waits `?ms=` milliseconds and then answers.

use behaviours_p3::{Answer, Request, answer, serve, wait};

serve!(handle);

async fn handle(request: Request) -> Answer {
    wait::milliseconds(request.query.number("ms", 0)).await;
    answer::text("slept")
}
