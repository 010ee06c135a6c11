//! The smallest service of WASI 0.3: answers every request with a greeting.

use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{spawn_local, wit_future, wit_stream};

struct Hello;

wasip3::http::service::export!(Hello);

impl wasip3::exports::http::handler::Guest for Hello {
    async fn handle(_request: Request) -> Result<Response, ErrorCode> {
        let headers = Fields::new();
        headers.set("content-type", &[b"text/plain".to_vec()]).expect("a valid header must be accepted");
        let (mut body, contents) = wit_stream::new();
        let (no_trailers, trailers) = wit_future::new(|| Ok(None));
        let (response, _sent) = Response::new(headers, Some(contents), trailers);
        drop(no_trailers);

        // The host reads the body only after this function has returned.
        spawn_local(async move {
            body.write_all(b"Hello, World!\n".to_vec()).await;
        });
        Ok(response)
    }
}
