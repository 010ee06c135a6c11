//! Answers completely and then waits for ever, or for `?ms=`.

use behaviours_p3::wasip3::spawn_local;
use behaviours_p3::{Answer, Request, answer, serve, wait};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let time = request.query.get("ms").and_then(|time| time.parse().ok());
    spawn_local(async move {
        match time {
            Some(time) => wait::milliseconds(time).await,
            None => wait::for_ever().await,
        }
    });
    answer::text("done")
}
