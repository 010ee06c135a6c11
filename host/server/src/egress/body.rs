//! Bodies on their way out and back: their trailers cleaned, their ends told apart, their silence limited.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hostel_model::platform::{Monotonic, Platform};
use hostel_sandbox::{BodyError, IncomingBody};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::connect::until;
use super::pool::Lease;
use super::{Outlet, failure};
use crate::edge::headers::clean_trailers;
use crate::timer::Timer;

/// What a guest sends.
pub(super) struct SentBody {
    inner: IncomingBody,
    ahead: Ahead,
}

/// What is known of a body before it is sent.
enum Ahead {
    /// Nobody has looked; what its head says of it holds.
    Unseen,
    /// It has begun with this, or begins later.
    Begins(Option<Frame<Bytes>>),
    /// There is none.
    Nothing,
}

impl SentBody {
    pub(super) fn new(inner: IncomingBody) -> Self {
        Self { inner, ahead: Ahead::Unseen }
    }

    /// Looks whether there is a body at all: HTTP/1.1 has to know that before the head
    /// is sent. One that has not begun within `patience` is taken to begin later.
    pub(super) async fn look(&mut self, platform: &Platform, patience: Duration) -> Result<(), BodyError> {
        let by = platform.clock.now().after(patience);
        let begun = until(platform, by, poll_fn(|context| self.poll_begin(context))).await;
        self.ahead = match begun.transpose()? {
            Some(None) => Ahead::Nothing,
            Some(begun) => Ahead::Begins(begun),
            None => Ahead::Begins(None),
        };
        Ok(())
    }

    /// The first piece that holds anything. Trailers alone are none: there is nothing that they follow.
    fn poll_begin(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, BodyError>> {
        loop {
            match ready!(Pin::new(&mut self.inner).poll_frame(context)).transpose()? {
                Some(frame) if frame.data_ref().is_some_and(Bytes::is_empty) => {}
                begun => return Poll::Ready(Ok(begun.filter(Frame::is_data))),
            }
        }
    }

    /// Whether somebody has looked and found, or expects, a body.
    pub(super) fn was_looked_at(&self) -> bool {
        matches!(self.ahead, Ahead::Begins(_))
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.ahead {
            Ahead::Nothing => return Poll::Ready(None),
            Ahead::Begins(frame) if frame.is_some() => return Poll::Ready(frame.take().map(Ok)),
            Ahead::Begins(_) | Ahead::Unseen => {}
        }
        Pin::new(&mut self.inner).poll_frame(context).map_ok(cleaned)
    }

    fn is_end_stream(&self) -> bool {
        match &self.ahead {
            Ahead::Nothing => true,
            Ahead::Begins(Some(_)) => false,
            Ahead::Begins(None) | Ahead::Unseen => self.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.ahead {
            Ahead::Nothing => SizeHint::with_exact(0),
            // Only one of unknown length was looked at.
            Ahead::Begins(_) => SizeHint::default(),
            Ahead::Unseen => self.inner.size_hint(),
        }
    }
}

/// What comes back. Dropped before its end, it takes its connection with it, or in
/// HTTP/2 its stream.
pub(super) struct UpstreamBody {
    inner: Incoming,
    /// The connection it comes by, until it is complete or has failed.
    lease: Option<Lease>,
    /// Whether it is a stream of HTTP/2.
    http2: bool,
    outlet: Arc<Outlet>,
    platform: Platform,
    patience: Duration,
    timer: Timer,
    /// Since when somebody waits for the next piece.
    waits: Option<Monotonic>,
    over: bool,
}

impl UpstreamBody {
    pub(super) fn new(
        inner: Incoming,
        lease: Lease,
        outlet: Arc<Outlet>,
        patience: Duration,
        platform: &Platform,
    ) -> Self {
        let timer = Timer::new(Arc::clone(&platform.clock));
        let platform = platform.clone();
        let (http2, lease) = (lease.is_http2(), Some(lease));
        let mut body = Self { inner, lease, http2, outlet, platform, patience, timer, waits: None, over: false };
        body.look_for_the_end();
        body
    }

    /// A connection whose response is complete is there for the next request.
    fn look_for_the_end(&mut self) {
        if self.inner.is_end_stream() {
            self.ends();
        }
    }

    fn ends(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back(&self.outlet.pool, &self.platform);
        }
    }

    fn fails(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.over = true;
        self.lease = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) else {
            let since = *this.waits.get_or_insert_with(|| this.timer.now());
            ready!(this.timer.poll(since.after(this.patience), context));
            return this.fails(BodyError::Idle);
        };
        this.waits = None;
        match frame {
            Some(Ok(frame)) => {
                this.look_for_the_end();
                Poll::Ready(Some(Ok(cleaned(frame))))
            }
            Some(Err(error)) => this.fails(failure::of_body(&error)),
            // A stream that was reset, or a connection that goes away, "without an error": the library
            // takes that for the end. It is one only if the other side has said so.
            None if this.http2 && !this.inner.is_end_stream() => this.fails(BodyError::Gone),
            None => {
                this.over = true;
                this.ends();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn cleaned(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        clean_trailers(trailers);
    }
    frame
}
