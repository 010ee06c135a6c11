//! A guest's body on its way out, which drives what is left of the guest and knows how it ended.
//!
//! A guest that dies half-way must not look like a proper end. wasmtime's bodies
//! say "end" both when a guest finished and when its store was dropped. So the
//! store is kept until the body was asked: with the store alive, "end" can only
//! mean that the guest finished it, and a body that still waits although its
//! guest has failed was broken off.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hostel_model::failure::Failure;
use hostel_model::platform::Monotonic;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::WasiBody;

use crate::capability::http::strip_host_headers;
use crate::engine::Generation;
use crate::error::{BodyError, GuestFailure};
use crate::running::Running;

/// Bytes of a body that are gathered before its head is sent, if they are there:
/// what a guest can hand over without anyone taking it.
const WHOLE_BYTES: usize = 128 * 1024;

/// The body of a response. Ends with an error if the guest did not finish it.
pub struct ResponseBody(State);

enum State {
    /// The guest is done and all of it is here.
    Whole { frames: VecDeque<Bytes>, trailers: Option<http::HeaderMap>, left: u64 },
    /// The guest may still be at work.
    Streaming(Box<Streaming>),
    /// Nothing more comes.
    Over,
}

struct Streaming {
    running: Running,
    inner: WasiBody,
    /// Frames that were ready when the head was.
    ready: VecDeque<Frame<Bytes>>,
    /// Bytes the head promised and which are still to come.
    promised: Option<u64>,
    sent: u64,
    last_frame: Monotonic,
    client_takes: bool,
    bodyless: bool,
    /// The last that there can be of a body is on its way. Over HTTP/1 nobody asks after that.
    trailers_are_out: bool,
}

/// What asking the inner body came to.
enum Asked {
    Frame(Frame<Bytes>),
    End,
    Broken(GuestFailure),
    Waiting,
}

impl ResponseBody {
    /// Takes over `running` once its head is known. If all of its body is there,
    /// its instance is free before the first byte goes out.
    ///
    /// # Errors
    /// When the body broke off already, before anything was sent: then the
    /// client gets a whole answer that says so instead of half of one.
    pub(crate) fn new(
        running: Running,
        inner: WasiBody,
        promised: Option<u64>,
        bodyless: bool,
        context: &mut Context<'_>,
    ) -> Result<Self, GuestFailure> {
        let last_frame = running.service.parts.platform.clock.now();
        let mut streaming = Streaming {
            running,
            inner,
            ready: VecDeque::new(),
            promised,
            sent: 0,
            last_frame,
            client_takes: false,
            bodyless,
            trailers_are_out: false,
        };
        // A short answer is usually all there when its head is, or as soon as the
        // guest had one more turn. Nothing is waited for.
        let (mut bytes, mut asked_guest) = (0, streaming.running.has_ended());
        while bytes <= WHOLE_BYTES {
            match streaming.ask_inner(context) {
                Asked::Frame(frame) => {
                    bytes += frame.data_ref().map_or(0, Bytes::len);
                    streaming.ready.push_back(frame);
                }
                Asked::End => return streaming.whole(context).map(Self),
                Asked::Waiting if !asked_guest => {
                    asked_guest = true;
                    streaming.running.poll_guest(context);
                }
                // A guest need not finish a body that nobody gets.
                Asked::Broken(_) if bodyless && streaming.running.end_failure().is_none() => {
                    streaming.ready.clear();
                    return streaming.whole(context).map(Self);
                }
                Asked::Broken(failure) => return Err(streaming.fail(failure)),
                Asked::Waiting => break,
            }
        }
        Ok(Self(State::Streaming(Box::new(streaming))))
    }
}

