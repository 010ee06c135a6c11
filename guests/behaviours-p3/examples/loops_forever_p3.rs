//! Never gives the processor back.

use behaviours_p3::{Answer, Request, serve};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    loop {
        std::hint::spin_loop();
    }
}
