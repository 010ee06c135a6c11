//! Answers the variables the operator gave, and the one that `?key=` names.

use behaviours_p3::{Answer, Request, answer, operator, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    answer::json(&operator::configuration(&request.query))
}
