//! The requests of one HTTP/2 connection: how many there are, and whether their clients take what they asked for.
//!
//! A response that waits for its client's window is not asked for more, and so
//! cannot notice how long that lasts. A watch beside it does: it is polled by the
//! same task, and drops the stream, which resets it.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hostel_model::platform::{Clock, Monotonic, Spawn};
use hostel_sandbox::BodyError;
use http_body::{Body, Frame, SizeHint};

use crate::answer::AnswerBody;
use crate::pace::{Pace, PaceLimits};
use crate::record::{Exchange, RequestRecord};
use crate::timer::Timer;

/// The streams of one connection.
pub struct Streams {
    clock: Arc<dyn Clock>,
    open: AtomicU32,
    last_end: Mutex<Monotonic>,
}

impl Streams {
    /// None yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let last_end = Mutex::new(clock.now());
        Self { clock, open: AtomicU32::new(0), last_end }
    }

    /// Since when there is none, if there is none.
    #[must_use]
    pub fn quiet_since(&self) -> Option<Monotonic> {
        let last_end = *self.last_end.lock().unwrap_or_else(PoisonError::into_inner);
        (self.open.load(Ordering::Acquire) == 0).then_some(last_end)
    }
}

/// One stream, as long as it is open.
pub struct Stream {
    streams: Arc<Streams>,
    pace: Mutex<Pace>,
}

impl Stream {
    /// One more stream on the connection.
    #[must_use]
    pub fn begin(streams: &Arc<Streams>, limits: PaceLimits) -> Arc<Self> {
        streams.open.fetch_add(1, Ordering::AcqRel);
        Arc::new(Self { streams: Arc::clone(streams), pace: Mutex::new(Pace::new(limits)) })
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        *self.streams.last_end.lock().unwrap_or_else(PoisonError::into_inner) = self.streams.clock.now();
        self.streams.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Runs the streams of one connection as tasks, each with its watch.
///
/// The library starts a stream right after it has asked the service for its
/// answer, in the same call; so the stream that began last is the one to be run.
#[derive(Clone)]
pub struct StreamTasks {
    spawn: Arc<dyn Spawn>,
    clock: Arc<dyn Clock>,
    begun: Arc<Mutex<Option<Arc<Stream>>>>,
}

impl StreamTasks {
    /// Tasks of the data plane.
    #[must_use]
    pub fn new(spawn: Arc<dyn Spawn>, clock: Arc<dyn Clock>) -> Self {
        Self { spawn, clock, begun: Arc::default() }
    }

    /// The next task is this stream's.
    pub fn begins(&self, stream: Arc<Stream>) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
    }
}

impl<F> hyper::rt::Executor<F> for StreamTasks
where
    F: Future + Send + 'static,
{
    fn execute(&self, work: F) {
        let stream = self.begun.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut timer = Timer::new(Arc::clone(&self.clock));
        self.spawn.task(Box::pin(async move {
            let mut work = std::pin::pin!(work);
            std::future::poll_fn(|context| {
                if work.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                // Only ever changed by the work itself, which was polled just now.
                match stream.as_ref().and_then(|stream| stream.pace().ends()) {
                    Some(patience) => timer.poll(patience, context),
                    None => Poll::Pending,
                }
            })
            .await;
        }));
    }
}

/// Of a body no longer than this the end is told with its last bytes: that much a
/// client may leave waiting for its window on each stream until the connection has
/// rested too long. A longer one is watched until its client has room for more,
/// which costs one empty frame.
const SHORT_BYTES: u64 = 4 * 1_024;

/// Of an answer so much is handed on at once: the library takes a piece whole when
/// its client has room for one byte, and only its end shows that the client took it.
const PIECE_BYTES: usize = 4 * 1_024;
/// The same for a client that has taken [`QUICK_BYTES`] as fast as they came: as
/// much as one frame holds.
const LARGE_PIECE_BYTES: usize = 16 * 1_024;
/// What a client must take without a wait to get large pieces.
const QUICK_BYTES: u64 = 64 * 1_024;
/// A wait, as opposed to another task's turn.
const WAIT: Duration = Duration::from_millis(10);

/// An answer on its way over a stream: counted, and its waits for the client noted.
pub struct StreamBody {
    inner: AnswerBody,
    stream: Arc<Stream>,
    exchange: Arc<Exchange>,
    /// Its line is written when the last who knows about it lets go.
    _record: Arc<RequestRecord>,
    /// Nothing of it may be sent: the library does not see to that in HTTP/2.
    bodyless: bool,
    /// What is left of the guest's last frame.
    rest: Bytes,
    /// How large that was.
    frame_bytes: usize,
    /// When the last frame was handed out.
    last_at: Monotonic,
    /// Bytes taken without a wait since the last one.
    quick: u64,
    last: u64,
    sent: u64,
}

impl StreamBody {
    /// `inner` as the answer to `exchange` over `stream`. `bodyless` says that only
    /// its length is told.
    #[must_use]
    pub fn new(
        inner: AnswerBody,
        stream: Arc<Stream>,
        exchange: Arc<Exchange>,
        record: Arc<RequestRecord>,
        bodyless: bool,
    ) -> Self {
        let now = stream.streams.clock.now();
        let complete = bodyless || inner.is_end_stream();
        exchange.update(|seen| (seen.last_byte, seen.complete) = (now, complete));
        Self {
            inner,
            stream,
            exchange,
            _record: record,
            bodyless,
            rest: Bytes::new(),
            frame_bytes: 0,
            last_at: now,
            quick: 0,
            last: 0,
            sent: 0,
        }
    }

