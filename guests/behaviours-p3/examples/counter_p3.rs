//! Answers how many requests this instance has had; `?trap` fails instead.

use behaviours_p3::{Answer, Request, answer, serve};
use std::sync::atomic::{AtomicU64, Ordering};

static REQUESTS: AtomicU64 = AtomicU64::new(0);

serve!(handle);

async fn handle(request: Request) -> Answer {
    let count = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
    if request.query.has("trap") {
        core::arch::wasm32::unreachable();
    }
    answer::text(&count.to_string())
}
