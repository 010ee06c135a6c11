//! Answers completely and then never gives the processor back.

use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(_request: Request, reply: Reply) {
    reply.text("done");
    loop {
        std::hint::spin_loop();
    }
}