    /// Notes what is handed out, and hands it out.
    fn took(&mut self, polled: Option<Result<Frame<Bytes>, BodyError>>) -> Option<Result<Frame<Bytes>, BodyError>> {
        let now = self.stream.streams.clock.now();
        let bytes = match &polled {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) | None => 0,
        };
        let complete = match &polled {
            Some(Ok(frame)) => frame.is_trailers() || self.is_end_stream(),
            Some(Err(_)) => false,
            None => true,
        };
        self.exchange.update(|seen| {
            seen.last_byte = now;
            seen.sent.body += bytes;
            seen.complete |= complete;
        });
        (self.last, self.sent, self.last_at) = (bytes, self.sent + bytes, now);
        if polled.is_some() {
            // Until it is asked again, the client takes what it got; at the least rate
            // it may take its time for that much.
            let mut pace = self.stream.pace();
            pace.moved(now, bytes);
            pace.waits(now);
        }
        polled
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let (now, taken) = (this.stream.streams.clock.now(), std::mem::take(&mut this.last));
        this.stream.pace().moved(now, 0);
        this.quick = if now.since(this.last_at) < WAIT { this.quick + taken } else { 0 };
        if this.rest.is_empty() {
            let polled = std::task::ready!(Pin::new(&mut this.inner).poll_frame(context));
            match polled.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => (this.frame_bytes, this.rest) = (data.len(), data),
                Some(Ok(Err(frame))) => return Poll::Ready(this.took(Some(Ok(frame)))),
                Some(Err(error)) => return Poll::Ready(this.took(Some(Err(error)))),
                None => return Poll::Ready(this.took(None)),
            }
        }
        let most = if this.quick < QUICK_BYTES { PIECE_BYTES } else { LARGE_PIECE_BYTES };
        let piece = this.rest.split_to(this.rest.len().min(most));
        // The last of a large frame may wait long for its window: without the rest.
        let shares = this.rest.is_empty() && this.frame_bytes > 2 * piece.len();
        let piece = if shares { Bytes::copy_from_slice(&piece) } else { piece };
        Poll::Ready(this.took(Some(Ok(Frame::data(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bodyless || (self.sent <= SHORT_BYTES && self.rest.is_empty() && self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let (left, inner) = (self.rest.len() as u64, self.inner.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + left);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + left);
        }
        hint
    }
}
