//! Writes the lines of `?text=` to both outputs and to the log, and `?flood=` KiB to one.

use behaviours_p3::operator::{log_all_levels, printed};
use behaviours_p3::wasip3::cli::{stderr, stdout};
use behaviours_p3::wasip3::{spawn_local, wit_stream};
use behaviours_p3::{Answer, Request, answer, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let (mut out, contents) = wit_stream::new();
    let written = stdout::write_via_stream(contents);
    let text = printed(&request.query, "stdout", true).into_bytes();
    spawn_local(async move { out.write_all(text).await });
    let _ = written.await;

    let (mut err, contents) = wit_stream::new();
    let written = stderr::write_via_stream(contents);
    let text = printed(&request.query, "stderr", false).into_bytes();
    spawn_local(async move { err.write_all(text).await });
    let _ = written.await;

    log_all_levels(request.query.text("text"));
    answer::text("printed")
}
