//! Sends 50 bytes of a body and then nothing more, for ever; or for `?ms=`, and then 50 more.

use behaviours_p2::{Reply, Request, serve, wait};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let writer = reply.start(200, Vec::new());
    let _ = writer.write(&[b'x'; 50]);
    if let Some(time) = request.query.get("ms") {
        wait::milliseconds(time.parse().unwrap_or(0));
        let _ = writer.write(&[b'x'; 50]);
        return writer.finish();
    }
    wait::for_ever();
}
