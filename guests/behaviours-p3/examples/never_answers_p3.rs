//! Waits for ever without using the processor, and never answers.

use behaviours_p3::{Answer, Request, serve, wait};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    wait::for_ever().await
}
