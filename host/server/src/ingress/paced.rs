//! A socket whose client must take what is written to it, in both protocols.
//!
//! Only time in which the system has no room counts, and only until everything is
//! with the system: a flush ends every wait.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hostel_model::limits::ListenerLimits;
use hostel_model::platform::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::linger::Linger;
use crate::pace::{Pace, PaceLimits};
use crate::timer::Timer;

/// A socket that gives up on a client that takes nothing, or too little.
pub struct PacedIo<S> {
    socket: S,
    limits: PaceLimits,
    pace: Pace,
    timer: Timer,
    /// Whether the pace begins anew once everything is with the system.
    begins_anew: bool,
    linger: Linger,
}

impl<S> PacedIo<S> {
    /// Guards `socket`.
    pub fn new(socket: S, clock: &Arc<dyn Clock>, limits: &ListenerLimits) -> Self {
        let limits = PaceLimits::of_writes(limits);
        let (timer, linger) = (Timer::new(Arc::clone(clock)), Linger::new(Arc::clone(clock)));
        Self { socket, limits, pace: Pace::new(limits), timer, begins_anew: false, linger }
    }

    /// What was written last is the end of an answer: the next one has a pace of its own.
    pub fn ends_answer(&mut self) {
        self.begins_anew = true;
    }

    /// Holds the client to its pace after `polled`, with which so many bytes passed.
    fn paced<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        bytes: impl FnOnce(&T) -> u64,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        let now = self.timer.now();
        let Poll::Ready(done) = polled else {
            let patience = self.pace.waits(now);
            std::task::ready!(self.timer.poll(patience, context));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no bytes")));
        };
        self.pace.moved(now, done.as_ref().map_or(0, bytes));
        Poll::Ready(done)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> PacedIo<S> {
    /// Closes the socket; with `drains`, or if something is there, takes in what
    /// still comes.
    pub fn poll_close(&mut self, drains: bool, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.linger.poll(&mut self.socket, drains, context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PacedIo<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PacedIo<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write(context, bytes);
        this.paced(polled, |count| *count as u64, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write_vectored(context, slices);
        this.paced(polled, |count| *count as u64, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_flush(context);
        let flushed = std::task::ready!(this.paced(polled, |()| 0, context));
        if std::mem::take(&mut this.begins_anew) {
            this.pace = Pace::new(this.limits);
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_close(true, context)
    }
}
