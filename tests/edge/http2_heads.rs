//! HTTP/2 heads that no honest client sends: reset or refused, never a request.

use super::http2::host;
use super::{assert_nothing_smuggled, echoes};
use crate::harness::{Frames, Harness, Running, guest, kind};

/// The index of `:status` 200 and 400 in HPACK's static table.
const STATUS_200: u8 = 0x80 | 8;
const STATUS_400: u8 = 0x80 | 12;

const GOOD: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":path", "/p2/smuggled"), (":authority", "localhost")];

/// The good head with one field instead of one that it has, or more.
fn with<'a>(name: &str, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    GOOD.iter().filter(|(own, _)| *own != name).copied().chain(fields.iter().copied()).collect()
}

fn rows() -> Vec<Vec<(&'static str, &'static str)>> {
    let mut rows = vec![
        // Pseudo-header fields: each once, all known, none behind a field.
        with(":method", &[]),
        with(":scheme", &[]),
        with(":path", &[]),
        with(":path", &[(":path", "")]),
        with(":path", &[(":path", "p2/smuggled")]),
        with(":path", &[(":path", "/p2/smuggled"), (":path", "/p2/smuggled")]),
        with("", &[(":method", "GET")]),
        with("", &[(":scheme", "http")]),
        with("", &[(":authority", "localhost")]),
        with("", &[(":status", "200")]),
        with("", &[(":unknown", "x")]),
        with(":path", &[("x", "y"), (":path", "/p2/smuggled")]),
        with(":method", &[(":method", "")]),
        with(":method", &[(":method", "GET /p2/smuggled HTTP/1.1")]),
        with(":method", &[(":method", "G\r\nET")]),
        with(":scheme", &[(":scheme", "https")]),
        with(":scheme", &[(":scheme", "ftp")]),
        with(":scheme", &[(":scheme", "http://localhost/p2/smuggled?")]),
        with(":path", &[(":path", "/p2/smuggled HTTP/1.1\r\nx: y")]),
        with(":path", &[(":path", "/p2/smuggled x")]),
        with(":path", &[(":path", "/p2/smuggled\0")]),
        with(":path", &[(":path", "*")]),
        with(":path", &[(":path", "http://localhost/p2/smuggled")]),
        with(":path", &[(":path", "/p2/../smuggled")]),
        with(":authority", &[]),
        with(":authority", &[(":authority", "")]),
        with(":authority", &[(":authority", "u@localhost")]),
        with(":authority", &[(":authority", "local host")]),
        with(":authority", &[(":authority", "localhost/p2")]),
        with(":authority", &[(":authority", "localhost\r\nx: y")]),
        with(":authority", &[(":authority", "a"), ("host", "b")]),
        with(":authority", &[("host", "a"), ("host", "b")]),
    ];
    for (name, value) in [
        // Of one connection, which HTTP/2 does not have (RFC 9113, section 8.2.2).
        ("connection", "close"),
        ("connection", "x-a"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        // Names and values that HTTP/1 would read as something else.
        ("X-Upper", "y"),
        ("Content-Length", "5"),
        ("x y", "z"),
        ("x:", "y"),
        ("x\r\ny", "z"),
        ("x\0", "y"),
        ("", "y"),
        ("x", "a\r\nhost: b"),
        ("x", "a\nb"),
        ("x", "a\rb"),
        ("x", "a\0b"),
        ("x_y", "z"),
        ("expect", "x"),
        ("content-length", "5"),
        ("content-length", "+0"),
        ("content-length", "x"),
        ("content-length", "0, 0"),
    ] {
        rows.push(with("", &[(name, value)]));
    }
    rows
}

/// What came for `stream`: the byte of its status, or that it was reset, or the connection.
#[track_caller]
fn outcome(frames: &mut Frames, stream: u32) -> (u8, u8) {
    loop {
        let Some(frame) = frames.next_of(&[kind::HEADERS, kind::RST_STREAM, kind::GOAWAY]) else {
            return (kind::GOAWAY, 0);
        };
        if frame.kind == kind::GOAWAY || frame.stream == stream {
            return (frame.kind, frame.payload.first().copied().unwrap_or_default());
        }
    }
}

#[test]
fn a_head_that_breaks_a_rule_is_never_a_request() {
    let host = host();
    let rows = rows();
    assert!(rows.len() >= 50, "{}", rows.len());
    for fields in rows {
        let mut frames = Frames::to(host.address());
        frames.request(1, &fields);
        match outcome(&mut frames, 1) {
            (kind::RST_STREAM, _) => {}
            (kind::GOAWAY, _) => continue,
            (_, status) => assert_ne!(status, STATUS_200, "{fields:?}"),
        }
        // Whoever is refused may ask again.
        frames.request(3, &with(":path", &[(":path", "/p2/following")]));
        assert_eq!(outcome(&mut frames, 3), (kind::HEADERS, STATUS_200), "{fields:?}");
    }
    let served = |line: &serde_json::Value| line["service"] == "p2" && line["path"] != "/p2/following";
    assert_eq!(host.log().json_lines().into_iter().find(served), None);
}

#[test]
fn a_fragment_is_cut_off_before_anybody_looks_at_the_path() {
    // The library does so, and tells nobody; what matters is that all see the same.
    let host = host();
    let mut frames = Frames::to(host.address());
    frames.request(1, &with(":path", &[(":path", "/p2/a#/../../b")]));
    let (kind, status) = outcome(&mut frames, 1);
    if (kind, status) == (kind::HEADERS, STATUS_200) {
        let line = host.log().json_line("its line", |line| line["service"] == "p2");
        assert_eq!(line["path"], "/p2/a");
    }
}

#[test]
fn a_body_that_is_not_as_long_as_announced_is_a_reset() {
    let host = host();
    for (length, data) in [("5", "hell"), ("5", "hello!"), ("0", "x")] {
        for path in ["/trailing2", "/trailing3"] {
            let mut frames = Frames::to(host.address());
            let fields = with(":path", &[(":path", path), ("content-length", length)]);
            frames.frame(kind::HEADERS, kind::END_HEADERS, 1, &crate::harness::block(&fields));
            frames.frame(kind::DATA, kind::END_STREAM, 1, data.as_bytes());
            let (kind, status) = outcome(&mut frames, 1);
            assert!(kind != kind::HEADERS || status == STATUS_400, "{path} {length} {data}: {kind} {status:#x}");
        }
    }
}

#[test]
fn frames_out_of_order_end_the_connection() {
    let host = host();
    let head = crate::harness::block(&GOOD);
    let attempts: [&dyn Fn(&mut Frames); 5] = [
        &|frames| frames.frame(kind::DATA, kind::END_STREAM, 1, b"x"),
        &|frames| frames.frame(kind::CONTINUATION, kind::END_HEADERS, 1, &head),
        &|frames| {
            frames.frame(kind::HEADERS, kind::END_STREAM, 1, &head[..4]);
            frames.frame(kind::DATA, kind::END_STREAM, 1, b"x");
        },
        &|frames| frames.frame(kind::HEADERS, kind::END_HEADERS | kind::END_STREAM, 2, &head),
        &|frames| frames.frame(kind::HEADERS, kind::END_HEADERS | kind::END_STREAM, 0, &head),
    ];
    for (n, attempt) in attempts.iter().enumerate() {
        let mut frames = Frames::to(host.address());
        attempt(&mut frames);
        let last = frames.next_of(&[kind::GOAWAY, kind::HEADERS]);
        assert!(last.is_none_or(|frame| frame.kind == kind::GOAWAY && frame.error() != 0), "{n}");
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn no_request_comes_out_of_the_body_of_another() {
    let host = host();
    let mut frames = Frames::to(host.address());
    let fields = with(":path", &[(":path", "/p2/body")]);
    frames.frame(kind::HEADERS, kind::END_HEADERS, 1, &crate::harness::block(&fields));
    frames.frame(kind::DATA, kind::END_STREAM, 1, super::SMUGGLED.as_bytes());
    assert_eq!(outcome(&mut frames, 1), (kind::HEADERS, STATUS_200));
    let data = frames.next_of(&[kind::DATA]).unwrap();
    assert_eq!(data.payload, super::SMUGGLED.as_bytes());
    assert_nothing_smuggled(&host);
}

fn lines(host: &Running) -> usize {
    host.log().json_lines().len()
}

#[test]
fn a_header_list_that_is_too_large_is_a_431() {
    let host = Harness::new().serves("p2", guest::ECHO_P2).listener_plan(|plan| plan.h2c = true).start();
    let mut frames = Frames::to(host.address());
    let value = "v".repeat(17 * 1024);
    let head = crate::harness::block(&with("", &[("x", &value)]));
    let (first, rest) = head.split_at(16_000);
    frames.frame(kind::HEADERS, kind::END_STREAM, 1, first);
    frames.frame(kind::CONTINUATION, kind::END_HEADERS, 1, rest);
    let (kind, status) = outcome(&mut frames, 1);
    assert!(kind == kind::HEADERS && status != STATUS_200, "{kind} {status:#x}");
    // It was asked, so it is in the log.
    crate::harness::eventually("its line", || lines(&host) == 1);
    assert_eq!(host.log().json_lines()[0]["outcome"], "headers-too-large");
}

#[test]
fn a_host_without_http_2_takes_no_frames() {
    let host = echoes().start();
    let mut frames = Frames::to(host.address());
    frames.request(1, &GOOD);
    assert!(frames.next_of(&[kind::HEADERS]).is_none());
    assert_nothing_smuggled(&host);
}
