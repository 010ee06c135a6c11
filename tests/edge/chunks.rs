//! Bodies in chunks: framing that is not plain ends the request and the connection.

use super::{SMUGGLED, assert_nothing_smuggled, echoes, passed, patient, printed, refused};

/// What comes after the head instead of chunks.
const BROKEN: &[&[u8]] = &[
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"\t5\r\nhello\r\n0\r\n\r\n",
    b"5\t\r\nhello\r\n0\r\n\r\n",
    b"5 ;a\r\nhello\r\n0\r\n\r\n",
    b"1_0\r\nhello\r\n0\r\n\r\n",
    b"5h\r\nhello\r\n0\r\n\r\n",
    b"5,5\r\nhello\r\n0\r\n\r\n",
    b"\r\n5\r\nhello\r\n0\r\n\r\n",
    b";a\r\nhello\r\n0\r\n\r\n",
    b"g\r\nhello\r\n0\r\n\r\n",
    b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
    b"00000000000000005\r\nhello\r\n0\r\n\r\n",
    b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\r\n0\r\n\r\n",
    b"5\rhello\r\n0\r\n\r\n",
    b"5\r\r\nhello\r\n0\r\n\r\n",
    b"5;\nhello\r\n0\r\n\r\n",
    b"5;a\nhello\r\n0\r\n\r\n",
    b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    b"5;a\0\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"5\r\nhello\r0\r\n\r\n",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhello!\r\n0\r\n\r\n",
    b"5\r\nhello\r\n\r\n0\r\n\r\n",
    b"4\r\nhello\r\n0\r\n\r\n",
    b"6\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\n\r\n",
    b"5\r\nhello\r\n0\r\n\n",
    b"5\r\nhello\r\n0\r\n\rX",
    b"5\r\nhello\r\n0\r\n folded: y\r\n\r\n",
    b"5\r\nhello\r\n0\r\nx: y\r\n folded\r\n\r\n",
    b"5\r\nhello\r\n0\r\nx: y\n\r\n",
    b"5\r\nhello\r\n0\r\nx: \0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nx: a\rb\r\n\r\n",
    b"5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    b"5\r\nhello\r\n0\r\n: y\r\n\r\n",
    b"5\r\nhello\r\n0\r\nx : y\r\n\r\n",
    b"5\r\nhello\r\n0\r\nGET /p2/smuggled HTTP/1.1\r\n\r\n",
];

