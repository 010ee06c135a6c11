//! Answers what it sees of the machine, which should be nothing.

use behaviours_p2::wasip2::cli::{environment, stdin};
use behaviours_p2::wasip2::filesystem::preopens;
use behaviours_p2::wasip2::io::streams::StreamError;
use behaviours_p2::{Reply, Request, json, serve};

serve!(handle);

fn handle(_request: Request, reply: Reply) {
    let variables = environment::get_environment().into_iter();
    let input = match stdin::get_stdin().blocking_read(64) {
        Ok(bytes) => json::bytes(&bytes),
        Err(StreamError::Closed) => json::text("closed"),
        Err(StreamError::LastOperationFailed(_)) => json::text("failed"),
    };
    reply.json(&json::object([
        ("environment", json::object(variables.map(|(name, value)| (name, json::text(&value))))),
        ("arguments", json::list(environment::get_arguments().iter().map(|one| json::text(one)))),
        ("preopens", preopens::get_directories().len().to_string()),
        ("stdin", input),
        ("cwd", json::optional(environment::initial_cwd(), |cwd| json::text(&cwd))),
    ]));
}
