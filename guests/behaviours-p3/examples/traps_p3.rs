//! Fails at once.

use behaviours_p3::{Answer, Request, serve};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    core::arch::wasm32::unreachable();
}
