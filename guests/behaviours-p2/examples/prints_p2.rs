//! Writes the lines of `?text=` to both outputs and to the log, and `?flood=` KiB to one.

use behaviours_p2::answer::write_all;
use behaviours_p2::operator::{log_all_levels, printed};
use behaviours_p2::wasip2::cli::{stderr, stdout};
use behaviours_p2::{Reply, Request, serve};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let _ = write_all(&stdout::get_stdout(), printed(&request.query, "stdout", true).as_bytes());
    let _ = write_all(&stderr::get_stderr(), printed(&request.query, "stderr", false).as_bytes());
    log_all_levels(request.query.text("text"));
    reply.text("printed");
}
