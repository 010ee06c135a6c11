//! Panics with the text of `?text=`, which nobody but the service's own log may see.

use behaviours_p3::{Answer, Request, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    panic!("{}", request.query.text("text"));
}
