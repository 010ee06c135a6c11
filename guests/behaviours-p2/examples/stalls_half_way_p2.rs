//! Sends 50 bytes of a body and then nothing more, for ever.

use behaviours_p2::{Reply, Request, serve, wait};

serve!(handle);

fn handle(_request: Request, reply: Reply) {
    let writer = reply.start(200, Vec::new());
    let _ = writer.write(&[b'x'; 50]);
    wait::for_ever();
}
