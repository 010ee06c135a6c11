//! Requests that are none: refused, counted and logged all the same.

use crate::harness::{Harness, Running, guest};

fn host() -> Running {
    Harness::new().serves("hello", guest::HELLO_P2).start()
}

/// Sends a broken head and returns the status and the log line's outcome.
#[track_caller]
fn refused(host: &Running, head: &[u8]) -> (u16, String) {
    let lines = host.log().json_lines().len();
    let mut connection = host.connect();
    // The host may close before it has read it all.
    let _ = connection.try_send(head);
    let answer = connection.read_answer("GET");
    assert!(connection.is_closed_by_host(), "{}", String::from_utf8_lossy(head));
    crate::harness::eventually("its line", || host.log().json_lines().len() == lines + 1);
    let line = host.log().json_lines().pop().unwrap();
    assert_eq!(line["status"], answer.status, "{line}");
    assert_eq!(line["sent"]["total"], connection.received, "{line}");
    (answer.status, line["outcome"].as_str().unwrap().to_owned())
}

#[test]
fn a_head_that_is_no_head_is_a_400() {
    let host = host();
    for head in [
        "GARBAGE\r\n\r\n",
        "GET /hello\r\n\r\n",
        "GET /hello HTTP/3.7\r\n\r\n",
        "GET hello world HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        // The host's own rules, beyond those of the parser.
        "GET /hello HTTP/1.1\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: one\r\nHost: two\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: user@localhost\r\n\r\n",
    ] {
        assert_eq!(refused(&host, head.as_bytes()), (400, "bad-request".to_owned()), "{head}");
    }
    assert_eq!(host.failures("", "bad-request"), 10);
    assert_eq!(host.get("/hello").status, 200);
}

#[test]
fn headers_that_are_too_large_are_a_431() {
    let host = host();
    let many: String = (0..200).map(|n| format!("x-{n}: v\r\n")).collect();
    let long = format!("x-long: {}\r\n", "v".repeat(200 * 1024));
    for headers in [many, long] {
        let head = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        assert_eq!(refused(&host, head.as_bytes()), (431, "headers-too-large".to_owned()));
    }
    assert_eq!(host.get("/hello").status, 200);
}

#[test]
fn a_target_that_is_too_long_is_refused() {
    let host = host();
    let head = format!("GET /hello/{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(70_000));
    let (status, outcome) = refused(&host, head.as_bytes());
    assert!(
        (414, "uri-too-long") == (status, &*outcome) || (431, "headers-too-large") == (status, &*outcome),
        "{status}"
    );
}

#[test]
fn a_head_that_never_ends_is_closed_and_logged() {
    let host = Harness::new()
        .listener(|limits| limits.header_read = std::time::Duration::from_millis(300))
        .serves("hello", guest::HELLO_P2)
        .start();
    let mut connection = host.connect();
    connection.send("GET /hello HTTP/1.1\r\nHost: local");
    while !connection.read_raw(1024).is_empty() {}
    let line = host.log().json_line("its line", |line| line["outcome"] != "ok");
    assert_eq!(line["outcome"], "request-timeout", "{line}");
    assert_eq!(line["received"]["total"], connection.sent, "{line}");
}

#[test]
fn a_client_that_leaves_within_its_head_is_logged() {
    let host = host();
    let mut connection = host.connect();
    connection.send("GET /hello HTTP/1.1\r\nHost: local");
    let sent = connection.sent;
    drop(connection);
    let line = host.log().json_line("its line", |line| line["outcome"] != "ok");
    assert_eq!(line["received"]["total"], sent, "{line}");
}

#[test]
fn a_connection_without_a_request_is_no_line() {
    let host = host();
    for bytes in ["", "\r\n"] {
        let mut connection = host.connect();
        connection.send(bytes);
        connection.finish_sending();
        while !connection.read_raw(1024).is_empty() {}
    }
    let answer = host.get("/hello");
    host.log_line_for(answer.id());
    assert_eq!(host.log().json_lines().len(), 1);
}
