//! Header fields end to end: what a guest sees of what a client sends, and what the host adds.

use hostel_model::network::Network;
use hostel_model::target::Underscores;

use super::{assert_nothing_smuggled, assert_refused, echoes, passed, patient, seen};
use crate::harness::Running;

/// Fields as they are sent, and as a guest sees them.
const ROWS: &[(&str, &[&str])] = &[
    ("Accept: a\r\nACCEPT: b\r\nX-Some: y\r\n", &["accept: a, b", "x-some: y"]),
    ("Authorization: Bearer x\r\n", &["authorization: Bearer x"]),
    ("Connection: close\r\n", &[]),
    ("Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n", &[]),
    ("Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic x\r\nProxy-Authenticate: Basic\r\n", &[]),
    ("TE: trailers\r\nTrailer: x-sum\r\n", &[]),
    ("TE: gzip, trailers\r\n", &[]),
    // What `Connection` names goes no further, once and however it is written.
    ("Connection: x-one, X-TWO ,,x-three\r\nX-One: 1\r\nx-two: 2\r\nX-Three: 3\r\nX-Four: 4\r\n", &["x-four: 4"]),
    ("Connection: keep-alive\r\nConnection: x-one\r\nX-One: 1\r\nX-One: 2\r\n", &[]),
    ("X-One: 1\r\nConnection: x-one\r\n", &[]),
    // Upgrades are not offered, so the request is one like any other.
    ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", &["sec-websocket-version: 13"]),
    ("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n", &[]),
    ("Upgrade: h2c\r\n", &[]),
    // Only the host says who asks.
    ("Hostel-Caller: admin\r\nHostel-User: root\r\nHOSTEL-ANYTHING: x\r\n", &[]),
    ("X-Request-Id: 1\r\nX-Request-Id: 2\r\nProxy-Status: hostel\r\n", &[]),
    ("Forwarded: for=10.0.0.1;proto=https;host=evil\r\nX-Real-IP: 10.0.0.1\r\n", &[]),
    ("X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n", &[]),
    ("X-Forwarded-Port: 1\r\nX-Forwarded-User: root\r\nX-Forwarded-Prefix: /x\r\nX-Forwarded-: y\r\n", &[]),
    // What others take for another method, address or setting.
    ("X-HTTP-Method-Override: DELETE\r\nX-HTTP-Method: DELETE\r\nX-Method-Override: DELETE\r\n", &[]),
    ("X-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\nProxy: http://evil\r\n", &[]),
    // One field of cookies.
    ("Cookie: a=1\r\n", &["cookie: a=1"]),
    ("Cookie: a=1\r\nCookie: b=2; c=3\r\n", &["cookie: a=1; b=2; c=3"]),
    // Left as it is.
    ("Via: 1.0 somebody\r\nMax-Forwards: 3\r\nDate: now\r\n", &["date: now", "max-forwards: 3", "via: 1.0 somebody"]),
    ("X-Forwarded: a\r\nX-RequestId: b\r\nHostel: c\r\n", &["hostel: c", "x-forwarded: a", "x-requestid: b"]),
    ("X-Empty:\r\n", &["x-empty"]),
];

/// Fields that cannot be meant well.
const REFUSED: &[&str] = &[
    "Connection: host\r\n",
    "Connection: Content-Length\r\n",
    "Connection: close, Authorization\r\n",
    "Connection: cookie\r\nCookie: a=1\r\n",
    "Connection: forwarded\r\n",
    "Connection: X-Forwarded-For\r\n",
    "Connection: x-forwarded-anything\r\n",
    "Connection: x-real-ip\r\n",
    "Connection: x-request-id\r\n",
    "Connection: traceparent\r\n",
    "Connection: tracestate\r\n",
    "Connection: hostel-caller\r\n",
    "Connection: keep-alive\r\nConnection: hostel-user\r\n",
    "Connection: a b\r\n",
    "Connection: close;q=1\r\n",
    "Connection: \"close\"\r\n",
    "Connection: \u{e9}\r\n",
    "X_Some: y\r\n",
    "X_Forwarded_For: 10.0.0.1\r\n",
    "Hostel_Caller: admin\r\n",
    "Content_Length: 5\r\n",
    "_: y\r\n",
    "Upgrade: websocket\r\nContent-Length: 5\r\n",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n",
    "Upgrade: h2c\r\nContent-Length: 1\r\n",
];

