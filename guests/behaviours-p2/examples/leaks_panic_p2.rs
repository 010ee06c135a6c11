//! Panics with the text of `?text=`, which nobody but the service's own log may see.

use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(request: Request, _reply: Reply) {
    panic!("{}", request.query.text("text"));
}
