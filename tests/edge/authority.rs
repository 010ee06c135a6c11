//! Whom a request is for: one host, in one spelling, or none.

use super::{assert_nothing_smuggled, assert_refused, echoes, passed, seen};
use crate::harness::{Harness, guest};

/// `Host` as it is sent, and the authority that a guest sees.
const TAKEN: &[(&str, &str)] = &[
    ("localhost", "localhost"),
    ("LocalHost", "localhost"),
    ("localhost.", "localhost"),
    ("LOCALHOST.:80", "localhost"),
    ("localhost:80", "localhost"),
    ("localhost:0080", "localhost"),
    ("localhost:8080", "localhost:8080"),
    ("localhost:443", "localhost:443"),
    ("a.b.example", "a.b.example"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("127.0.0.1", "127.0.0.1"),
    ("127.0.0.1:81", "127.0.0.1:81"),
    ("[::1]", "[::1]"),
    ("[::1]:81", "[::1]:81"),
    ("[0:0:0:0:0:0:0:1]:80", "[::1]"),
    ("[2001:DB8::A]", "[2001:db8::a]"),
];

const REFUSED: &[&str] = &[
    "",
    ".",
    ":80",
    "a b",
    "a,b",
    "a, a",
    "u@a",
    "u:p@a",
    "@a",
    "a/",
    "a/x",
    "http://a",
    "a?x",
    "a#x",
    "a\\x",
    "a%41",
    "a..b",
    ".a",
    "a..",
    "*",
    "*.a",
    "a;b",
    "a'b",
    "a\tb",
    "a:",
    "a:x",
    "a:+80",
    "a:-1",
    "a:65536",
    "a:99999999999",
    "a:80:80",
    "a:80 ",
    "::1",
    "[::1",
    "::1]",
    "[::1]x",
    "[::1]:",
    "[]",
    "[a]",
    "[127.0.0.1]",
    "[::1%25lo]",
    "b\u{fc}cher.example",
    "\u{ff41}",
];

#[test]
fn a_host_has_one_spelling() {
    let host = echoes().start();
    for (written, canonical) in TAKEN {
        for service in ["p2", "p3"] {
            let answer = passed(&host, format!("GET /{service} HTTP/1.1\r\nHost: {written}\r\n\r\n"));
            assert_eq!(answer.header("x-echo-authority"), Some(*canonical), "{service} {written}");
            assert_eq!(answer.header("x-echo-header-x-forwarded-host"), Some(*canonical), "{service} {written}");
            assert!(seen(&answer).is_empty(), "{service} {written}: {answer:?}");
        }
    }
}

#[test]
fn a_host_that_is_none_or_may_be_several_is_refused() {
    let host = echoes().start();
    for written in REFUSED.iter().filter(|written| !written.ends_with(' ')) {
        assert_refused(&host, format!("GET /p2 HTTP/1.1\r\nHost: {written}\r\n\r\n").as_bytes(), "bad-request");
    }
    for fields in [
        "",
        "X: y\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nX: y\r\nhost: a\r\n",
        "Host: a\r\nHost:\r\n",
        "X-Host: a\r\n",
    ] {
        assert_refused(&host, format!("GET /p2 HTTP/1.1\r\n{fields}\r\n").as_bytes(), "bad-request");
    }
    let long = format!("GET /p2 HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(254));
    assert_refused(&host, long.as_bytes(), "bad-request");
    assert_nothing_smuggled(&host);
}

#[test]
fn the_authority_of_an_absolute_target_replaces_the_host() {
    let host = echoes().start();
    for (target, field, authority) in [
        ("http://b/{}", "a", "b"),
        ("http://B./{}", "a", "b"),
        ("http://b:80/{}", "a", "b"),
        ("http://b:81/{}", "a:82", "b:81"),
        ("HTTP://b/{}", "b", "b"),
        ("http://[::1]/{}", "a", "[::1]"),
    ] {
        for service in ["p2", "p3"] {
            let target = target.replace("{}", service);
            let answer = passed(&host, format!("GET {target} HTTP/1.1\r\nHost: {field}\r\n\r\n"));
            assert_eq!(answer.header("x-echo-authority"), Some(authority), "{service} {target}");
            assert_eq!(answer.header("x-echo-header-x-forwarded-host"), Some(authority), "{service} {target}");
            assert_eq!(answer.header("x-echo-path"), Some(&*format!("/{service}")), "{target}");
            // Nothing is left of what was replaced.
            assert!(seen(&answer).is_empty(), "{service} {target}: {answer:?}");
        }
    }
}

#[test]
fn an_absolute_target_that_is_not_plainly_here_is_refused() {
    let host = echoes().start();
    for (target, fields) in [
        ("http://b/p2", ""),
        ("http://b/p2", "Host: a@b\r\n"),
        ("http://b/p2", "Host: a\r\nHost: b\r\n"),
        ("http://b/p2", "Host:\r\n"),
        ("http://u@b/p2", "Host: b\r\n"),
        ("http://u:p@b/p2", "Host: b\r\n"),
        ("http://b:x/p2", "Host: b\r\n"),
        ("https://b/p2", "Host: b\r\n"),
        ("ftp://b/p2", "Host: b\r\n"),
        ("ws://b/p2", "Host: b\r\n"),
        ("file:///p2", "Host: b\r\n"),
    ] {
        assert_refused(&host, format!("GET {target} HTTP/1.1\r\n{fields}\r\n").as_bytes(), "bad-request");
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn http_1_0_needs_a_host_from_somewhere() {
    let host = echoes().start();
    assert_refused(&host, b"GET /p2 HTTP/1.0\r\n\r\n", "bad-request");
    for (target, fields, authority) in
        [("/p2", "Host: a\r\n", "a"), ("http://b/p2", "", "b"), ("http://b/p2", "Host: a\r\n", "b")]
    {
        let mut connection = host.connect();
        connection.send(format!("GET {target} HTTP/1.0\r\n{fields}\r\n"));
        let answer = connection.read_answer("GET");
        assert_eq!((answer.status, answer.header("x-echo-authority")), (200, Some(authority)), "{target} {fields}");
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn a_route_is_chosen_by_the_canonical_host() {
    let host = Harness::new()
        .service("exact", guest::ECHO_P2)
        .route_at("shop.example", "/*")
        .service("below", guest::ECHO_P2)
        .route_at("*.shop.example", "/*")
        .service("any", guest::ECHO_P2)
        .route("/*")
        .start();
    for (written, service) in [
        ("shop.example", "exact"),
        ("SHOP.example.:8080", "exact"),
        ("a.shop.example", "below"),
        ("x.a.Shop.example", "below"),
        ("ashop.example", "any"),
        ("shop.example.org", "any"),
        ("other", "any"),
        ("[::1]", "any"),
    ] {
        let mut connection = host.connect();
        connection.send(format!("GET /x HTTP/1.1\r\nHost: {written}\r\n\r\n"));
        let answer = connection.read_answer("GET");
        assert_eq!(host.log_line_for(answer.id())["service"], service, "{written}");
    }
    // The host of the target decides, not the one it replaces.
    let mut connection = host.connect();
    connection.send("GET http://shop.example/x HTTP/1.1\r\nHost: a.shop.example\r\n\r\n");
    assert_eq!(host.log_line_for(connection.read_answer("GET").id())["service"], "exact");
}
