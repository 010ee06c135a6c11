//! Leave to have a connection: taken before it is made, and given back with its socket.
//!
//! A connection has tasks that outlive each other, so that "its task is over" does
//! not mean that its file is closed. The leave therefore lies beside the socket
//! itself, and ends when that does.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How many connections one service may have, and who waits for one of them.
#[derive(Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    changed: Arc<Notify>,
}

impl Places {
    pub(super) fn new(connections: u32) -> Self {
        Self { free: Arc::new(Semaphore::new(connections as usize)), changed: Arc::default() }
    }

    /// Rings when a connection is closed, and when one comes to rest: for one of those who wait each time.
    pub(super) fn changed(&self) -> &Arc<Notify> {
        &self.changed
    }

    /// Leave for one more connection, if it can be had of everybody: of the service, and of
    /// `others`. As long as it is held `open` shows it.
    pub(super) fn take(&self, others: [&Arc<Semaphore>; 2], open: &Gauge) -> Option<Slot> {
        let of_service = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let [first, second] = others.map(|other| Arc::clone(other).try_acquire_owned());
        // Nothing rings before all is there: who asks in vain would wake itself for ever.
        let permits = [of_service, first.ok()?, second.ok()?];
        open.inc();
        let changed = Ring(Arc::clone(&self.changed));
        Some(Slot { _open: Shown(open.clone()), _permits: permits, _changed: changed })
    }

    /// Whether these are those, and not just as many.
    #[cfg(test)]
    pub(super) fn are(&self, others: &Self) -> bool {
        Arc::ptr_eq(&self.free, &others.free)
    }

    /// How many are left.
    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.free.available_permits()
    }
}

/// Leave to have one connection.
pub(super) struct Slot {
    _open: Shown,
    _permits: [OwnedSemaphorePermit; 3],
    /// After the permits: whoever hears it finds them free.
    _changed: Ring,
}

/// One less when it is dropped.
struct Shown(Gauge);

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Rings when it is dropped.
struct Ring(Arc<Notify>);

impl Drop for Ring {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// A socket, and the leave to have it.
pub(super) struct Held<T> {
    /// Before the leave: that is free when this is closed.
    io: T,
    _slot: Slot,
}

impl<T> Held<T> {
    pub(super) fn new(io: T, slot: Slot) -> Self {
        Self { io, _slot: slot }
    }
}

impl<T: Read + Unpin> Read for Held<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin> Write for Held<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }
}
