//! Waits for ever without using the processor, and never answers.

use behaviours_p2::{Reply, Request, serve, wait};

serve!(handle);

fn handle(_request: Request, _reply: Reply) {
    wait::for_ever();
}