const HEAD: &[u8] = b"Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn chunks_that_can_be_read_in_two_ways_are_refused() {
    let host = patient().start();
    for service in ["whole2", "whole3"] {
        let line = format!("POST /{service} HTTP/1.1\r\n");
        for broken in BROKEN {
            let bytes = [line.as_bytes(), HEAD, broken].concat();
            let (_, line) = refused(&host, &bytes, "bad-request");
            assert_eq!(line["service"], service, "{line}");
        }
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn an_answer_that_began_before_the_chunks_broke_never_looks_complete() {
    let host = echoes().start();
    for service in ["p2", "p3"] {
        let line = format!("POST /{service} HTTP/1.1\r\n");
        for broken in BROKEN {
            let mut connection = host.connect();
            let bytes = [line.as_bytes(), HEAD, broken, SMUGGLED.as_bytes()].concat();
            let _ = connection.try_send(&bytes);
            let answer = connection.read_answer("POST");
            assert!(answer.status == 400 || !answer.complete, "{}: {answer:?}", printed(&bytes));
            assert!(connection.is_closed_by_host(), "{}", printed(&bytes));
            let line = host.log_line_for(answer.id());
            let named = [&line["outcome"], &line["cause"]];
            assert!(named.iter().any(|name| **name == "bad-request"), "{}: {line}", printed(&bytes));
        }
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn broken_chunks_end_the_connection_of_a_guest_that_does_not_read_them() {
    let host = echoes().start();
    for broken in BROKEN {
        for (path, status) in [("/hello", 200), ("/nowhere", 404)] {
            let mut connection = host.connect();
            let line = format!("POST {path} HTTP/1.1\r\n");
            let _ = connection.try_send([line.as_bytes(), HEAD, broken, SMUGGLED.as_bytes()].concat());
            assert_eq!(connection.read_answer("POST").status, status, "{}", broken.escape_ascii());
            assert!(connection.is_closed_by_host(), "{}", broken.escape_ascii());
        }
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn chunks_that_are_plain_arrive_whatever_they_are_decorated_with() {
    let host = echoes().start();
    for chunks in [
        "5\r\nhello\r\n0\r\n\r\n",
        "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "0000000000000005\r\nhello\r\n000\r\n\r\n",
        "5;name=value\r\nhello\r\n0;last\r\n\r\n",
        "5;name=\"quoted; value\"\r\nhello\r\n0\r\n\r\n",
        "5;\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
        "5\r\nhello\r\n0\r\nx-sum: 1\r\nx-more:\r\n\r\n",
        "5\r\nhello\r\n0\r\nContent-Length: 100\r\nTransfer-Encoding: gzip\r\n\r\n",
    ] {
        for service in ["p2", "p3"] {
            let line = format!("POST /{service} HTTP/1.1\r\n");
            let answer = passed(&host, [line.as_bytes(), HEAD, chunks.as_bytes()].concat());
            assert_eq!(answer.text(), "hello", "{service} {chunks}");
        }
    }
}

#[test]
fn chunk_extensions_and_trailers_have_a_bound() {
    let host = patient().start();
    let line = b"POST /whole2 HTTP/1.1\r\n".as_slice();
    let extended = |bytes: usize| format!("5;{}\r\nhello\r\n0\r\n\r\n", "e".repeat(bytes));
    let trailing = |bytes: usize| format!("5\r\nhello\r\n0\r\nx:{}\r\n\r\n", "t".repeat(bytes - 2));
    for body in [extended(1_013), trailing(16_220)] {
        assert_eq!(passed(&host, [line, HEAD, body.as_bytes()].concat()).text(), "hello");
    }
    for body in [extended(1_025), trailing(16_385)] {
        refused(&host, &[line, HEAD, body.as_bytes()].concat(), "bad-request");
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn trailers_reach_a_guest_without_what_may_not_stand_there() {
    let host = patient().start();
    let trailers = "x-sum: 1\r\ngrpc-status: 0\r\nhostel-caller: admin\r\nx-request-id: 1\r\nx-forwarded-for: ::1\r\n\
                    content-length: 9\r\nauthorization: x\r\ncookie: a\r\nhost: b\r\nx_under: y\r\nconnection: close\r\n";
    for service in ["whole2", "whole3"] {
        let mut connection = host.connect();
        let body = format!("5\r\nhello\r\n0\r\n{trailers}\r\n");
        connection.send([format!("POST /{service} HTTP/1.1\r\n").as_bytes(), HEAD, body.as_bytes()].concat());
        let answer = connection.read_answer("POST");
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "{service}");
        let mut seen: Vec<_> =
            answer.headers.iter().filter_map(|(name, _)| name.strip_prefix("x-echo-trailer-")).collect();
        seen.sort_unstable();
        assert_eq!(seen, ["grpc-status", "x-sum"], "{service}");
    }
}

#[test]
fn an_answer_that_ends_with_trailers_has_ended() {
    let host = patient().start();
    // More than is gathered before the head goes out, so that the end comes later than the head.
    let chunk = "x".repeat(0x4_0000);
    for service in ["whole2", "whole3"] {
        let mut connection = host.connect();
        let body = format!("40000\r\n{chunk}\r\n0\r\nx-sum: 1\r\n\r\n");
        connection.send([format!("POST /{service} HTTP/1.1\r\n").as_bytes(), HEAD, body.as_bytes()].concat());
        let answer = connection.read_answer("POST");
        assert_eq!((answer.status, answer.complete, answer.text().len()), (200, true, chunk.len()), "{service}");
        let line = host.log_line_for(answer.id());
        assert_eq!(line["outcome"], "ok", "{service}: {line}");
    }
}
