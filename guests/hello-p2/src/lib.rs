//! The smallest service of WASI 0.2: answers every request with a greeting.

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl wasip2::exports::http::incoming_handler::Guest for Hello {
    fn handle(_request: IncomingRequest, response_out: ResponseOutparam) {
        let headers = Fields::new();
        headers.set("content-type", &[b"text/plain".to_vec()]).expect("a valid header must be accepted");
        let response = OutgoingResponse::new(headers);
        let body = response.body().expect("the first call must give the body");
        ResponseOutparam::set(response_out, Ok(response));

        let stream = body.write().expect("the first call must give the stream");
        // An error here means that the client has gone: there is nobody left to tell.
        let _ = stream.blocking_write_and_flush(b"Hello, World!\n");
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}
