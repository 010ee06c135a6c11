//! Answers what the host says of this request: its id, its caller, its time.

use behaviours_p3::{Answer, Request, answer, operator, serve};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    answer::json(&operator::context())
}
