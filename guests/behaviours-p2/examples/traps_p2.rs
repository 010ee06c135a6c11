//! Fails at once.

use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(_request: Request, _reply: Reply) {
    core::arch::wasm32::unreachable();
}
