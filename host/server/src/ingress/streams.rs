//! The requests of one HTTP/2 connection: how many there are, and whether their clients take what they asked for.
//!
//! An answer is handed out in [`Piece`]s, which tell what becomes of them. The
//! library (h2 0.4.20, below hyper 1.12) advances a piece only by what the client's
//! windows had room for: `Prioritize::pop_frame` cuts frames to that, and a frame is
//! then copied (`Data::encode_chunk`) or written (`FramedWrite::flush`). It drops a
//! piece that is used up (`reclaim_frame`), those of a stream that is reset
//! (`clear_queue`), and all when the connection is dropped (`recv_eof`).
//!
//! A watch beside each stream, polled by the same task, drops one whose client takes
//! too little, which resets it. A stream whose end the library has cannot be reset; so
//! it gets the end when the rest was taken. Only that of a short answer it gets at
//! once: if that is not taken, the connection ends.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use hostel_model::platform::{Clock, Monotonic, Spawn};
use hostel_sandbox::BodyError;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use crate::answer::AnswerBody;
use crate::pace::{Pace, PaceLimits};
use crate::record::{Exchange, RequestRecord};
use crate::timer::Timer;

#[cfg(test)]
mod tests;

/// Of an answer no longer than this the end is told with its last bytes. Of a longer
/// one it costs an empty frame.
const SHORT_BYTES: u64 = 4 * 1_024;
/// How much of an answer may wait for its client before the guest is asked for more.
pub const AHEAD_BYTES: usize = 64 * 1_024;
/// What a piece counts besides its bytes: about what the library needs to keep it.
const PIECE_BYTES: usize = 512;

/// The streams of one connection.
pub struct Streams {
    clock: Arc<dyn Clock>,
    open: AtomicU32,
    last_end: Mutex<Monotonic>,
    /// An answer was not taken that only the connection's end can take back.
    pub stuck: Notify,
}

impl Streams {
    /// None yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let last_end = Mutex::new(clock.now());
        Self { clock, open: AtomicU32::new(0), last_end, stuck: Notify::new() }
    }

    /// Since when there is none, if there is none.
    #[must_use]
    pub fn quiet_since(&self) -> Option<Monotonic> {
        let last_end = *self.last_end.lock().unwrap_or_else(PoisonError::into_inner);
        (self.open.load(Ordering::Acquire) == 0).then_some(last_end)
    }
}

/// One stream, as long as it is open or something of its answer was not taken.
pub struct Stream {
    streams: Arc<Streams>,
    answer: Mutex<Handed>,
}

/// What was handed out of an answer.
struct Handed {
    pace: Pace,
    /// Bytes that the client has not taken, and what their pieces count.
    left: usize,
    /// Who is to be woken when no more than so much is left.
    waiting: Option<(usize, Waker)>,
}

impl Stream {
    /// One more stream on the connection.
    #[must_use]
    pub fn begin(streams: &Arc<Streams>, limits: PaceLimits) -> Arc<Self> {
        streams.open.fetch_add(1, Ordering::AcqRel);
        let mut pace = Pace::new(limits);
        // What the library takes ahead counts as taken, as HTTP/1 counts what the system
        // takes: until they have their first turn, streams wait for each other.
        pace.moved(streams.clock.now(), AHEAD_BYTES as u64);
        let answer = Mutex::new(Handed { pace, left: 0, waiting: None });
        Arc::new(Self { streams: Arc::clone(streams), answer })
    }

