//! Answers with the status that `?status=` names, and with `?body=` if there is one.

use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    match reply.try_start(request.query.number("status", 200), Vec::new()) {
        Ok(writer) => {
            let _ = writer.write(request.query.text("body").as_bytes());
            writer.finish();
        }
        Err(reply) => reply.whole(500, "text/plain", b"refused"),
    }
}
