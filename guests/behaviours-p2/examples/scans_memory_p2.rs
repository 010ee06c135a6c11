//! Looks for `?marker=` in `?mib=` MiB of new memory and leaves it there for the next instance.

use behaviours_p2::{Reply, Request, residue, serve};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let found = residue::scan(request.query.text("marker"), request.query.number("mib", 32));
    reply.json(&found);
}