    fn answer(&self) -> MutexGuard<'_, Handed> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_out(self: &Arc<Self>, bytes: Bytes) -> Piece {
        let mut answer = self.answer();
        answer.left += bytes.len() + PIECE_BYTES;
        // The library may wait with it, and asks for more when the client has a window.
        answer.pace.waits(self.streams.clock.now());
        Piece { bytes, stream: Arc::clone(self) }
    }

    /// `bytes` were taken, and with them `rest` counts no more. The library may hold its
    /// locks, so nothing here may call it.
    fn taken(&self, bytes: usize, rest: usize) {
        let now = self.streams.clock.now();
        let mut answer = self.answer();
        let left = answer.left.saturating_sub(bytes + rest);
        let waits = left > 0 && answer.pace.ends().is_some();
        answer.left = left;
        answer.pace.moved(now, bytes as u64);
        if waits {
            answer.pace.waits(now);
        }
        let woken = answer.waiting.take_if(|(most, _)| left <= *most);
        drop(answer);
        if let Some((_, waker)) = woken {
            waker.wake();
        }
    }

    /// Ready once no more than `most` is left; until then the client is waited for.
    fn poll_left(&self, most: usize, context: &mut Context<'_>) -> Poll<()> {
        let now = self.streams.clock.now();
        let mut answer = self.answer();
        if answer.left <= most {
            answer.pace.moved(now, 0);
            return Poll::Ready(());
        }
        answer.pace.waits(now);
        answer.waiting = Some((most, context.waker().clone()));
        Poll::Pending
    }

    /// Ready when there is nothing more to watch, or the client's time is over.
    /// `answered` says that the library has the end of the answer.
    fn poll_watch(&self, answered: bool, timer: &mut Timer, context: &mut Context<'_>) -> Poll<()> {
        if answered && self.poll_left(0, context).is_ready() {
            return Poll::Ready(());
        }
        // Bytes that are taken only put it off, which is seen when the timer rings.
        let Some(patience) = self.answer().pace.ends() else {
            return Poll::Pending;
        };
        std::task::ready!(timer.poll(patience, context));
        if answered {
            self.streams.stuck.notify_one();
        }
        Poll::Ready(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        *self.streams.last_end.lock().unwrap_or_else(PoisonError::into_inner) = self.streams.clock.now();
        self.streams.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Bytes of an answer on their way through the library.
pub struct Piece {
    bytes: Bytes,
    stream: Arc<Stream>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.stream.taken(count, 0);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.stream.taken(0, self.bytes.len() + PIECE_BYTES);
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
            let mut work = std::pin::pin!(Some(work));
            std::future::poll_fn(|context| {
                if work.as_mut().as_pin_mut().is_some_and(|work| work.poll(context).is_ready()) {
                    // What it holds is needed no longer than it is at work.
                    work.set(None);
                }
                match &stream {
                    Some(stream) => stream.poll_watch(work.is_none(), &mut timer, context),
                    None if work.is_none() => Poll::Ready(()),
                    None => Poll::Pending,
                }
            })
            .await;
        }));
    }
}

/// An answer on its way over a stream, counted.
pub struct StreamBody {
    inner: AnswerBody,
    stream: Arc<Stream>,
    exchange: Arc<Exchange>,
    /// Its line is written when the last who knows about it lets go.
    _record: Arc<RequestRecord>,
    /// Nothing of it may be sent: the library does not see to that in HTTP/2.
    bodyless: bool,
    sent: u64,
    /// Whether the last bytes of it were handed out.
    ended: bool,
    trailers: Option<HeaderMap>,
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
        let (sent, ended, trailers) = (0, false, None);
        let body = Self { inner, stream, exchange, _record: record, bodyless, sent, ended, trailers };
        body.note(0, body.is_end_stream());
        body
    }

    /// So many bytes are handed out, and with them perhaps the end.
    fn note(&self, bytes: u64, complete: bool) {
        let now = self.stream.streams.clock.now();
        self.exchange.update(|seen| {
            seen.last_byte = now;
            seen.sent.body += bytes;
            seen.complete |= complete;
        });
    }
}

impl Body for StreamBody {
    type Data = Piece;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, BodyError>>> {
        let this = self.get_mut();
        while !this.ended {
            std::task::ready!(this.stream.poll_left(AHEAD_BYTES, context));
            let frame = std::task::ready!(Pin::new(&mut this.inner).poll_frame(context)).transpose()?;
            match frame.map(Frame::into_data) {
                Some(Ok(data)) => {
                    this.sent += data.len() as u64;
                    this.note(data.len() as u64, this.is_end_stream());
                    return Poll::Ready(Some(Ok(Frame::data(this.stream.hand_out(data)))));
                }
                // The library asks for nothing behind them, but the guest ends only then.
                Some(Err(frame)) => this.trailers = frame.into_trailers().ok(),
                None => this.ended = true,
            }
        }
        if this.sent > SHORT_BYTES {
            std::task::ready!(this.stream.poll_left(0, context));
        }
        this.note(0, true);
        Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.bodyless || (self.sent <= SHORT_BYTES && self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
