//! Several requests in one breath: answered in their order, and nothing after a refusal, nor out of a body, is ever one.

use super::{SMUGGLED, assert_nothing_smuggled, echoes};
use crate::harness::{Connection, Harness, Running, guest};

/// Answers until the connection ends.
fn all(connection: &mut Connection) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    while let Some(answer) = connection.try_read_answer("GET") {
        answers.push((answer.status, answer.header("x-echo-path").unwrap_or_default().to_owned()));
    }
    answers
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// The same as the last of its connection.
fn last(path: &str) -> String {
    get(path).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
}

fn host() -> Running {
    echoes().serves("slow", guest::SLEEPS_P2).start()
}

#[test]
fn requests_before_a_refusal_are_answered_and_none_after_it() {
    let host = host();
    let broken = "GET /p2 HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n";
    for (before, expected) in [
        (vec!["/p2/1"], vec![(200, "/p2/1"), (400, "")]),
        (vec!["/p2/1", "/p3/2", "/nowhere"], vec![(200, "/p2/1"), (200, "/p3/2"), (404, ""), (400, "")]),
        // One that takes its time does not let the refusal overtake it.
        (vec!["/slow?ms=300", "/p2/1"], vec![(200, ""), (200, "/p2/1"), (400, "")]),
    ] {
        let requests: String = before.iter().map(|path| get(path)).collect();
        let mut connection = host.connect();
        connection.send(format!("{requests}{broken}{SMUGGLED}{SMUGGLED}"));
        let expected: Vec<_> = expected.into_iter().map(|(status, path)| (status, path.to_owned())).collect();
        assert_eq!(all(&mut connection), expected, "{before:?}");
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn a_request_in_a_body_is_never_answered() {
    let host = host();
    let chunk = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    for path in ["/p2", "/p3", "/hello", "/nowhere", "/slow?ms=50"] {
        for body in [
            format!("Content-Length: {}\r\n\r\n{SMUGGLED}", SMUGGLED.len()),
            format!("Transfer-Encoding: chunked\r\n\r\n{chunk}"),
        ] {
            for method in ["POST", "GET", "DELETE", "BREW", "TRACE"] {
                let mut connection = host.connect();
                let following = last("/p2/following");
                connection.send(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{body}{following}"));
                let answers = all(&mut connection);
                // What was not read may cost the connection, but it never becomes a request.
                assert!(matches!(answers.len(), 1 | 2), "{method} {path}: {answers:?}");
                if let Some((status, path)) = answers.get(1) {
                    assert_eq!((*status, path.as_str()), (200, "/p2/following"), "{method} {path}");
                }
            }
        }
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn a_large_body_that_nobody_reads_is_never_a_request() {
    let host = host();
    let padding = "x".repeat(100 * 1024);
    for path in ["/hello", "/nowhere"] {
        let mut connection = host.connect();
        let length = padding.len() + SMUGGLED.len();
        connection.send(format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"));
        let first = connection.read_answer("POST");
        assert!(matches!(first.status, 200 | 404), "{path}");
        // The host may have closed.
        let _ = connection.try_send(&padding);
        let _ = connection.try_send(SMUGGLED);
        let _ = connection.try_send(last("/p2/following"));
        for (status, path) in all(&mut connection) {
            assert_eq!((status, path.as_str()), (200, "/p2/following"));
        }
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn what_is_between_two_requests_is_only_an_empty_line() {
    let host = host();
    for (between, answers) in [("", 2), ("\r\n", 2), ("\r\n\r\n", 2)] {
        let mut connection = host.connect();
        connection.send(format!("{}{between}{}", get("/p2/1"), last("/p2/2")));
        let seen = all(&mut connection);
        assert_eq!(seen.len(), answers, "{between:?}: {seen:?}");
        assert_eq!(seen[1], (200, "/p2/2".to_owned()));
    }
    for between in ["\n", "\r", " ", "\0", "(", "0\r\n\r\n", "\r\n \r\n"] {
        let mut connection = host.connect();
        connection.send(format!("{}{between}{SMUGGLED}", get("/p2/1")));
        let seen = all(&mut connection);
        let path = seen.first().map(|(_, path)| path.as_str());
        assert_eq!(
            (path, seen.get(1).map(|(status, _)| *status), seen.len()),
            (Some("/p2/1"), Some(400), 2),
            "{between:?}"
        );
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn a_body_is_as_long_as_it_says_whatever_is_in_it() {
    let host = host();
    // Longer: what is left over begins the next request, as everybody reads it.
    let mut connection = host.connect();
    connection.send(format!("POST /p2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabcd{SMUGGLED}"));
    assert_eq!(connection.read_answer("POST").text(), "abc");
    assert_eq!(connection.read_answer("dGET").header("x-echo-method"), Some("dGET"));
    // Shorter: the next request is its rest.
    let mut connection = host.connect();
    connection.send(format!(
        "POST /p2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}",
        SMUGGLED.len(),
        SMUGGLED
    ));
    assert_eq!(connection.read_answer("POST").text(), SMUGGLED);
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let host = Harness::new().serves("p2", guest::ECHO_P2).start();
    let body = vec![b'x'; 48 * 1024];
    for (head, status) in [
        ("POST /p2 HTTP/1.1\r\nHost: u@localhost\r\n", 400),
        ("POST /p2 HTTP/1.1\r\nHost: localhost\r\nX : y\r\n", 400),
        ("POST /p2 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", 400),
        ("POST /p2 HTTP/1.1\r\nHost: localhost\r\nExpect: x\r\n", 417),
        ("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", 404),
        ("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", 405),
    ] {
        for _ in 0..5 {
            let mut connection = host.connect();
            connection.send(format!("{head}Content-Length: {}\r\n\r\n", body.len()));
            // In small pieces, so that some come before and some after the answer.
            for piece in body.chunks(1_000) {
                let _ = connection.try_send(piece);
            }
            let answer = connection.read_answer("POST");
            assert_eq!((answer.status, answer.complete), (status, true), "{head}");
        }
    }
}
