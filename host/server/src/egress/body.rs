//! Bodies on their way out and back: their trailers cleaned, their ends told apart, their silence limited.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hostel_model::platform::{Monotonic, Platform};
use hostel_sandbox::{BodyError, IncomingBody};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::pool::Lease;
use super::{Outlet, failure};
use crate::edge::headers::clean_trailers;
use crate::timer::Timer;

/// What a guest sends.
pub(super) struct SentBody(IncomingBody);

impl SentBody {
    pub(super) fn new(inner: IncomingBody) -> Self {
        Self(inner)
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.0).poll_frame(context).map_ok(cleaned)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// What comes back. Dropped before its end, it takes its connection with it, or in
/// HTTP/2 its stream.
pub(super) struct UpstreamBody {
    inner: Incoming,
    /// The connection it comes by, until it is complete or has failed.
    lease: Option<Lease>,
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
        let mut body = Self { inner, lease: Some(lease), outlet, platform, patience, timer, waits: None, over: false };
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
