//! Adds headers of 1 KiB until they are refused, and answers how many were not.

use behaviours_p3::wasip3::http::types::Fields;
use behaviours_p3::{Answer, Request, answer, serve};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    let fields = Fields::new();
    let value = vec![b'x'; 1024];
    let accepted = (0..).take_while(|n| fields.append(&format!("x-bomb-{n}"), &value).is_ok()).count();
    answer::text(&accepted.to_string())
}
