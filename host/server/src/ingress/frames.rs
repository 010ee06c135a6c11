//! An HTTP/2 connection's socket: what is begun must be completed in time.
//!
//! The library below waits for ever for the rest of a preface, of a frame or of a
//! header block. So the frames are followed here, by their heads alone (RFC 9113,
//! section 4.1), and a client that leaves something of it half-sent is dropped.
//! Only DATA may come slowly: bodies have limits of their own.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hostel_model::limits::ListenerLimits;
use hostel_model::platform::{Clock, Monotonic};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::paced::PacedIo;
use crate::timer::Timer;

#[cfg(test)]
mod tests;

/// What a client begins with (RFC 9113, section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEAD_BYTES: usize = 9;
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const PUSH_PROMISE: u8 = 0x5;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// Follows the frames of a client.
#[derive(Debug)]
pub struct Frames {
    /// Bytes of the preface to come.
    preface: usize,
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    payload: usize,
    /// Whether the frame whose payload comes is DATA.
    data: bool,
    /// Whether a header block is open.
    block: bool,
    /// How often nothing was half-sent.
    settled: u64,
}

impl Default for Frames {
    fn default() -> Self {
        let head = [0; HEAD_BYTES];
        Self { preface: PREFACE.len(), head, head_bytes: 0, payload: 0, data: false, block: false, settled: 0 }
    }
}

impl Frames {
    /// Follows `bytes`.
    pub fn follow(&mut self, mut bytes: &[u8]) {
        while let Some(first) = bytes.first() {
            let step = if self.preface > 0 {
                let step = self.preface.min(bytes.len());
                self.preface -= step;
                step
            } else if self.payload > 0 {
                let step = self.payload.min(bytes.len());
                self.payload -= step;
                step
            } else {
                if let Some(place) = self.head.get_mut(self.head_bytes) {
                    *place = *first;
                }
                self.head_bytes += 1;
                if self.head_bytes == HEAD_BYTES {
                    self.begin_frame();
                }
                1
            };
            bytes = bytes.get(step..).unwrap_or_default();
            self.settled += u64::from(!self.is_owing());
        }
    }

    fn begin_frame(&mut self) {
        let [high, middle, low, kind, flags, ..] = self.head;
        self.head_bytes = 0;
        self.payload = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.data = kind == DATA;
        if matches!(kind, HEADERS | PUSH_PROMISE | CONTINUATION) {
            self.block = flags & END_HEADERS == 0;
        }
    }

    /// Whether the client must send more at once: something other than DATA is half-sent.
    #[must_use]
    pub fn is_owing(&self) -> bool {
        self.preface > 0 || self.block || self.head_bytes > 0 || (self.payload > 0 && !self.data)
    }
}

/// A socket that keeps a client to its limits.
pub struct FramedIo<S> {
    socket: PacedIo<S>,
    frames: Frames,
    limits: Arc<ListenerLimits>,
    /// Since when the client owes the rest of what it began, and how often it had
    /// settled before.
    owing_since: Option<(Monotonic, u64)>,
    used: bool,
    timer: Timer,
}

impl<S> FramedIo<S> {
    /// Guards `socket`.
    pub fn new(socket: S, clock: &Arc<dyn Clock>, limits: Arc<ListenerLimits>) -> Self {
        let (socket, timer) = (PacedIo::new(socket, clock, &limits), Timer::new(Arc::clone(clock)));
        Self { socket, frames: Frames::default(), limits, owing_since: None, used: false, timer }
    }

    /// When the client must have completed what it owes.
    fn deadline(&mut self) -> Option<Monotonic> {
        if !self.frames.is_owing() {
            self.owing_since = None;
            return None;
        }
        let patience = if self.used { self.limits.header_read } else { self.limits.first_byte };
        let settled = self.frames.settled;
        let begun = self.owing_since.filter(|(_, before)| *before == settled);
        let (since, _) = *self.owing_since.insert(begun.unwrap_or_else(|| (self.timer.now(), settled)));
        Some(since.after(patience))
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client did not complete what it began")
}

impl<S: AsyncRead + Unpin> AsyncRead for FramedIo<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.socket).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().get(before..).unwrap_or_default();
                if !this.used {
                    // What was owed until here was the first byte.
                    this.owing_since = None;
                    this.used = true;
                }
                this.frames.follow(bytes);
                // Bytes that come all the time do not make a block that never ends.
                let late = !bytes.is_empty() && this.deadline().is_some_and(|deadline| deadline <= this.timer.now());
                Poll::Ready(if late { Err(too_slow()) } else { Ok(()) })
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let Some(deadline) = this.deadline() else {
                    return Poll::Pending;
                };
                std::task::ready!(this.timer.poll(deadline, context));
                Poll::Ready(Err(too_slow()))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for FramedIo<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket.poll_close(true, context)
    }
}
