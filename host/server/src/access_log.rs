//! The access log: one JSON object per line on standard output, for a request and for a call.
//!
//! What a line says is decided here; a [`LineWriter`] writes it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hostel_model::digest::RevisionNumber;
use hostel_model::failure::Failure;
use hostel_model::name::ServiceName;
use hostel_sandbox::GuestFailure;
use serde::Serialize;

use crate::ingress::framing::MessageBytes;
use crate::line_writer::LineWriter;
use crate::record::{ExchangeState, Origin, Protocol};

/// Where access-log lines go. Cheap to clone.
#[derive(Clone)]
pub struct AccessLog(pub LineWriter);

/// What is known of a request or call when it is over.
pub struct Line<'a> {
    /// When it began.
    pub wall: SystemTime,
    /// The id of the root request.
    pub id: &'a Arc<str>,
    /// Where it came from.
    pub origin: &'a Origin,
    /// Where it went.
    pub service: Option<&'a ServiceName>,
    /// The revision it ran in.
    pub revision: Option<RevisionNumber>,
    /// By which route.
    pub route: Option<&'a str>,
    /// Its method.
    pub method: &'a str,
    /// Its path, without the query, which may hold secrets.
    pub path: &'a str,
    /// The status it was answered with.
    pub status: Option<u16>,
    /// How it failed, if it did.
    pub failure: Option<&'a GuestFailure>,
    /// From the first byte of the request to the last of the response.
    pub duration: Duration,
    /// Processor time of the guest.
    pub cpu: Duration,
    /// Bytes of linear memory at most.
    pub memory_peak: u64,
    /// Whether work after the response was stopped.
    pub killed_after_response: bool,
    /// Bytes on the connection; none for a call.
    pub exchange: Option<ExchangeState>,
}

/// The object as it is written. Absent members mean "does not apply".
#[derive(Serialize)]
struct Entry<'a> {
    time: String,
    id: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trap: Option<&'static str>,
    duration_ms: f64,
    cpu_ms: f64,
    memory_peak_bytes: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    killed_after_response: bool,
    received: Bytes,
    sent: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<f64>,
}

/// Bytes of a message by kind. A call has only a body: nothing is on a wire; and a
/// request over HTTP/2 shares the wire with others.
#[derive(Serialize)]
struct Bytes {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<u64>,
    body: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    framing: Option<u64>,
    total: u64,
}

impl AccessLog {
    /// Queues one line.
    pub fn write(&self, line: &Line<'_>) {
        // Only numbers that are not finite cannot be written, and there are none.
        if let Ok(mut text) = serde_json::to_vec(&line.entry()) {
            text.push(b'\n');
            self.0.write(text);
        }
    }
}

impl<'a> Line<'a> {
    fn entry(&self) -> Entry<'a> {
        let (kind, peer, caller) = match self.origin {
            Origin::Outside { peer, .. } => ("request", Some(peer.to_string()), None),
            Origin::Call { caller, .. } => ("call", None, Some(caller.as_str())),
        };
        let protocol = match self.origin {
            Origin::Outside { protocol: Protocol::Http1, .. } => Some("HTTP/1.1"),
            Origin::Outside { protocol: Protocol::Http2, .. } => Some("HTTP/2"),
            Origin::Call { .. } => None,
        };
        let (received, sent) = self.bytes();
        Entry {
            time: humantime::format_rfc3339_millis(self.wall).to_string(),
            id: self.id,
            kind,
            peer,
            protocol,
            caller,
            service: self.service.map(ServiceName::as_str),
            revision: self.revision.map(|revision| revision.to_string()),
            route: self.route,
            method: self.method,
            path: self.path,
            status: self.status,
            outcome: self.failure.map_or("ok", |failure| failure.failure.slug()),
            cause: self.failure.and_then(|failure| failure.cause).map(Failure::slug),
            trap: self.failure.and_then(|failure| failure.trap),
            duration_ms: milliseconds(self.duration),
            cpu_ms: milliseconds(self.cpu),
            memory_peak_bytes: self.memory_peak,
            killed_after_response: self.killed_after_response,
            bytes_per_second: rate(received.total + sent.total, self.duration),
            received,
            sent,
        }
    }

    fn bytes(&self) -> (Bytes, Bytes) {
        match (self.exchange, self.origin) {
            // Frames of several requests share what is on the wire.
            (Some(exchange), Origin::Outside { protocol: Protocol::Http2, .. }) => {
                (Bytes::body_only(exchange.received.body), Bytes::body_only(exchange.sent.body))
            }
            (Some(exchange), _) => (Bytes::on_wire(exchange.received), Bytes::on_wire(exchange.sent)),
            (None, Origin::Call { bodies, .. }) => {
                let order = std::sync::atomic::Ordering::Relaxed;
                (Bytes::body_only(bodies.received.load(order)), Bytes::body_only(bodies.sent.load(order)))
            }
            (None, Origin::Outside { .. }) => (Bytes::body_only(0), Bytes::body_only(0)),
        }
    }
}

impl Bytes {
    fn on_wire(bytes: MessageBytes) -> Self {
        Self {
            line: Some(bytes.line),
            headers: Some(bytes.headers),
            body: bytes.body,
            framing: Some(bytes.framing),
            total: bytes.total(),
        }
    }

    fn body_only(body: u64) -> Self {
        Self { line: None, headers: None, body, framing: None, total: body }
    }
}

/// Microseconds are kept; more digits are noise.
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1_000.0
}

/// Size over time, in whole bytes a second.
fn rate(bytes: u64, time: Duration) -> Option<f64> {
    let seconds = time.as_secs_f64();
    (seconds > 0.0).then(|| (bytes as f64 / seconds).round())
}