fn request(service: &str, fields: &str) -> String {
    format!("GET /{service}/x HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

/// What a guest sees of `fields`, on a connection that may end with it.
#[track_caller]
fn seen_of(host: &Running, service: &str, fields: &str) -> Vec<String> {
    let mut connection = host.connect();
    connection.send(request(service, fields));
    let answer = connection.read_answer("GET");
    assert_eq!((answer.status, answer.header("x-echo-method")), (200, Some("GET")), "{fields}");
    assert_eq!(answer.header("x-echo-path"), Some(&*format!("/{service}/x")), "{fields}");
    seen(&answer)
}

#[test]
fn a_guest_sees_what_a_client_says_and_nothing_that_only_the_host_may_say() {
    let host = echoes().start();
    for service in ["p2", "p3"] {
        for (fields, expected) in ROWS {
            assert_eq!(seen_of(&host, service, fields), *expected, "{service} {fields}");
        }
    }
}

#[test]
fn fields_that_cannot_be_meant_well_are_refused() {
    let host = echoes().start();
    for fields in REFUSED {
        assert_refused(&host, request("p2", fields).as_bytes(), "bad-request");
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn an_upgrade_that_is_not_taken_leaves_the_connection_as_it_was() {
    let host = echoes().start();
    for fields in
        ["Connection: Upgrade\r\nUpgrade: websocket\r\n", "Upgrade: h2c\r\n", "Upgrade: h2c\r\nContent-Length: 0\r\n"]
    {
        passed(&host, request("p2", fields));
    }
}

#[test]
fn only_one_expectation_is_known() {
    let host = echoes().start();
    for fields in
        ["Expect: 200-ok\r\n", "Expect:\r\n", "Expect: 100-continue, x\r\n", "Expect: 100-continue\r\nExpect: x\r\n"]
    {
        assert_refused(&host, request("p2", fields).as_bytes(), "expectation-failed");
    }
    for service in ["p2", "p3"] {
        assert!(seen_of(&host, service, "Expect: 100-continue\r\n").is_empty());
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn a_client_is_told_to_go_on_only_when_a_guest_wants_its_body() {
    let host = patient().start();
    let ask = |method: &str, path: &str, length: u64| {
        let mut connection = host.connect();
        connection.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        ));
        connection
    };
    for service in ["whole2", "whole3"] {
        let mut connection = ask("POST", &format!("/{service}"), 5);
        assert_eq!(connection.read_head().map(|head| head.status), Some(100), "{service}");
        connection.send("hello");
        assert_eq!(connection.read_answer("POST").text(), "hello", "{service}");
    }
    for (method, path, length, status) in [
        ("POST", "/nowhere", 5, 404),
        ("POST", "/p2", 1 << 30, 413),
        ("TRACE", "/p2", 5, 405),
        ("POST", "/hello", 5, 200),
    ] {
        let mut connection = ask(method, path, length);
        let answer = connection.read_answer(method);
        assert_eq!((answer.status, answer.interim.len()), (status, 0), "{method} {path}");
        // What follows is the body, whatever the client thinks: at most what is left over is looked at.
        let _ = connection.try_send(super::SMUGGLED);
        let next = connection.try_read_answer("GET").map(|answer| answer.status);
        assert!(matches!(next, None | Some(400)), "{method} {path}: {next:?}");
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn names_with_underscores_are_treated_as_the_listener_says() {
    for (rule, expected) in [(Underscores::Drop, &["a-b: d"][..]), (Underscores::Keep, &["a-b: d", "a_b: c"])] {
        let host = echoes().listener_plan(|plan| plan.underscores = rule).start();
        for service in ["p2", "p3"] {
            assert_eq!(
                seen_of(&host, service, "a_b: c\r\na-b: d\r\nhostel-a_b: e\r\n"),
                expected,
                "{service} {rule:?}"
            );
        }
    }
}

/// What a guest is told of its client: address, scheme, host, port.
#[track_caller]
fn told(host: &Running, service: &str, fields: &str) -> [String; 4] {
    let answer = passed(host, request(service, fields));
    ["for", "proto", "host", "port"].map(|name| {
        let name = format!("x-echo-header-x-forwarded-{name}");
        let values: Vec<_> =
            answer.headers.iter().filter(|(own, _)| *own == name).map(|(_, value)| value.as_str()).collect();
        values.join(" and ")
    })
}

#[test]
fn a_guest_is_told_by_the_host_who_asks() {
    let forged =
        "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Host: b\r\n";
    let host = echoes().start();
    let port = host.address().port().to_string();
    for service in ["p2", "p3"] {
        for fields in ["", forged] {
            assert_eq!(told(&host, service, fields), ["127.0.0.1", "http", "localhost", &port], "{service}");
        }
        let answer = passed(&host, request(service, "X-Request-Id: forged\r\n"));
        assert_eq!(answer.header("x-echo-header-x-request-id"), Some(answer.id()), "{service}");
        assert_eq!(answer.id().len(), 32, "{service}");
    }
}

#[test]
fn a_trusted_proxy_tells_the_host_who_asks() {
    let trusted = ["127.0.0.0/8", "10.0.0.0/8"].map(|text| Network::parse(text).unwrap());
    let host = echoes().listener_plan(|plan| plan.trusted_proxies = trusted.to_vec()).start();
    let port = host.address().port().to_string();
    for (fields, expected) in [
        ("", ["127.0.0.1", "http", "localhost", port.as_str()]),
        ("X-Forwarded-For: 198.51.100.7\r\n", ["198.51.100.7", "http", "localhost", &port]),
        ("X-Forwarded-For: 1.1.1.1, 198.51.100.7, 10.0.0.3\r\n", ["198.51.100.7", "http", "localhost", &port]),
        ("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2001:db8::7\r\n", ["2001:db8::7", "http", "localhost", &port]),
        ("X-Forwarded-For: 198.51.100.7, nonsense\r\n", ["127.0.0.1", "http", "localhost", &port]),
        ("X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n", ["127.0.0.1", "https", "localhost", "443"]),
        ("X-Forwarded-Proto: gopher\r\nX-Forwarded-Port: x\r\n", ["127.0.0.1", "http", "localhost", &port]),
        ("Forwarded: for=198.51.100.7\r\nX-Real-IP: 198.51.100.7\r\n", ["127.0.0.1", "http", "localhost", &port]),
        ("X-Forwarded-Host: b\r\n", ["127.0.0.1", "http", "localhost", &port]),
    ] {
        for service in ["p2", "p3"] {
            assert_eq!(told(&host, service, fields), expected, "{service} {fields}");
        }
    }
}
