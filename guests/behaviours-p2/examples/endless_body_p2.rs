//! Sends a body that never ends, 64 KiB at a time.

use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(_request: Request, reply: Reply) {
    let writer = reply.start(200, Vec::new());
    let chunk = vec![b'x'; 64 * 1024];
    while writer.write(&chunk).is_ok() {}
}
