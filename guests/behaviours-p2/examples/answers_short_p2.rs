//! Announces 10 bytes and ends after 5.

use behaviours_p2::answer::header;
use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(_request: Request, reply: Reply) {
    let writer = reply.start(200, vec![header("content-length", "10")]);
    let _ = writer.write(b"short");
    writer.finish();
}
