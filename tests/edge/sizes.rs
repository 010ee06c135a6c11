//! How large a head may be: just below each limit, and one past it.

use hostel_model::units::ByteSize;

use super::{FOLLOWING, assert_nothing_smuggled, assert_refused, echoes, passed, seen};
use crate::harness::Running;

/// A request whose first line is `bytes` long, with its end.
fn with_line(bytes: usize) -> String {
    let frame = "GET /p2/ HTTP/1.1\r\n".len();
    format!("GET /p2/{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(bytes - frame))
}

/// A request that is `bytes` long.
fn with_block(bytes: usize) -> String {
    let frame = "GET /p2 HTTP/1.1\r\nHost: localhost\r\nX: \r\n\r\n".len();
    format!("GET /p2 HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "v".repeat(bytes - frame))
}

/// A request of so many fields.
fn with_fields(fields: usize) -> String {
    let more: String = (1..fields).map(|n| format!("X-{n}: y\r\n")).collect();
    format!("GET /p2 HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")
}

#[test]
fn heads_may_be_as_large_as_the_limits_say() {
    let host = echoes().start();
    for bytes in [8_110, 8_192] {
        let path = passed(&host, with_line(bytes)).header("x-echo-path").unwrap().len();
        assert_eq!(path + "GET  HTTP/1.1\r\n".len(), bytes);
    }
    for bytes in [32_440, 32_768] {
        let value = seen(&passed(&host, with_block(bytes)))[0].len();
        assert!(value > bytes - 100 && value < bytes, "{value}");
    }
    for fields in [99, 100] {
        // The one for the host is not the guest's.
        assert_eq!(seen(&passed(&host, with_fields(fields))).len(), fields - 1);
    }
}

#[test]
fn larger_heads_are_refused_by_what_is_too_large() {
    let host = echoes().start();
    for bytes in [8_193, 8_200, 20_000, 33_000, 100_000] {
        let line = assert_refused(&host, with_line(bytes).as_bytes(), "uri-too-long");
        // Of the target the log shows no more than the beginning.
        assert!(line["path"].as_str().is_some_and(|path| path.starts_with("/p2/xxx") && path.len() <= 128), "{line}");
    }
    for bytes in [32_769, 33_000, 70_000, 200_000] {
        assert_refused(&host, with_block(bytes).as_bytes(), "headers-too-large");
    }
    for fields in [101, 102, 1_000, 5_000] {
        assert_refused(&host, with_fields(fields).as_bytes(), "headers-too-large");
    }
    let many_lines = format!("{}GET /p2 HTTP/1.1\r\nHost: localhost\r\n\r\n", "\r\n".repeat(20_000));
    assert_refused(&host, many_lines.as_bytes(), "headers-too-large");
    assert_nothing_smuggled(&host);
    assert_eq!(host.levels().instances_started, 0);
}

#[test]
fn a_head_that_never_ends_is_refused_when_it_is_too_large() {
    let host = echoes().start();
    let endless_line = format!("GET /p2/{}", "x".repeat(9_000));
    let endless_field = format!("GET /p2 HTTP/1.1\r\nHost: localhost\r\nX: {}", "v".repeat(33_000));
    let endless_fields = format!("GET /p2 HTTP/1.1\r\nHost: localhost\r\n{}", "X: y\r\n".repeat(101));
    for (head, status) in [(endless_line, 414), (endless_field, 431), (endless_fields, 431)] {
        let mut connection = host.connect();
        let _ = connection.try_send(&head);
        let answer = connection.read_answer("GET");
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")));
        assert!(connection.is_closed_by_host());
    }
}

#[test]
fn a_listener_may_have_limits_of_its_own() {
    let host = echoes()
        .listener(|limits| {
            limits.request_line = ByteSize(100);
            limits.header_block = ByteSize(500);
            limits.header_fields = 5;
        })
        .start();
    passed(&host, with_line(100));
    passed(&host, with_block(500));
    passed(&host, with_fields(5));
    assert_refused(&host, with_line(101).as_bytes(), "uri-too-long");
    assert_refused(&host, with_block(501).as_bytes(), "headers-too-large");
    assert_refused(&host, with_fields(6).as_bytes(), "headers-too-large");
    assert_nothing_smuggled(&host);
}

/// Sends `bytes` in pieces that end anywhere.
#[track_caller]
fn in_pieces(host: &Running, bytes: &[u8], piece: usize) {
    let mut connection = host.connect();
    for piece in bytes.chunks(piece) {
        connection.send(piece);
    }
    assert_eq!(connection.read_answer("GET").status, 200);
    assert_eq!(connection.read_answer("GET").header("x-echo-path"), Some("/p2/following"));
}

#[test]
fn it_makes_no_difference_in_which_pieces_a_head_comes() {
    let host = echoes().start();
    let small = format!("{}{FOLLOWING}", with_fields(3));
    for piece in 1..20 {
        in_pieces(&host, small.as_bytes(), piece);
    }
    let large = format!("{}{FOLLOWING}", with_block(32_768));
    for piece in [1_000, 8_191, 8_192, 8_193, 32_767, 32_768, 32_769] {
        in_pieces(&host, large.as_bytes(), piece);
    }
}