impl ResponseBody {
    /// Whether all of it is here and its instance is free.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.0, State::Whole { .. } | State::Over)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            State::Over => Poll::Ready(None),
            State::Whole { frames, trailers, left } => {
                if let Some(bytes) = frames.pop_front() {
                    *left -= bytes.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
            State::Streaming(streaming) => match std::task::ready!(streaming.poll(context)) {
                Asked::Frame(frame) => Poll::Ready(Some(Ok(frame))),
                Asked::Broken(failure) => {
                    streaming.running.failure = Some(failure.after_head());
                    self.0 = State::Over;
                    Poll::Ready(Some(Err(BodyError::Truncated)))
                }
                Asked::End | Asked::Waiting => {
                    if let State::Streaming(streaming) = std::mem::replace(&mut self.0, State::Over) {
                        streaming.complete(Some(context));
                    }
                    Poll::Ready(None)
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            State::Over => true,
            State::Whole { frames, trailers, .. } => frames.is_empty() && trailers.is_none(),
            State::Streaming(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Over => SizeHint::with_exact(0),
            State::Whole { left, .. } => SizeHint::with_exact(*left),
            State::Streaming(streaming) => streaming.promised.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl Drop for ResponseBody {
    /// Dropped before its end: the client left, unless nothing was missing.
    fn drop(&mut self) {
        if let State::Streaming(mut streaming) = std::mem::replace(&mut self.0, State::Over) {
            if streaming.bodyless || streaming.trailers_are_out || streaming.promised == Some(0) {
                streaming.complete(None);
            } else {
                streaming.client_took();
                let failure = GuestFailure::new(Failure::ClientGone, "the client left before the response ended");
                streaming.running.failure = Some(failure);
            }
        }
    }
}

impl Streaming {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Asked> {
        self.client_took();
        if let Some(frame) = self.ready.pop_front() {
            return Poll::Ready(self.hand_out(frame));
        }
        // The guest may fill the body while it is polled, so ask before and after.
        let mut asked = self.ask_inner(context);
        if matches!(asked, Asked::Waiting) {
            self.running.poll_guest(context);
            asked = self.ask_inner(context);
        }
        match asked {
            Asked::Frame(frame) => Poll::Ready(self.hand_out(frame)),
            Asked::End if !self.bodyless && self.promised.is_some_and(|promised| promised > 0) => {
                let why = "the body is shorter than its head says";
                Poll::Ready(Asked::Broken(GuestFailure::new(Failure::InvalidResponse, why)))
            }
            Asked::Waiting => self.poll_limits(context),
            other => Poll::Ready(other),
        }
    }

    fn poll_limits(&mut self, context: &mut Context<'_>) -> Poll<Asked> {
        let stalled = self.last_frame.after(self.running.service.parts.limits.stall);
        self.running.poll_expired(context, Some(stalled)).map(|at_deadline| {
            let (failure, why) = if at_deadline {
                (Failure::Deadline, "the deadline passed while the response was being sent")
            } else {
                (Failure::Truncated, "the guest sent nothing for longer than `limits.stall`")
            };
            Asked::Broken(GuestFailure::new(failure, why))
        })
    }

    fn ask_inner(&mut self, context: &mut Context<'_>) -> Asked {
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Asked::Frame(frame),
            Poll::Ready(Some(Err(error))) => {
                let detail = format!("the guest did not finish its body: {error}");
                Asked::Broken(self.end_or(Failure::InvalidResponse, &detail))
            }
            // With the store gone, "end" says nothing.
            Poll::Ready(None) if self.running.panicked() => Asked::Broken(self.end_or(Failure::Internal, "")),
            Poll::Ready(None) => Asked::End,
            Poll::Pending if self.body_cannot_come() => {
                Asked::Broken(self.end_or(Failure::InvalidResponse, "the guest returned before it finished its body"))
            }
            Poll::Pending => Asked::Waiting,
        }
    }

    /// The guest has ended and nobody is left to fill the body. A guest of WASI
    /// 0.3 may have ended well and left a stream of the host's to be sent.
    fn body_cannot_come(&self) -> bool {
        let failed = self.running.end_failure().is_some();
        self.running.has_ended() && (failed || self.running.service.generation == Generation::P2)
    }

    fn end_or(&self, failure: Failure, detail: &str) -> GuestFailure {
        let context = &self.running.context;
        if let Some(fault) = context.tree.client_fault().filter(|_| context.is_root()) {
            return GuestFailure::new(fault, "the client's body ended before the service was done with it");
        }
        self.running.end_failure().unwrap_or_else(|| GuestFailure::new(failure, detail))
    }

    /// Gives up before anything was sent.
    fn fail(mut self, failure: GuestFailure) -> GuestFailure {
        self.running.failure = Some(failure.clone());
        failure
    }

    /// Counts a frame on its way out and holds it to the limits.
    fn hand_out(&mut self, frame: Frame<Bytes>) -> Asked {
        let context = &self.running.context;
        if context.deadline.remaining(&context.tree).is_zero() {
            return Asked::Broken(GuestFailure::new(Failure::Deadline, "the deadline passed while the body was sent"));
        }
        let frame = match frame.into_trailers() {
            Ok(mut trailers) => {
                strip_host_headers(&mut trailers);
                self.trailers_are_out = true;
                Frame::trailers(trailers)
            }
            Err(frame) => frame,
        };
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.sent = self.sent.saturating_add(bytes);
        if self.running.service.parts.limits.response_body.is_some_and(|limit| self.sent > limit.0) {
            let failure = GuestFailure::new(Failure::Truncated, "the body is over `limits.response_body`");
            return Asked::Broken(failure);
        }
        if let Some(promised) = self.promised.as_mut() {
            *promised = promised.saturating_sub(bytes);
        }
        self.last_frame = self.running.service.parts.platform.clock.now();
        // Until it asks again the client is taking what it got.
        if self.running.context.is_root() {
            self.running.context.tree.wait_begins();
            self.client_takes = true;
        }
        Asked::Frame(frame)
    }

    fn client_took(&mut self) {
        if std::mem::take(&mut self.client_takes) {
            self.running.context.tree.wait_ends();
            self.last_frame = self.running.service.parts.platform.clock.now();
        }
    }

    /// Everything is here: the instance is free, the bytes need nobody.
    fn whole(mut self, context: &mut Context<'_>) -> Result<State, GuestFailure> {
        let ready = std::mem::take(&mut self.ready);
        let mut frames = VecDeque::with_capacity(ready.len());
        let mut trailers = None;
        for frame in ready {
            match frame.into_data() {
                Ok(bytes) => frames.push_back(bytes),
                Err(frame) => {
                    trailers = frame.into_trailers().ok().map(|mut trailers| {
                        strip_host_headers(&mut trailers);
                        trailers
                    });
                }
            }
        }
        let left: u64 = frames.iter().map(|bytes| bytes.len() as u64).sum();
        let over = self.running.service.parts.limits.response_body.is_some_and(|limit| left > limit.0);
        if !self.bodyless && self.promised.is_some_and(|promised| promised != left) {
            let failure = GuestFailure::new(Failure::InvalidResponse, "the body is not as long as its head says");
            return Err(self.fail(failure));
        }
        if over {
            // Sent as a stream it breaks off where it must.
            self.ready = frames.into_iter().map(Frame::data).collect();
            return Ok(State::Streaming(Box::new(self)));
        }
        self.complete(Some(context));
        Ok(State::Whole { frames, trailers, left })
    }

    /// The response is out. What the guest still does has a limit of its own;
    /// most guests have nothing left to do.
    fn complete(mut self, context: Option<&mut Context<'_>>) {
        self.client_took();
        self.running.body_is_done();
        let ended = context.map_or(self.running.has_ended(), |context| self.running.poll_guest(context));
        if ended {
            after_response(self.running);
            return;
        }
        let platform = self.running.service.parts.platform.clone();
        let until = platform.clock.now().after(self.running.service.parts.limits.after_response);
        platform.spawn.task(Box::pin(AfterResponse { left: Some((self.running, self.inner)), until }));
    }
}

/// The guest has ended after its response did.
fn after_response(mut running: Running) {
    match running.end_failure() {
        None => running.keep_instance(),
        Some(failure) => {
            tracing::warn!(
                service = running.service.parts.name.as_str(),
                request = &*running.context.tree.request_id,
                outcome = failure.failure.slug(),
                detail = ?failure.detail,
                "the service failed after its response had ended"
            );
        }
    }
}

/// What a guest still does when its response is out, for a limited time.
struct AfterResponse {
    left: Option<(Running, WasiBody)>,
    until: Monotonic,
}

impl Future for AfterResponse {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let until = self.until;
        let Some((running, body)) = self.left.as_mut() else {
            return Poll::Ready(());
        };
        // A body that nobody wants (the answer to HEAD) must not hold the guest up.
        while let Poll::Ready(Some(Ok(_unwanted))) = Pin::new(&mut *body).poll_frame(context) {}
        if running.poll_guest(context) {
            if let Some((running, _)) = self.left.take() {
                after_response(running);
            }
            return Poll::Ready(());
        }
        std::task::ready!(running.poll_timer(context, until));
        running.killed_after_response = true;
        let limit: Duration = running.service.parts.limits.after_response;
        tracing::warn!(
            service = running.service.parts.name.as_str(),
            request = &*running.context.tree.request_id,
            ?limit,
            "the service was still at work after its response; it was stopped"
        );
        self.left = None;
        Poll::Ready(())
    }
}
