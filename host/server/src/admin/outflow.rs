//! A body that a thread writes while the client reads: backups and exports, of whatever size.
//!
//! A few pieces wait between the two, so that neither is held in memory. If the
//! thread fails, the body breaks off and never ends as if it were whole.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::stream::poll_fn;
use hostel_model::platform::{Clock, Monotonic};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::admin::context::Context;
use crate::admin::problem::Problem;

/// Bytes of a piece.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait for the client.
const PIECES_WAITING: usize = 16;
/// How long a client may take nothing: while it does, it may hold up deployments.
pub(super) const STALL_MAX: Duration = Duration::from_secs(30);
/// Between two tries while the client takes nothing: a megabyte in that time is
/// faster than any disk that is read here.
const PAUSE: Duration = Duration::from_millis(2);

/// What goes through the queue.
enum Piece {
    Data(Bytes),
    /// All of it was written. A queue that just ends is a body that broke off.
    End,
    /// There will be no more of it.
    Failed(Problem),
}

/// Where the thread writes.
pub(super) struct Outflow {
    pieces: mpsc::Sender<Piece>,
    piece: Vec<u8>,
    clock: Arc<dyn Clock>,
}

/// The body that `write` writes on a thread of its own. What fails before the first
/// piece is there is a refusal; later there is only breaking off.
pub(super) async fn outflow(
    context: &Context,
    name: &'static str,
    write: impl FnOnce(&mut Outflow) -> Result<(), Problem> + Send + 'static,
) -> Result<Body, Problem> {
    let (pieces, mut waiting) = mpsc::channel(PIECES_WAITING);
    let clock = Arc::clone(&context.platform.clock);
    let body = move || {
        let mut outflow = Outflow { pieces, piece: Vec::with_capacity(PIECE_BYTES), clock };
        let last = match write(&mut outflow) {
            Ok(()) => outflow.flush().map(|()| Piece::End),
            Err(problem) => Ok(Piece::Failed(problem)),
        };
        // Fails if the client has left, which is its own affair.
        let _ = last.and_then(|last| outflow.send(last));
    };
    if let Err(error) = context.platform.spawn.thread(name, Box::new(body)) {
        tracing::error!(%error, "no thread for a request to the admin plane; raise the limit of threads");
        return Err(Problem::busy("The system has no thread to give; try again."));
    }
    let mut first = match waiting.recv().await {
        Some(Piece::Failed(problem)) => return Err(problem),
        None => return Err(Problem::internal()),
        Some(piece) => Some(piece),
    };
    let mut over = false;
    Ok(Body::from_stream(poll_fn(move |task| {
        let next = match first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None if over => Poll::Ready(Some(Piece::End)),
            None => waiting.poll_recv(task),
        };
        next.map(|piece| match piece {
            Some(Piece::Data(data)) => Some(Ok(data)),
            Some(Piece::End) => {
                over = true;
                None
            }
            Some(Piece::Failed(_)) | None => Some(Err(io::Error::from(ErrorKind::UnexpectedEof))),
        })
    })))
}

impl Outflow {
    /// Waits until there is room for `piece`.
    fn send(&mut self, piece: Piece) -> io::Result<()> {
        let mut piece = piece;
        let mut until: Option<Monotonic> = None;
        loop {
            piece = match self.pieces.try_send(piece) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(ErrorKind::BrokenPipe.into()),
                Err(TrySendError::Full(piece)) => piece,
            };
            let now = self.clock.now();
            if now > *until.get_or_insert(now.after(STALL_MAX)) {
                return Err(ErrorKind::TimedOut.into());
            }
            self.clock.pause_thread(PAUSE);
        }
    }
}

impl Write for Outflow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES - self.piece.len();
        let taken = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        self.piece.extend_from_slice(taken);
        if self.piece.len() == PIECE_BYTES {
            self.flush()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        self.send(Piece::Data(piece.into()))
    }
}
