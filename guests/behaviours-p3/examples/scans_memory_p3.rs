//! Looks for `?marker=` in `?mib=` MiB of new memory and leaves it there for the next instance.

use behaviours_p3::{Answer, Request, answer, residue, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let found = residue::scan(request.query.text("marker"), request.query.number("mib", 32));
    answer::json(&found)
}
