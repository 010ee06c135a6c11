//! A client's body on its way to a guest: held to its size, and its silence counted as the client's time.
//!
//! While a guest waits for bytes the client has not sent, no deadline runs. The
//! wait ends the moment bytes come, not when the guest gets around to them, so
//! that a slow guest cannot pass for a slow client.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures::task::AtomicWaker;
use hostel_model::failure::Failure;
use hostel_model::platform::BoxTask;
use hostel_sandbox::{BodyError, CallTree, strip_host_headers};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// The body of a request from outside.
pub struct RequestBody {
    inner: Incoming,
    tree: Arc<CallTree>,
    wait: Arc<ClientWait>,
    wait_waker: Waker,
    left: u64,
    idle_limit: Duration,
    idle: Option<BoxTask>,
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
    /// At most `limit` bytes of `inner`, with no more than `idle_limit` between two of them.
    #[must_use]
    pub fn new(inner: Incoming, tree: Arc<CallTree>, limit: u64, idle_limit: Duration) -> Self {
        let wait = Arc::new(ClientWait {
            tree: Arc::clone(&tree),
            waiting: AtomicBool::new(false),
            guest: AtomicWaker::new(),
        });
        let wait_waker = Waker::from(Arc::clone(&wait));
        Self { inner, tree, wait, wait_waker, left: limit, idle_limit, idle: None }
    }

    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let clock = Arc::clone(self.tree.clock());
        let limit = self.idle_limit;
        let idle = self.idle.get_or_insert_with(|| clock.sleep_until(clock.now().after(limit)));
        std::task::ready!(idle.as_mut().poll(context));
        self.tree.violate(Failure::RequestTimeout);
        Poll::Ready(Some(Err(BodyError::Idle)))
    }

    fn admit(&mut self, mut frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        if let Some(trailers) = frame.trailers_mut() {
            strip_host_headers(trailers);
        }
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
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
            return this.poll_idle(context);
        };
        this.wait.end();
        this.idle = None;
        Poll::Ready(polled.map(|frame| match frame {
            Ok(frame) => this.admit(frame),
            Err(_gone) => Err(BodyError::Gone),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.wait.end();
    }
}
