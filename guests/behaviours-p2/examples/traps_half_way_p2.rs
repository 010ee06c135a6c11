//! Fails when 50 bytes of the body are out; `?length` announces 100 of them, else none are.

use behaviours_p2::answer::header;
use behaviours_p2::{Reply, Request, serve, wait};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let length = request.query.has("length").then(|| header("content-length", "100"));
    let writer = reply.start(200, length.into_iter().collect());
    let _ = writer.write(&[b'x'; 50]);
    let _ = writer.wait_until_taken();
    // Taken by the host is not yet on the wire, and no interface tells a guest of that.
    wait::milliseconds(50);
    core::arch::wasm32::unreachable();
}
