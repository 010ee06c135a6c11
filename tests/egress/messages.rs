//! What is sent and what comes back: the host's word for the host, nothing of one hop, and no half answer for a whole one.

use std::io::Write as _;

use super::{LOOPBACK, ask, error, escaped, host, to};
use crate::harness::{Dns, Running, Upstream};

/// An upstream by the name `api.example`, and a host whose callers may ask it.
fn with(upstream: &Upstream) -> Running {
    let dns = Dns::start();
    dns.says("api.example", &[LOOPBACK]);
    let grants = to("api.example", upstream.port());
    host(&dns, &[&grants[0], &grants[1]])
}

#[test]
fn a_forged_host_and_words_of_the_host_do_not_leave() {
    let upstream = Upstream::saying(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nHostel-User: root\r\nX-Forwarded-For: 1.2.3.4\r\n\
         Connection: x-secret\r\nX-Secret: 1\r\nX-Kept: yes\r\n\r\nok",
    );
    let host = with(&upstream);
    let headers = ["hostel-caller=admin", "x-forwarded-for=1.2.3.4", "x-request-id=5", "te=trailers", "x-kept=yes"];
    let headers: String = headers.iter().map(|header| format!("&header={}", escaped(header))).collect();
    for caller in ["p2", "p3"] {
        let authority = format!("API.example:{}", upstream.port());
        let answer = ask(&host, caller, &authority, &format!("method=POST&path=/a%3Fb&body=hi{headers}"));
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"), "{caller}");
        let seen = |name: &str| answer.header(&format!("x-callee-{name}"));
        assert_eq!((seen("x-kept"), seen("hostel-user"), seen("x-forwarded-for")), (Some("yes"), None, None));
        assert_eq!((seen("x-secret"), seen("connection")), (None, None));
        let request = upstream.requests().pop().unwrap();
        let mut lines = request.lines();
        assert_eq!(lines.next(), Some("POST /a?b HTTP/1.1"), "{caller}");
        let hosts: Vec<&str> = lines.clone().filter(|line| line.to_ascii_lowercase().starts_with("host:")).collect();
        assert_eq!(hosts, [format!("host: api.example:{}", upstream.port())], "{caller}");
        assert!(lines.clone().any(|line| line == "x-kept: yes"), "{request}");
        for forged in ["hostel-", "x-forwarded-", "x-request-id", "te:"] {
            assert!(!lines.clone().any(|line| line.starts_with(forged)), "{forged} in {request}");
        }
    }
    // Wasmtime's own list: a guest that sets its host is told so.
    let set = ask(&host, "p2", &format!("api.example:{}", upstream.port()), "path=/&header=host%3Devil.example");
    assert!(error(&set).contains("refused header"), "{}", error(&set));
}

#[test]
fn addresses_that_need_a_guess_are_refused() {
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let host = with(&upstream);
    let port = upstream.port();
    for (authority, more) in [
        (format!("a@api.example:{port}"), "path=/"),
        (format!("api.example@127.0.0.1:{port}"), "path=/"),
        ("api.example:0".to_owned(), "path=/"),
        ("api.example:70000".to_owned(), "path=/"),
        (String::new(), "path=/"),
        (format!("api.example:{port}"), "path=http%3A//evil.example/"),
        (format!("api.example:{port}"), "path=/&method=CONNECT"),
        (format!("api.example:{port}"), "path=/&scheme=file"),
    ] {
        for caller in ["p2", "p3"] {
            let answer = host.get(&format!(
                "/{caller}?{more}&authority={}{}",
                escaped(&authority),
                if more.contains("scheme") { "" } else { "&scheme=http" }
            ));
            assert!(answer.status == 502 || answer.header("x-error").is_some(), "{caller} {authority} {more}");
        }
    }
    let long = "A".repeat(5_000);
    for caller in ["p2", "p3"] {
        let answer = ask(&host, caller, &format!("api.example:{port}"), &format!("path=/&method={long}"));
        assert!(answer.header("x-error").is_some(), "{caller}: {}", answer.status);
    }
    assert_eq!(upstream.connections(), 0);
    // Written as it should be, the same is sent.
    for caller in ["p2", "p3"] {
        let answer = ask(&host, caller, &format!("api.example:{port}"), "path=/");
        assert_eq!((answer.status, answer.header("x-error")), (200, None), "{caller}");
    }
    assert_eq!(upstream.connections(), 2);
}

#[test]
fn an_upstream_that_breaks_off_is_no_complete_answer() {
    for half in [
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let upstream = Upstream::with(move |stream, _| {
            let _ = stream.write_all(half.as_bytes());
            false
        });
        let host = with(&upstream);
        for caller in ["p2", "p3"] {
            let answer = ask(&host, caller, &format!("api.example:{}", upstream.port()), "path=/");
            assert_eq!((answer.status, answer.complete), (200, false), "{caller}: {half}");
        }
    }
}

#[test]
fn a_redirection_is_the_guests_to_follow() {
    let canary = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let location = format!("http://127.0.0.1:{}/", canary.port());
    let upstream = Upstream::with(move |stream, _| {
        let head = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).is_ok()
    });
    let host = with(&upstream);
    for caller in ["p2", "p3"] {
        let answer = ask(&host, caller, &format!("api.example:{}", upstream.port()), "path=/");
        assert_eq!(answer.status, 302, "{caller}");
        let next = ask(&host, caller, &format!("127.0.0.1:{}", canary.port()), "path=/");
        assert!(error(&next).contains("DestinationIpProhibited"), "{caller}: {}", error(&next));
    }
    assert_eq!(canary.connections(), 0);
}
