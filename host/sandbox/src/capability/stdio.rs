//! A guest's words, line by line, in the host's log under the service's name and within a quota.
//!
//! They are a guest's words: every line is a quoted field of a log event, never
//! a message, so that it cannot pass for one of ours, move a cursor or start a
//! new line. What is over the quota is dropped and counted.

use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hostel_model::limits::Limits;
use hostel_model::platform::{Clock, Monotonic};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::call::CallTree;
use crate::ledger::Ledger;
use crate::service::ServiceParts;

/// A line longer than this is cut into several, so that one line stays readable.
const LINE_BYTES: usize = 8 * 1024;
/// A line costs its quota at least this much, which is about what the host writes around it: a guest that
/// writes empty lines fills a log as well.
const LINE_LEAST: u64 = 64;
/// The most a guest may hand over in one write.
const WRITE_BYTES: usize = 64 * 1024;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Stdout,
    Stderr,
}

/// The log of one request of one service.
#[derive(Clone)]
pub(crate) struct GuestLog(Arc<Mutex<Target>>);

#[derive(Clone)]
struct Target {
    parts: Arc<ServiceParts>,
    ledger: Arc<Ledger>,
    tree: Arc<CallTree>,
}

impl GuestLog {
    pub(crate) fn new(parts: Arc<ServiceParts>, ledger: Arc<Ledger>, tree: Arc<CallTree>) -> Self {
        Self(Arc::new(Mutex::new(Target { parts, ledger, tree })))
    }

    pub(crate) fn serve_next(&self, ledger: Arc<Ledger>, tree: Arc<CallTree>) {
        let mut target = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        target.ledger = ledger;
        target.tree = tree;
    }

    pub(crate) fn stream(&self, origin: Origin) -> LogStream {
        LogStream { log: self.clone(), origin }
    }

    /// Writes one line if the quotas allow it.
    pub(crate) fn line(&self, level: tracing::Level, origin: &str, context: &str, text: &str) {
        let target = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let bytes = (text.len() + context.len()) as u64;
        if !target.admits(bytes.max(LINE_LEAST)) {
            target.parts.counters.log_lines_dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let (service, request) = (target.parts.name.as_str(), &*target.tree.request_id);
        // Debug quotes and escapes: control bytes of a guest reach no terminal.
        match level {
            tracing::Level::ERROR => {
                tracing::error!(target: "guest", service, request, origin, ?context, ?text, "guest log")
            }
            tracing::Level::WARN => {
                tracing::warn!(target: "guest", service, request, origin, ?context, ?text, "guest log")
            }
            tracing::Level::INFO => {
                tracing::info!(target: "guest", service, request, origin, ?context, ?text, "guest log")
            }
            tracing::Level::DEBUG => {
                tracing::debug!(target: "guest", service, request, origin, ?context, ?text, "guest log")
            }
            tracing::Level::TRACE => {
                tracing::trace!(target: "guest", service, request, origin, ?context, ?text, "guest log")
            }
        }
    }

    /// A refusal of the host that the author of the service should read.
    pub(crate) fn refused(&self, slug: &'static str, detail: &str) {
        let target = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if target.admits((detail.len() as u64).max(LINE_LEAST)) {
            let (service, request) = (target.parts.name.as_str(), &*target.tree.request_id);
            tracing::warn!(service, request, outcome = slug, ?detail, "outgoing request refused");
        }
    }
}

impl Target {
    fn admits(&self, bytes: u64) -> bool {
        let limits: &Limits = &self.parts.limits;
        let before = self.ledger.logged(bytes);
        before.saturating_add(bytes) <= limits.log_request.0
            && self.parts.logs.take(self.parts.platform.clock.as_ref(), bytes, limits.log_second.0)
    }
}

/// The rate at which one service may log, all its requests together.
#[derive(Debug, Default)]
pub(crate) struct LogRate {
    second: Mutex<(Monotonic, u64)>,
}

impl LogRate {
    /// Counts `bytes` against the current second; false if it is full.
    fn take(&self, clock: &dyn Clock, bytes: u64, per_second: u64) -> bool {
        let now = clock.now();
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(second.0).as_secs() >= 1 {
            *second = (now, 0);
        }
        second.1 = second.1.saturating_add(bytes);
        second.1 <= per_second
    }
}

/// A guest's stdout or stderr.
pub(crate) struct LogStream {
    log: GuestLog,
    origin: Origin,
}

impl LogStream {
    fn open(&self) -> OpenStream {
        OpenStream { log: self.log.clone(), origin: self.origin, line: Vec::new() }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.open())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.open())
    }
}

/// One handle to a stream, with the line that has not ended yet.
struct OpenStream {
    log: GuestLog,
    origin: Origin,
    line: Vec<u8>,
}

impl OpenStream {
    fn take_bytes(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.line.extend_from_slice(line);
            self.end_line();
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.line.extend_from_slice(bytes);
        while self.line.len() >= LINE_BYTES {
            let rest = self.line.split_off(LINE_BYTES);
            self.end_line();
            self.line = rest;
        }
    }

    fn end_line(&mut self) {
        let line = mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        match self.origin {
            Origin::Stdout => self.log.line(tracing::Level::INFO, "stdout", "", text.trim_end_matches('\r')),
            Origin::Stderr => self.log.line(tracing::Level::WARN, "stderr", "", text.trim_end_matches('\r')),
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for OpenStream {
    async fn ready(&mut self) {}
}

impl OutputStream for OpenStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > WRITE_BYTES {
            return Err(StreamError::trap("a write larger than `check-write` allowed"));
        }
        self.take_bytes(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

impl AsyncWrite for OpenStream {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let taken = bytes.len().min(WRITE_BYTES);
        self.take_bytes(bytes.get(..taken).unwrap_or_default());
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
