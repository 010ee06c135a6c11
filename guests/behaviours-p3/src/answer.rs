//! The answer: whole at once, or its head first and then chunk by chunk.

use crate::Answer;
use wasip3::http::types::{ErrorCode, Fields, Response, Trailers};
use wasip3::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamWriter};
use wasip3::{spawn_local, wit_future, wit_stream};

/// Header fields to send, in their order.
pub type Headers = Vec<(String, Vec<u8>)>;

/// How a body ends: well, perhaps with trailers, or not.
pub type End = Result<Option<Trailers>, ErrorCode>;

/// Answers 200 with a text.
pub fn text(text: &str) -> Answer {
    whole(200, "text/plain", text)
}

/// Answers 200 with what is JSON already.
pub fn json(json: &str) -> Answer {
    whole(200, "application/json", json)
}

pub fn whole(status: u16, content_type: &str, body: &str) -> Answer {
    let (response, mut writer) = start(status, vec![header("content-type", content_type)]);
    let body = body.as_bytes().to_vec();
    spawn_local(async move {
        // An error is a host that wants no body, as for HEAD.
        let _ = writer.write(body).await;
        writer.finish().await;
    });
    Ok(response)
}

/// An answer of a head alone.
pub fn head(status: u16, headers: Headers) -> Response {
    let (no_trailers, end) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(fields(headers), None, end);
    drop(no_trailers);
    response.set_status_code(status).expect("the status must be one that may be sent");
    response
}

/// An answer's head; the body is up to a task of the caller.
pub fn start(status: u16, headers: Headers) -> (Response, Writer) {
    let (writer, contents, end) = Writer::new();
    let (response, _sent) = Response::new(fields(headers), Some(contents), end);
    response.set_status_code(status).expect("the status must be one that may be sent");
    (response, writer)
}

/// Nobody reads any more.
#[derive(Debug)]
pub struct Gone;

/// The body of an answer or of a call.
pub struct Writer {
    stream: StreamWriter<u8>,
    end: FutureWriter<End>,
}

impl Writer {
    /// A writer with the two ends that the host reads.
    pub fn new() -> (Self, StreamReader<u8>, FutureReader<End>) {
        let (stream, contents) = wit_stream::new();
        // The default is how a writer ends that was dropped: not well.
        let (end, result) = wit_future::new(|| Err(ErrorCode::InternalError(None)));
        (Self { stream, end }, contents, result)
    }

    /// Writes everything; it has been taken by the host when this returns.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        // An empty write would only ask whether the host is ready.
        if bytes.is_empty() {
            return Ok(());
        }
        if self.stream.write_all(bytes).await.is_empty() { Ok(()) } else { Err(Gone) }
    }

    /// Ends the body. Dropping the writer instead breaks it off.
    pub async fn finish(self) {
        let Self { stream, end } = self;
        drop(stream);
        // An error says that the host did not wait for the end.
        let _ = end.write(Ok(None)).await;
    }
}

pub fn fields(headers: Headers) -> Fields {
    Fields::from_list(&headers).expect("the headers of a test must be valid")
}

/// A header of two texts.
pub fn header(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.into())
}

/// What a header may hold of a text: everything else becomes a question mark.
pub fn printable(text: &str) -> String {
    text.chars().map(|letter| if (' '..='~').contains(&letter) { letter } else { '?' }).collect()
}
