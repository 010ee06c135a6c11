//! `limits` of a listener: what a client is granted that differs from the defaults.

use std::time::Duration;

use crate::config::problem::Report;
use crate::config::section::{Item, Section};
use crate::limits::ListenerLimits;
use crate::units::ByteSize;

const KEYS: &[&str] = &[
    "header_block",
    "header_fields",
    "request_line",
    "first_byte",
    "header_read",
    "tls_handshake",
    "idle",
    "body_idle",
    "body_rate",
    "rate_grace",
    "write_idle",
    "write_rate",
    "connections",
    "connections_per_address",
    "streams",
    "header_list",
    "stream_window",
    "connection_window",
    "reset_streams",
    "reset_streams_local",
];
const EXAMPLE: &str = "`limits = { header_read = \"5s\", connections = 1000 }`";

/// What a browser sends with a few cookies is not less.
const HEADERS_MIN: ByteSize = ByteSize::kib(1);
/// Every connection may hold as much before anyone knows what it wants.
const HEADERS_MAX: ByteSize = ByteSize::kib(256);
/// A method, a short path and the version.
const REQUEST_LINE_MIN: ByteSize = ByteSize(64);
/// More would have to be set in the HTTP library, where it costs an allocation for every request.
const HEADER_FIELDS_MAX: u64 = 100;
/// Below this the clock that limits are kept by cannot tell times apart.
const TIME_MIN: Duration = Duration::from_millis(1);
/// Who waits for longer waits for ever, and a connection that nobody ends is what these limits are against.
const TIME_MAX: Duration = Duration::from_hours(1);
/// Asking for more than a megabyte a second shuts out honest clients; 0 asks for nothing.
const RATE_MAX: u64 = 1_000_000;
/// More open files no process is given.
const CONNECTIONS_MAX: u64 = 1_000_000;
/// Each stream may hold a window of bytes and a request in a queue.
const STREAMS_MAX: u64 = 10_000;
/// More allows the very flood of resets that is to be noticed.
const RESETS_MAX: u64 = 10_000;
/// The largest window of HTTP/2 (RFC 9113, section 6.9.1).
const WINDOW_MAX: ByteSize = ByteSize((1 << 31) - 1);

pub(super) fn read(listener: &Section<'_>, report: &mut Report<'_>) -> ListenerLimits {
    let mut limits = ListenerLimits::default();
    if let Some(section) = listener.section("limits", EXAMPLE, report) {
        section.expect_only(KEYS, report);
        heads(&section, &mut limits, report);
        times(&section, &mut limits, report);
        counts(&section, &mut limits, report);
        windows(&section, &mut limits, report);
        if limits.request_line < ListenerLimits::default().request_line && section.get("request_line").is_none() {
            // The smaller block of headers made it smaller.
            section.note([("header_block", "request_line")], &mut limits.origins, report);
        }
        section.note(KEYS.iter().map(|key| (*key, *key)), &mut limits.origins, report);
    }
    limits
}

fn heads(section: &Section<'_>, limits: &mut ListenerLimits, report: &mut Report<'_>) {
    let block = section.measure("header_block", HEADERS_MIN..=HEADERS_MAX, report);
    if let Some(block) = &block {
        limits.header_block = block.value;
    }
    match section.measure("request_line", REQUEST_LINE_MIN..=HEADERS_MAX, report) {
        Some(line) if line.value > limits.header_block => too_long(section, line, block, limits.header_block, report),
        Some(line) => limits.request_line = line.value,
        // Only what was written down can be wrong.
        None => limits.request_line = limits.request_line.min(limits.header_block),
    }
    section.set("header_list", HEADERS_MIN..=HEADERS_MAX, &mut limits.header_list, report);
    section.set_count("header_fields", 1..=HEADER_FIELDS_MAX, &mut limits.header_fields, report);
}

fn too_long(
    section: &Section<'_>,
    line: Item<ByteSize>,
    block: Option<Item<ByteSize>>,
    most: ByteSize,
    report: &mut Report<'_>,
) {
    let asked = line.value;
    let message = format!("`{}` is `{asked}`, but `header_block` is `{most}`", section.path("request_line"));
    let help =
        format!("lower it to `{most}`, or write `header_block = \"{asked}\"`, which counts the request line too");
    let problem = crate::config::Problem::error(report.source(), message, help).at(line.span, "more than all together");
    report.push(match block {
        Some(block) => problem.at(block.span, "the request line and all headers"),
        None => problem,
    });
}

fn times(section: &Section<'_>, limits: &mut ListenerLimits, report: &mut Report<'_>) {
    section.set("first_byte", TIME_MIN..=TIME_MAX, &mut limits.first_byte, report);
    section.set("header_read", TIME_MIN..=TIME_MAX, &mut limits.header_read, report);
    section.set("tls_handshake", TIME_MIN..=TIME_MAX, &mut limits.tls_handshake, report);
    section.set("idle", TIME_MIN..=TIME_MAX, &mut limits.idle, report);
    section.set("body_idle", TIME_MIN..=TIME_MAX, &mut limits.body_idle, report);
    section.set("rate_grace", Duration::ZERO..=TIME_MAX, &mut limits.rate_grace, report);
    section.set("write_idle", TIME_MIN..=TIME_MAX, &mut limits.write_idle, report);
}

fn counts(section: &Section<'_>, limits: &mut ListenerLimits, report: &mut Report<'_>) {
    section.set_count("body_rate", 0..=RATE_MAX, &mut limits.body_rate, report);
    section.set_count("write_rate", 0..=RATE_MAX, &mut limits.write_rate, report);
    section.set_count("connections", 1..=CONNECTIONS_MAX, &mut limits.connections, report);
    section.set_count("connections_per_address", 1..=CONNECTIONS_MAX, &mut limits.connections_per_address, report);
    section.set_count("streams", 1..=STREAMS_MAX, &mut limits.streams, report);
    section.set_count("reset_streams", 1..=RESETS_MAX, &mut limits.reset_streams, report);
    section.set_count("reset_streams_local", 1..=RESETS_MAX, &mut limits.reset_streams_local, report);
}

fn windows(section: &Section<'_>, limits: &mut ListenerLimits, report: &mut Report<'_>) {
    section.set("stream_window", ByteSize(1)..=WINDOW_MAX, &mut limits.stream_window, report);
    section.set("connection_window", ByteSize(1)..=WINDOW_MAX, &mut limits.connection_window, report);
}
