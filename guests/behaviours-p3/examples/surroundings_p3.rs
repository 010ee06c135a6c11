//! Answers what it sees of the machine, which should be nothing.

use behaviours_p3::wasip3::cli::{environment, stdin};
use behaviours_p3::wasip3::filesystem::preopens;
use behaviours_p3::{Answer, Request, answer, json, serve};

serve!(handle);

async fn handle(_request: Request) -> Answer {
    let variables = environment::get_environment().into_iter();
    let (input, result) = stdin::read_via_stream();
    let bytes = input.collect().await;
    let input = match result.await {
        Ok(()) if bytes.is_empty() => json::text("closed"),
        Ok(()) => json::bytes(&bytes),
        Err(_) => json::text("failed"),
    };
    answer::json(&json::object([
        ("environment", json::object(variables.map(|(name, value)| (name, json::text(&value))))),
        ("arguments", json::list(environment::get_arguments().iter().map(|one| json::text(one)))),
        ("preopens", preopens::get_directories().len().to_string()),
        ("stdin", input),
        ("cwd", json::optional(environment::get_initial_cwd(), |cwd| json::text(&cwd))),
    ]))
}
