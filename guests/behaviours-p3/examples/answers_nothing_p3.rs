//! Returns an error instead of an answer.

use behaviours_p3::wasip3::http::types::ErrorCode;
use behaviours_p3::{Answer, Request, serve};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    Err(ErrorCode::InternalError(None))
}
