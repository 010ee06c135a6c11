//! A client's body on its way to a guest: held to its size and its pace, and its silence counted as the client's time.
//!
//! While a guest waits for bytes the client has not sent, no deadline runs. The
//! wait ends the moment bytes come, not when the guest gets around to them, so
//! that a slow guest cannot pass for a slow client.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures::task::AtomicWaker;
use hostel_model::failure::Failure;
use hostel_sandbox::{BodyError, CallTree};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::edge::headers::clean_trailers;
use crate::pace::{Pace, PaceLimits};
use crate::record::Exchange;
use crate::timer::Timer;

/// The body of a request from outside.
pub struct RequestBody {
    inner: Incoming,
    tree: Arc<CallTree>,
    wait: Arc<ClientWait>,
    wait_waker: Waker,
    left: u64,
    pace: Pace,
    timer: Timer,
    counted: Option<Arc<Exchange>>,
}

/// Notes when bytes come, then wakes the guest.
struct ClientWait {
    tree: Arc<CallTree>,
    waiting: AtomicBool,
    guest: AtomicWaker,
}

impl ClientWait {
    fn begin(&self) {
        if !self.waiting.swap(true, Ordering::AcqRel) {
            self.tree.wait_begins();
        }
    }

    fn end(&self) {
        if self.waiting.swap(false, Ordering::AcqRel) {
            self.tree.wait_ends();
        }
    }
}

impl Wake for ClientWait {
    fn wake(self: Arc<Self>) {
        self.end();
        self.guest.wake();
    }
}

impl RequestBody {
    /// At most `limit` bytes of `inner`, which come as fast as `pace` says. Counted
    /// in `counted`, unless they are counted on the wire.
    #[must_use]
    pub fn new(
        inner: Incoming,
        tree: Arc<CallTree>,
        limit: u64,
        pace: PaceLimits,
        counted: Option<Arc<Exchange>>,
    ) -> Self {
        let wait = Arc::new(ClientWait {
            tree: Arc::clone(&tree),
            waiting: AtomicBool::new(false),
            guest: AtomicWaker::new(),
        });
        let wait_waker = Waker::from(Arc::clone(&wait));
        let timer = Timer::new(Arc::clone(tree.clock()));
        Self { inner, tree, wait, wait_waker, left: limit, pace: Pace::new(pace), timer, counted }
    }

    fn poll_slow(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let patience = self.pace.waits(self.timer.now());
        std::task::ready!(self.timer.poll(patience, context));
        // From here on it is the guest that takes its time.
        self.wait.end();
        self.tree.violate(Failure::RequestTimeout);
        Poll::Ready(Some(Err(BodyError::Idle)))
    }

    fn gone(&self) -> Result<Frame<Bytes>, BodyError> {
        self.tree.client_leaves();
        Err(BodyError::Gone)
    }

    fn admit(&mut self, mut frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        if let Some(trailers) = frame.trailers_mut() {
            clean_trailers(trailers);
        }
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.pace.moved(self.timer.now(), bytes);
        if let Some(counted) = &self.counted {
            counted.update(|seen| seen.received.body += bytes);
        }
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(frame)
            }
            None => {
                self.tree.violate(Failure::ContentTooLarge);
                Err(BodyError::TooLarge)
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        this.wait.guest.register(context.waker());
        // Before it is asked: bytes that come meanwhile end the wait.
        this.wait.begin();
        let polled = Pin::new(&mut this.inner).poll_frame(&mut Context::from_waker(&this.wait_waker));
        let Poll::Ready(polled) = polled else {
            return this.poll_slow(context);
        };
        this.wait.end();
        Poll::Ready(match polled {
            Some(Ok(frame)) => Some(this.admit(frame)),
            Some(Err(error)) if is_malformed(&error) => {
                this.tree.violate(Failure::BadRequest);
                Some(Err(BodyError::Malformed))
            }
            Some(Err(_gone)) => Some(this.gone()),
            // The library ends a body well when its stream was reset in certain ways.
            None if this.counted.is_some() && !this.inner.is_end_stream() => Some(this.gone()),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Whether the client broke the framing of its body, and did not just leave.
fn is_malformed(error: &hyper::Error) -> bool {
    let kind = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other))
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.wait.end();
    }
}
