//! Sends the request's body back with its trailers after it, and names the trailers in headers, too.

use behaviours_p2::answer::{fields, write_all};
use behaviours_p2::wasip2;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::StreamError;

struct Behaviour;

impl Guest for Behaviour {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let whole = request.consume().expect("a body must be there the first time");
        let Ok(bytes) = read(&whole) else { return };
        let coming = IncomingBody::finish(whole);
        coming.subscribe().block();
        // A failure is a body that was never whole: there is nothing to answer.
        let Some(Ok(Ok(trailers))) = coming.get() else { return };
        let trailers = trailers.map(|trailers| trailers.entries()).unwrap_or_default();
        let named = trailers.iter().map(|(name, value)| (format!("x-echo-trailer-{name}"), value.clone()));
        let response = OutgoingResponse::new(fields(named.collect()));
        let body = response.body().expect("a body must be there the first time");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("a stream must be there the first time");
        let _ = write_all(&stream, &bytes);
        drop(stream);
        let _ = OutgoingBody::finish(body, Some(fields(trailers)));
    }
}

fn read(body: &IncomingBody) -> Result<Vec<u8>, StreamError> {
    let stream = body.stream().expect("a stream must be there the first time");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(failed) => return Err(failed),
        }
    }
}

wasip2::http::proxy::export!(Behaviour with_types_in wasip2);
