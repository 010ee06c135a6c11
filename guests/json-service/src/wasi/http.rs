//! Takes a request off the wire within a bound and sends an answer.

use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use crate::answer::Answer;
use crate::request::{BodyError, Request};

/// Bytes asked for at once: large enough to make few calls, small against any memory limit.
const CHUNK: u64 = 64 * 1024;

/// Answers one request: reads it with at most `body_limit` bytes of body, lets `handle` answer, sends that.
///
/// What an answer gives as its cause goes to the log under the name `service`.
pub fn serve(
    incoming: IncomingRequest,
    out: ResponseOutparam,
    service: &str,
    body_limit: usize,
    handle: impl FnOnce(&Request) -> Answer,
) {
    let request = receive(&incoming, body_limit);
    let answer = handle(&request);
    if let Some(cause) = &answer.cause {
        super::log_error(service, &format!("{} {} answered {}: {cause}", request.method, request.path, answer.status));
    }
    send(out, &answer, request.is_head());
}

fn receive(incoming: &IncomingRequest, body_limit: usize) -> Request {
    let target = incoming.path_with_query().unwrap_or_default();
    let path = target.split_once('?').map_or(target.as_str(), |(path, _)| path).to_owned();
    let headers: Vec<(String, Vec<u8>)> =
        incoming.headers().entries().into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let mut request = Request { method: method(incoming.method()), path, headers, body: Ok(Vec::new()) };
    // A body means nothing to the other methods: it is left to the host to throw away.
    if matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
        let declared = request.header("content-length").and_then(|length| length.parse::<usize>().ok());
        request.body = read_request_body(incoming, declared, body_limit);
    }
    request
}

fn method(method: Method) -> String {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    }
    .to_owned()
}

fn read_request_body(incoming: &IncomingRequest, declared: Option<usize>, limit: usize) -> Result<Vec<u8>, BodyError> {
    if declared.is_some_and(|declared| declared > limit) {
        return Err(BodyError::TooLarge { limit });
    }
    let body = incoming.consume().map_err(|()| BodyError::Interrupted)?;
    read_body(&body, declared.unwrap_or(0), limit)
}

/// Reads a body to its end; `expected` bytes are reserved at once, so that a large one is not copied again and again.
pub(super) fn read_body(body: &IncomingBody, expected: usize, limit: usize) -> Result<Vec<u8>, BodyError> {
    let stream: InputStream = body.stream().map_err(|()| BodyError::Interrupted)?;
    let mut bytes = Vec::new();
    bytes.try_reserve(expected).map_err(|_| BodyError::TooLarge { limit })?;
    loop {
        match stream.blocking_read(CHUNK) {
            Ok(chunk) if bytes.len() + chunk.len() > limit => {
                return Err(BodyError::TooLarge { limit });
            }
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(_)) => return Err(BodyError::Interrupted),
        }
    }
}

fn send(out: ResponseOutparam, answer: &Answer, is_head: bool) {
    // A body that is not sent has no length to state: the host would miss the bytes it was promised.
    let body: &[u8] = if is_head || answer.status == 304 { &[] } else { &answer.body };
    let mut headers: Vec<(String, Vec<u8>)> =
        answer.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    if !body.is_empty() {
        headers.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
    }
    let response = OutgoingResponse::new(Fields::from_list(&headers).unwrap_or_else(|_| Fields::new()));
    // Refused only outside 100 to 599, which no answer has; the host's default of 200 would be a lie, so nothing is sent.
    let Ok(()) = response.set_status_code(answer.status) else {
        return;
    };
    let Ok(outgoing) = response.body() else {
        return;
    };
    ResponseOutparam::set(out, Ok(response));
    if write(&outgoing, body).is_ok() {
        // A failure here means that the client is gone: nobody is left to tell.
        let _ = OutgoingBody::finish(outgoing, None);
    }
}

/// Writes all of `bytes`; the stream is dropped before the body it belongs to, as WASI demands.
fn write(body: &OutgoingBody, bytes: &[u8]) -> Result<(), StreamError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let stream: OutputStream = body.write().map_err(|()| StreamError::Closed)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let allowed = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX).min(rest.len());
        if allowed == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = rest.split_at(allowed);
        stream.write(now)?;
        rest = later;
    }
    stream.blocking_flush()
}
