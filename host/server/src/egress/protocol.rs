//! HTTP on one connection: its handshake, and the task that drives it until it is done or nobody needs it.

use std::convert::Infallible;
use std::sync::Arc;

use futures::future::select;
use hostel_model::platform::{Platform, Spawn};
use hostel_sandbox::OutgoingError;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Executor, Read, Write};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;

use super::body::SentBody;
use super::connect::Reached;
use super::failure;
use super::pool::Slot;

/// The head of a response, and what is read ahead of its body.
const BUFFER_BYTES: usize = 64 * 1_024;
/// What one stream of HTTP/2 may send before somebody reads it.
const STREAM_WINDOW: u32 = 64 * 1_024;
/// The same of all streams of a connection together.
const CONNECTION_WINDOW: u32 = 256 * 1_024;
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
pub(super) struct Life(Arc<oneshot::Sender<Infallible>>);

impl Life {
    /// Whether nobody else keeps it.
    pub(super) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// Begins to speak on `reached`, in a task that holds `slot` to its end.
pub(super) async fn begin(reached: Reached, slot: Slot, platform: &Platform) -> Result<(Sender, Life), OutgoingError> {
    match reached {
        Reached::Plain(stream) => http1(TokioIo::new(stream), slot, platform).await,
        Reached::Secured { stream, http2: false } => http1(TokioIo::new(*stream), slot, platform).await,
        Reached::Secured { stream, http2: true } => http2(TokioIo::new(*stream), slot, platform).await,
    }
}

async fn http1<T: Read + Write + Unpin + Send + 'static>(
    io: T,
    slot: Slot,
    platform: &Platform,
) -> Result<(Sender, Life), OutgoingError> {
    let handshake = http1::Builder::new().max_buf_size(BUFFER_BYTES).handshake(io);
    let (sender, connection) = handshake.await.map_err(|error| failure::of_exchange(&error))?;
    Ok((Sender::Http1(sender), drive(connection, slot, platform)))
}

async fn http2<T: Read + Write + Unpin + Send + 'static>(
    io: T,
    slot: Slot,
    platform: &Platform,
) -> Result<(Sender, Life), OutgoingError> {
    let handshake = http2::Builder::new(Tasks(Arc::clone(&platform.spawn)))
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADER_LIST)
        .max_send_buf_size(UNSENT_BYTES)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .handshake(io);
    let (sender, connection) = handshake.await.map_err(|error| failure::of_exchange(&error))?;
    Ok((Sender::Http2(sender), drive(connection, slot, platform)))
}

fn drive<C>(connection: C, slot: Slot, platform: &Platform) -> Life
where
    C: Future<Output = hyper::Result<()>> + Send + 'static,
{
    let (life, ended) = oneshot::channel();
    platform.spawn.task(Box::pin(async move {
        // Its error is told to whoever waits for a response.
        let _ = select(Box::pin(connection), ended).await;
        drop(slot);
    }));
    Life(Arc::new(life))
}

/// Where HTTP/2 runs what it does besides.
#[derive(Clone)]
struct Tasks(Arc<dyn Spawn>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.task(Box::pin(task));
    }
}
