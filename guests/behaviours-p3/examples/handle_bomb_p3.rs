//! Makes handles and keeps them until the host has enough, or `?count=` of them.
//!
//! `?kind=` is `fields`, `streams`, `futures` or `tasks`.

use behaviours_p3::wasip3::http::types::{ErrorCode, Fields};
use behaviours_p3::wasip3::wit_bindgen::yield_async;
use behaviours_p3::wasip3::{spawn_local, wit_future, wit_stream};
use behaviours_p3::{Answer, Request, answer, serve, wait};
use std::mem::forget;

serve!(handle);

async fn handle(request: Request) -> Answer {
    for _ in 0..request.query.number("count", u64::MAX) {
        match request.query.text("kind") {
            "streams" => forget(wit_stream::new::<u8>()),
            "futures" => forget(wit_future::new::<Result<(), ErrorCode>>(|| Ok(()))),
            "tasks" => {
                spawn_local(wait::for_ever());
                // The task makes its call to the host when it first runs.
                yield_async().await;
            }
            _ => forget(Fields::new()),
        }
    }
    answer::text("kept")
}
