//! The answer: whole at once, or its head first and then chunk by chunk.

use wasip2::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::{OutputStream, StreamError};

/// Header fields to send, in their order.
pub type Headers = Vec<(String, Vec<u8>)>;

/// More free places than any host keeps for chunks of one body.
const PLACES: usize = 64;

/// The one chance to answer.
#[derive(Debug)]
pub struct Reply(ResponseOutparam);

impl Reply {
    pub fn new(out: ResponseOutparam) -> Self {
        Self(out)
    }

    /// Answers 200 with a text.
    pub fn text(self, text: &str) {
        self.whole(200, "text/plain", text.as_bytes());
    }

    /// Answers 200 with what is JSON already.
    pub fn json(self, json: &str) {
        self.whole(200, "application/json", json.as_bytes());
    }

    pub fn whole(self, status: u16, content_type: &str, body: &[u8]) {
        let headers = vec![("content-type".to_owned(), content_type.into())];
        let writer = self.start(status, headers);
        // An error is a host that wants no body, as for HEAD.
        let _ = writer.write(body);
        writer.finish();
    }

    /// Sends the head; the body is up to the caller.
    pub fn start(self, status: u16, headers: Headers) -> Writer {
        self.try_start(status, headers).expect("the status must be one that may be sent")
    }

    /// As `start`; gives itself back if the host refuses the status.
    pub fn try_start(self, status: u16, headers: Headers) -> Result<Writer, Self> {
        let response = OutgoingResponse::new(fields(headers));
        if response.set_status_code(status).is_err() {
            return Err(self);
        }
        let body = response.body().expect("a body must be there the first time");
        ResponseOutparam::set(self.0, Ok(response));
        Ok(Writer::new(body))
    }

    /// The chance itself, for whoever means to misuse it.
    pub fn into_out(self) -> ResponseOutparam {
        self.0
    }
}

/// The body of an answer or of a call.
pub struct Writer {
    // Before `body`: the host wants the child dropped first.
    stream: OutputStream,
    body: OutgoingBody,
}

impl Writer {
    pub fn new(body: OutgoingBody) -> Self {
        let stream = body.write().expect("a stream must be there the first time");
        Self { stream, body }
    }

    /// Writes everything, as fast as the host takes it; an error means that nobody reads any more.
    pub fn write(&self, bytes: &[u8]) -> Result<(), StreamError> {
        write_all(&self.stream, bytes)
    }

    /// Waits until the host has taken what was written so far.
    ///
    /// Fills every place for chunks with empty ones, which are no bytes on the
    /// wire, and waits for a place: the oldest chunk has gone then. The second
    /// time proves that the host came back for more after it.
    pub fn wait_until_taken(&self) -> Result<(), StreamError> {
        for _ in 0..2 {
            for _ in 0..PLACES {
                if self.stream.check_write()? == 0 {
                    break;
                }
                self.stream.write(&[])?;
            }
            self.stream.subscribe().block();
        }
        Ok(())
    }

    /// Ends the body. Dropping the writer instead breaks it off.
    pub fn finish(self) {
        self.finish_with(None);
    }

    /// The same with trailers.
    pub fn finish_with(self, trailers: Option<Fields>) {
        let Self { stream, body } = self;
        drop(stream);
        // An error says that the length announced was not kept, which is the host's to judge.
        let _ = OutgoingBody::finish(body, trailers);
    }
}

pub fn write_all(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        let room = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        stream.write(now)?;
        bytes = later;
    }
    stream.blocking_flush()
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
