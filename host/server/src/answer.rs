//! The body of an answer: a guest's, or the host's own words.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hostel_sandbox::{BodyError, ResponseBody};
use http_body::{Body, Frame, SizeHint};

/// What is sent after the head.
pub enum AnswerBody {
    /// Made by a guest, as it makes it.
    Guest(ResponseBody),
    /// Made by the host, whole.
    Host(Option<Bytes>),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Guest(body) => Pin::new(body).poll_frame(context),
            Self::Host(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Guest(body) => body.is_end_stream(),
            Self::Host(bytes) => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Guest(body) => body.size_hint(),
            Self::Host(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
        }
    }
}
