//! Never gives the processor back.

use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(_request: Request, _reply: Reply) {
    loop {
        std::hint::spin_loop();
    }
}
