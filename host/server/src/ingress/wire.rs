//! A connection's socket with a meter on it: whose bytes pass, when, and how long a client takes none.
//!
//! Exchanges are told apart by following the framing of both directions. HTTP/1.1
//! answers in order, so the exchange being answered is always the oldest one.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hostel_model::platform::{BoxTask, Clock};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::{Direction, Framing};
use crate::record::{Exchange, RequestRecord};

/// Requests that a client may send ahead and have told apart.
const UNCLAIMED_MAX: usize = 256;

/// The meter of one connection, shared by its socket and its requests.
#[derive(Clone)]
pub struct Meter(Arc<Mutex<MeterState>>);

struct MeterState {
    clock: Arc<dyn Clock>,
    reading: Framing,
    writing: Framing,
    /// The exchange whose request is being read.
    current: Option<Arc<Exchange>>,
    /// Exchanges that no request has claimed yet, the oldest first.
    unclaimed: VecDeque<Arc<Exchange>>,
    /// Exchanges whose answer is due, the oldest first.
    answering: VecDeque<Answering>,
}

struct Answering {
    exchange: Arc<Exchange>,
    record: Arc<RequestRecord>,
    head_only: bool,
}

impl Meter {
    /// A meter at zero.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Mutex::new(MeterState {
            clock,
            reading: Framing::new(Direction::Requests),
            writing: Framing::new(Direction::Responses),
            current: None,
            unclaimed: VecDeque::new(),
            answering: VecDeque::new(),
        })))
    }

    /// The exchange of the request that was just parsed.
    #[must_use]
    pub fn claim(&self) -> Arc<Exchange> {
        self.state().unclaimed.pop_front().unwrap_or_default()
    }

    /// `record` is complete once the answer to `exchange` has been written.
    pub fn answer(&self, exchange: &Arc<Exchange>, record: &Arc<RequestRecord>, head_only: bool) {
        let answering = Answering { exchange: Arc::clone(exchange), record: Arc::clone(record), head_only };
        self.state().answering.push_back(answering);
    }

    /// The first exchange that began and never became a request, when the
    /// connection ends.
    #[must_use]
    pub fn unclaimed(&self) -> Option<Arc<Exchange>> {
        let first = self.state().unclaimed.pop_front();
        // Line ends between requests are not one.
        first.filter(|exchange| exchange.state().received.total() > 2)
    }

    fn state(&self) -> MutexGuard<'_, MeterState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, mut bytes: &[u8]) {
        let mut state = self.state();
        let state = &mut *state;
        while !bytes.is_empty() {
            let exchange = state.current.get_or_insert_with(|| {
                let exchange = Arc::<Exchange>::default();
                exchange.update(|seen| seen.first_byte = state.clock.now());
                state.unclaimed.push_back(Arc::clone(&exchange));
                exchange
            });
            let followed = exchange.update(|seen| state.reading.follow(bytes, false, &mut seen.received));
            if followed.ended && state.unclaimed.len() >= UNCLAIMED_MAX {
                // More than hyper would read ahead: nothing is told apart from here on.
                return;
            }
            if followed.ended {
                state.current = None;
            }
            bytes = bytes.get(followed.taken..).unwrap_or_default();
        }
    }

    fn wrote(&self, mut bytes: &[u8]) {
        let mut done = Vec::new();
        let mut state = self.state();
        let state = &mut *state;
        while !bytes.is_empty() {
            let answering = state.answering.front();
            let head_only = answering.is_some_and(|answering| answering.head_only);
            let Some(exchange) = answering.map(|answering| &answering.exchange).or(state.unclaimed.front()) else {
                return;
            };
            let now = state.clock.now();
            let followed = exchange.update(|seen| {
                seen.last_byte = now;
                let followed = state.writing.follow(bytes, head_only, &mut seen.sent);
                seen.status = state.writing.last_status();
                seen.complete = followed.ended || state.writing.ends_with_connection();
                followed
            });
            if followed.ended {
                // Dropped at the end of this function: its line may be written now.
                done.extend(state.answering.pop_front().map(|answering| answering.record));
            }
            bytes = bytes.get(followed.taken..).unwrap_or_default();
        }
    }
}

/// A socket that reports to a [`Meter`] and gives up on a client that takes nothing.
pub struct MeteredIo<S> {
    socket: S,
    meter: Meter,
    clock: Arc<dyn Clock>,
    write_idle: Duration,
    stuck: Option<BoxTask>,
}

impl<S> MeteredIo<S> {
    /// Meters `socket`; a write that makes no progress for `write_idle` fails.
    pub fn new(socket: S, meter: Meter, clock: Arc<dyn Clock>, write_idle: Duration) -> Self {
        Self { socket, meter, clock, write_idle, stuck: None }
    }

    fn progress<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stuck = None;
            return polled;
        }
        let (clock, patience) = (&self.clock, self.write_idle);
        let stuck = self.stuck.get_or_insert_with(|| clock.sleep_until(clock.now().after(patience)));
        std::task::ready!(stuck.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no bytes")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MeteredIo<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut this.socket).poll_read(context, buffer))?;
        if let Some(bytes) = buffer.filled().get(before..) {
            this.meter.read(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MeteredIo<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write(context, bytes);
        let written = std::task::ready!(this.progress(polled, context))?;
        this.meter.wrote(bytes.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write_vectored(context, slices);
        let written = std::task::ready!(this.progress(polled, context))?;
        let mut left = written;
        for slice in slices {
            let part = slice.get(..left.min(slice.len())).unwrap_or_default();
            this.meter.wrote(part);
            left -= part.len();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_flush(context);
        this.progress(polled, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }
}
