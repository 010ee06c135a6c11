//! Bodies between two services: counted, limited, and handed over one frame at a time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hostel_sandbox::{BodyError, CallRefused, IncomingBody, ResponseBody};
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::{mpsc, oneshot};

use crate::record::{CallBytes, RequestRecord};

/// A body whose bytes are counted on their way.
pub(super) struct Counted<B> {
    inner: B,
    left: u64,
    count: Count,
}

enum Count {
    Request(Arc<CallBytes>),
    /// Holds the record open until the caller has it all.
    Response(Arc<CallBytes>, #[expect(dead_code, reason = "its line is due when this is dropped")] Arc<RequestRecord>),
}

impl<B> Counted<B> {
    /// At most `limit` bytes on their way to a callee.
    pub(super) fn request(inner: B, limit: u64, bytes: Arc<CallBytes>) -> Self {
        Self { inner, left: limit, count: Count::Request(bytes) }
    }

    fn response(inner: B, bytes: Arc<CallBytes>, record: Arc<RequestRecord>) -> Self {
        Self { inner, left: u64::MAX, count: Count::Response(bytes, record) }
    }

    /// The caller is told as a client would be, unless the answer has begun.
    fn refuse_more(&self) {
        match &self.count {
            Count::Request(bytes) | Count::Response(bytes, _) => bytes.too_large.store(true, Ordering::Relaxed),
        }
    }

    fn counter(&self) -> &AtomicU64 {
        match &self.count {
            Count::Request(bytes) => &bytes.received,
            Count::Response(bytes, _) => &bytes.sent,
        }
    }
}

impl<B: Body<Data = Bytes, Error = BodyError> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = std::task::ready!(Pin::new(&mut this.inner).poll_frame(context));
        let Some(Ok(frame)) = frame else {
            return Poll::Ready(frame);
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        CallBytes::add(this.counter(), bytes);
        match this.left.checked_sub(bytes as u64) {
            Some(left) => this.left = left,
            None => {
                this.refuse_more();
                return Poll::Ready(Some(Err(BodyError::TooLarge)));
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body that arrives from another task: frames, and `None` at its proper end.
struct Handed {
    frames: mpsc::Receiver<Option<Result<Frame<Bytes>, BodyError>>>,
    over: bool,
}

impl Body for Handed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let handed = std::task::ready!(self.frames.poll_recv(context));
        // A task that ended without saying so did not finish the body.
        let frame = handed.unwrap_or(Some(Err(BodyError::Truncated)));
        self.over = !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }
}

/// Gives the head to the caller, then the body, frame by frame, driving the
/// callee's guest on the way. Ends early when the caller drops the body.
pub(super) async fn hand_over(
    response: Response<ResponseBody>,
    record: Arc<RequestRecord>,
    bytes: Arc<CallBytes>,
    answer: oneshot::Sender<Result<Response<IncomingBody>, CallRefused>>,
) {
    if response.body().is_whole() {
        let response = response.map(|body| Counted::response(body, bytes, record).boxed_unsync());
        // Dropped if the caller has left; then the record says so.
        let _ = answer.send(Ok(response));
        return;
    }
    let (head, mut body) = response.into_parts();
    // One frame waits here, one in the caller's hands: the rest stays with the callee.
    let (frames, handed) = mpsc::channel(1);
    let handed = Counted::response(Handed { frames: handed, over: false }, bytes, record).boxed_unsync();
    if answer.send(Ok(Response::from_parts(head, handed))).is_err() {
        return;
    }
    loop {
        // Room first: a frame that is asked for can be handed over at once.
        let Ok(room) = frames.reserve().await else {
            return;
        };
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = frames.closed() => return,
        };
        let over = !matches!(frame, Some(Ok(_)));
        room.send(frame);
        if over {
            return;
        }
    }
}
