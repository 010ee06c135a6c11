//! The end of a connection whose client may still be sending.
//!
//! Closing a socket with bytes in it that nobody read makes the system reset the
//! connection, and the reset overtakes the answer. So the sending half is closed
//! first, and what still comes is thrown away for a moment.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hostel_model::platform::{Clock, Monotonic};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::timer::Timer;

/// How long what nobody wants is thrown away.
const LINGER: Duration = Duration::from_secs(1);
/// How much of it.
const LINGER_BYTES: usize = 64 * 1_024;

/// Closes a socket in two steps.
pub struct Linger {
    timer: Timer,
    until: Option<Monotonic>,
    closed: bool,
    left: usize,
}

impl Linger {
    /// Not begun.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { timer: Timer::new(clock), until: None, closed: false, left: LINGER_BYTES }
    }

    /// Closes `socket`; with `drains`, or if something is there, takes in what still
    /// comes.
    pub fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        drains: bool,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let until = *self.until.get_or_insert_with(|| self.timer.now().after(LINGER));
        if !self.closed {
            match Pin::new(&mut *socket).poll_shutdown(context) {
                Poll::Ready(closed) => closed?,
                Poll::Pending => return self.timer.poll(until, context).map(Ok),
            }
            self.closed = true;
        }
        let mut scratch = [0; 4 * 1_024];
        while self.left > 0 {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *socket).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.left = self.left.saturating_sub(buffer.filled().len());
                }
                // The client has left, or has closed in turn.
                Poll::Ready(_) => break,
                Poll::Pending if !drains && self.left == LINGER_BYTES => break,
                Poll::Pending => return self.timer.poll(until, context).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}
