//! HTTP on one connection: its handshake, and the tasks that drive it until it is done or nobody needs it.

use std::convert::Infallible;
use std::sync::{Arc, Weak};

use futures::FutureExt;
use futures::future::{Shared, select};
use hostel_model::platform::{Platform, Spawn};
use hostel_sandbox::OutgoingError;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Executor, Read, Write};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Notify, oneshot};

use super::body::SentBody;
use super::connect::Reached;
use super::failure;
use super::slot::{Held, Slot};

/// The head of a response, and what is read ahead of its body.
const BUFFER_BYTES: usize = 64 * 1_024;
/// What one stream of HTTP/2 may send before somebody reads it.
const STREAM_WINDOW: u32 = 64 * 1_024;
/// Requests that share one connection of HTTP/2; more of them make another.
pub(super) const STREAMS: u32 = 16;
/// What all streams of a connection may send together: as much as each may by itself,
/// or the readers that are slow would hold up the others. It may have to be kept.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * STREAMS;
/// Header fields of a response of HTTP/2, as it counts them.
const HEADER_LIST: u32 = 64 * 1_024;
/// What is kept of a body until the other side takes it.
const UNSENT_BYTES: usize = 64 * 1_024;
/// An upstream that went silent while somebody waits for it is found out after twice this.
const PING: std::time::Duration = std::time::Duration::from_secs(20);

/// Who sends requests on a connection.
pub(super) enum Sender {
    /// One at a time.
    Http1(http1::SendRequest<SentBody>),
    /// Many at once.
    Http2(http2::SendRequest<SentBody>),
}

/// Keeps a connection: when the last of these is dropped, so is that, at once and
/// whatever it is doing.
#[derive(Clone)]
pub(super) struct Life {
    kept: Arc<oneshot::Sender<Infallible>>,
    /// After what it looks at.
    _rests: Rests,
}

/// Tells somebody who waits for a connection that this one may have come to rest.
#[derive(Clone)]
struct Rests {
    kept: Weak<oneshot::Sender<Infallible>>,
    changed: Arc<Notify>,
}

/// When the last [`Life`] was dropped.
type End = Shared<oneshot::Receiver<Infallible>>;

impl Life {
    fn new(changed: &Arc<Notify>) -> (Self, End) {
        let (kept, end) = oneshot::channel();
        let kept = Arc::new(kept);
        let rests = Rests { kept: Arc::downgrade(&kept), changed: Arc::clone(changed) };
        (Self { kept, _rests: rests }, end.shared())
    }

    /// How many others keep it.
    pub(super) fn others(&self) -> usize {
        Arc::strong_count(&self.kept).saturating_sub(1)
    }
}

impl Drop for Rests {
    fn drop(&mut self) {
        // The last one ends the connection, which is told when it is closed.
        if self.kept.strong_count() > 0 {
            self.changed.notify_one();
        }
    }
}

/// Begins to speak on `reached`, in tasks of its own. `slot` is free when its socket is
/// closed; `changed` rings when it may have come to rest before that.
pub(super) async fn begin(
    reached: Reached,
    slot: Slot,
    changed: &Arc<Notify>,
    platform: &Platform,
) -> Result<(Sender, Life), OutgoingError> {
    match reached {
        Reached::Plain(stream) => http1(Held::new(TokioIo::new(stream), slot), changed, platform).await,
        Reached::Secured { stream, http2: false } => {
            http1(Held::new(TokioIo::new(*stream), slot), changed, platform).await
        }
        Reached::Secured { stream, http2: true } => {
            http2(Held::new(TokioIo::new(*stream), slot), changed, platform).await
        }
    }
}

async fn http1<T: Read + Write + Unpin + Send + 'static>(
    io: T,
    changed: &Arc<Notify>,
    platform: &Platform,
) -> Result<(Sender, Life), OutgoingError> {
    let (life, end) = Life::new(changed);
    let handshake = http1::Builder::new().max_buf_size(BUFFER_BYTES).handshake(io);
    let (sender, connection) = handshake.await.map_err(|error| failure::of_exchange(&error))?;
    // Its error is told to whoever waits for a response.
    Tasks { spawn: Arc::clone(&platform.spawn), end }.execute(connection.map(|_told| ()));
    Ok((Sender::Http1(sender), life))
}

async fn http2<T: Read + Write + Unpin + Send + 'static>(
    io: T,
    changed: &Arc<Notify>,
    platform: &Platform,
) -> Result<(Sender, Life), OutgoingError> {
    let (life, end) = Life::new(changed);
    let tasks = Tasks { spawn: Arc::clone(&platform.spawn), end };
    let handshake = http2::Builder::new(tasks.clone())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADER_LIST)
        .max_send_buf_size(UNSENT_BYTES)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .handshake(io);
    let (sender, connection) = handshake.await.map_err(|error| failure::of_exchange(&error))?;
    // This is whoever begins streams; the socket is in a task that the library has begun.
    tasks.execute(connection.map(|_told| ()));
    Ok((Sender::Http2(sender), life))
}

/// Where a connection's work is done: whatever is left of it ends with its last [`Life`].
#[derive(Clone)]
struct Tasks {
    spawn: Arc<dyn Spawn>,
    end: End,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let end = self.end.clone();
        self.spawn.task(Box::pin(async move {
            let _ = select(Box::pin(task), end).await;
        }));
    }
}
