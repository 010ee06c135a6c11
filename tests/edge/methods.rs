//! Methods: which are passed on, which the host answers itself, and what it says of those it does not take.

use super::{FOLLOWING, assert_nothing_smuggled, assert_refused, echoes};
use crate::harness::{Harness, Running, guest};

/// What the host itself takes, as `Allow` has it.
const ALLOW: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";

fn host() -> Running {
    echoes()
        .service("some", guest::ECHO_P2)
        .route("GET /some")
        .route("PUT /some")
        .service("own", guest::ECHO_P2)
        .route("OPTIONS /own")
        .route("POST /own")
        .start()
}

#[test]
fn tunnels_and_traces_are_not_offered() {
    let host = host();
    for (method, target) in [
        ("TRACE", "/p2"),
        ("TRACE", "http://localhost/p2"),
        ("TRACE", "*"),
        ("CONNECT", "localhost:80"),
        ("CONNECT", "/p2"),
    ] {
        let mut connection = host.connect();
        connection.send(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nCookie: secret\r\n\r\n{FOLLOWING}"));
        let answer = connection.read_answer(method);
        assert_eq!(
            (answer.status, answer.problem().as_deref()),
            (405, Some("method-not-allowed")),
            "{method} {target}"
        );
        assert_eq!(answer.header("allow"), Some(ALLOW), "{method} {target}");
        assert!(!answer.text().contains("secret"), "{}", answer.text());
        assert!(host.log_line_for(answer.id())["service"].is_null());
        // Nothing became a tunnel: what follows is a request, or nobody looks at it.
        if method == "CONNECT" {
            assert_eq!(answer.header("connection"), Some("close"), "{target}");
            assert!(connection.is_closed_by_host(), "{target}");
        } else {
            assert_eq!(connection.read_answer("GET").header("x-echo-path"), Some("/p2/following"), "{target}");
        }
    }
}

#[test]
fn what_is_sent_into_a_tunnel_that_was_refused_is_its_body() {
    let host = host();
    for head in ["CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n", "TRACE /p2 HTTP/1.1\r\nHost: localhost\r\n"] {
        let body = super::SMUGGLED;
        let mut connection = host.connect();
        connection.send(format!("{head}Content-Length: {}\r\n\r\n{body}{FOLLOWING}", body.len()));
        assert_eq!(connection.read_answer("GET").status, 405, "{head}");
        // The body was there already, so it was thrown away; else the connection must end.
        if let Some(answer) = connection.try_read_answer("GET") {
            assert_eq!(answer.header("x-echo-path"), Some("/p2/following"), "{head}");
        }
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn the_host_says_what_it_can_do_if_it_is_asked() {
    let host = host();
    let mut connection = host.connect();
    connection.send(format!("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n{FOLLOWING}"));
    let answer = connection.read_answer("OPTIONS");
    assert_eq!((answer.status, answer.header("allow"), answer.body.len()), (204, Some(ALLOW), 0));
    let line = host.log_line_for(answer.id());
    assert_eq!(
        (&line["method"], &line["path"], &line["outcome"]),
        (&"OPTIONS".into(), &"*".into(), &"ok".into()),
        "{line}"
    );
    assert_eq!(connection.read_answer("GET").status, 200);
    for request in
        ["OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: u@a\r\n\r\n", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"]
    {
        assert_refused(&host, request.as_bytes(), "bad-request");
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn a_path_says_which_methods_it_takes() {
    let host = host();
    for (method, path, status, allow) in [
        ("GET", "/some", 200, None),
        ("PUT", "/some", 200, None),
        // What takes `GET` takes `HEAD`.
        ("HEAD", "/some", 200, None),
        ("POST", "/some", 405, Some("GET, HEAD, PUT")),
        ("get", "/some", 405, Some("GET, HEAD, PUT")),
        ("BREW", "/some", 405, Some("GET, HEAD, PUT")),
        ("OPTIONS", "/some", 405, Some("GET, HEAD, PUT")),
        ("OPTIONS", "/own", 200, None),
        ("HEAD", "/own", 405, Some("OPTIONS, POST")),
        ("OPTIONS", "/p2", 200, None),
        ("BREW", "/p2", 200, None),
        ("DELETE", "/nowhere", 404, None),
    ] {
        let answer = host.request(method, path).send();
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {path}");
        if status == 200 {
            // The guest is told what the client said, `HEAD` too.
            assert_eq!(answer.header("x-echo-method"), Some(method), "{path}");
        }
        if method == "HEAD" {
            assert!(answer.body.is_empty(), "{path}");
        }
    }
}

#[test]
fn no_field_makes_another_method_of_a_request() {
    let host = host();
    for field in
        ["X-HTTP-Method-Override: PUT", "X-HTTP-Method: PUT", "X-Method-Override: PUT", "x-http-method-override: PUT"]
    {
        for (method, path, status) in [("POST", "/some", 405), ("GET", "/some", 200), ("POST", "/p2", 200)] {
            let (name, value) = field.split_once(": ").unwrap();
            let answer = host.request(method, path).header(name, value).send();
            assert_eq!(answer.status, status, "{method} {path} {field}");
            assert_eq!(answer.header("x-echo-method"), (status == 200).then_some(method), "{field}");
            let name = format!("x-echo-header-{}", name.to_ascii_lowercase());
            assert_eq!(answer.header(&name), None, "{field}");
        }
    }
}

#[test]
fn a_guest_cannot_answer_with_fields_of_the_connection() {
    // What a guest may set at all is the sandbox's; here is what goes out on the wire.
    let host = Harness::new().serves("p2", guest::ECHO_P2).start();
    let answer = host.get("/p2");
    for name in ["keep-alive", "proxy-connection", "upgrade", "proxy-authenticate", "te", "trailer"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    let framed = [answer.header("content-length").is_some(), answer.header("transfer-encoding").is_some()];
    assert_eq!(framed.iter().filter(|framed| **framed).count(), 1, "{answer:?}");
}
