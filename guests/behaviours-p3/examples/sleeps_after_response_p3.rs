//! Answers completely and then waits for ever.

use behaviours_p3::wasip3::spawn_local;
use behaviours_p3::{Answer, Request, answer, serve, wait};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    spawn_local(wait::for_ever());
    answer::text("done")
}
