//! HTTP/2 with an honest client: the same rules, the same guests, the same log.

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, Request};

use super::{echoes, seen};
use crate::harness::{Connection, Frames, Harness, Http2, Running, eventually, guest, kind};

pub(super) fn host() -> Running {
    echoes()
        .serves("trailing2", guest::TRAILERS_P2)
        .serves("trailing3", guest::TRAILERS_P3)
        .serves("broken2", guest::TRAPS_HALF_WAY_P2)
        .serves("broken3", guest::TRAPS_HALF_WAY_P3)
        .serves("slow2", guest::SLEEPS_P2)
        .serves("slow3", guest::SLEEPS_P3)
        .serves("stalls2", guest::STALLS_HALF_WAY_P2)
        .listener_plan(|plan| plan.h2c = true)
        .start()
}

fn trailers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let field =
        |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    fields.iter().map(field).collect()
}

#[test]
fn requests_of_one_connection_are_answered_and_logged() {
    let host = host();
    let mut client = Http2::to(host.address());
    for service in ["p2", "p3"] {
        for (method, body) in [("GET", ""), ("POST", "hello"), ("PUT", ""), ("BREW", "x")] {
            let path = format!("/{service}/%61//b?q=%41");
            let outcome = client.send_body(Http2::request(method, &path), body.to_owned(), HeaderMap::new());
            assert!(outcome.error.is_none(), "{service} {method}: {outcome:?}");
            let answer = outcome.answer;
            assert_eq!(
                (answer.status, answer.text().as_str(), answer.complete),
                (200, body, true),
                "{service} {method}"
            );
            let told =
                ["method", "path", "scheme", "authority"].map(|name| answer.header(&format!("x-echo-{name}")).unwrap());
            let canonical = format!("/{service}/a/b?q=%41");
            assert_eq!(told, [method, canonical.as_str(), "http", "localhost"]);
            let line = host.log_line_for(answer.id());
            assert_eq!((&line["protocol"], &line["outcome"]), (&"HTTP/2".into(), &"ok".into()), "{line}");
            assert_eq!(line["path"], *canonical.split('?').next().unwrap(), "{line}");
            // Frames of several requests share the wire, so only bodies are counted.
            let bytes = serde_json::json!({ "body": body.len(), "total": body.len() });
            assert_eq!((&line["received"], &line["sent"]), (&bytes, &bytes), "{line}");
        }
        let head = client.send(Http2::request("HEAD", &format!("/{service}"))).answer;
        assert_eq!((head.status, head.header("x-echo-method"), head.body.len()), (200, Some("HEAD"), 0), "{service}");
        assert_eq!(host.log_line_for(head.id())["outcome"], "ok", "{service}");
    }
    for (method, path, status) in [("GET", "/nowhere", 404), ("TRACE", "/p2", 405), ("HEAD", "/nowhere", 404)] {
        let outcome = client.send(Http2::request(method, path));
        assert_eq!((outcome.answer.status, outcome.answer.header("connection")), (status, None), "{outcome:?}");
        assert_eq!(host.log_line_for(outcome.answer.id())["protocol"], "HTTP/2");
    }
    let options = client.send(Request::builder().method("OPTIONS").uri("http://localhost/p2").body(()).unwrap());
    assert_eq!(options.answer.status, 200);
}

#[test]
fn the_rules_for_fields_are_those_of_http_1() {
    let host = host();
    let mut client = Http2::to(host.address());
    for service in ["p2", "p3"] {
        let request = Http2::request("GET", &format!("/{service}"));
        let (mut head, ()) = request.into_parts();
        for (name, value) in [
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("cookie", "c=3"),
            ("te", "trailers"),
            ("x-a", "1"),
            ("x-a", "2"),
            ("host", "LOCALHOST."),
            ("hostel-caller", "admin"),
            ("x-request-id", "forged"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            ("x-http-method-override", "DELETE"),
            ("proxy", "http://evil"),
            ("proxy-authorization", "Basic x"),
            ("trailer", "x-sum"),
        ] {
            head.headers.append(name, HeaderValue::from_static(value));
        }
        let answer = client.send(Request::from_parts(head, ())).answer;
        assert_eq!(answer.status, 200, "{service}");
        assert_eq!(seen(&answer), ["cookie: a=1; b=2; c=3", "te: trailers", "x-a: 1, 2"], "{service}");
        let port = host.address().port().to_string();
        for (name, value) in [("for", "127.0.0.1"), ("proto", "http"), ("host", "localhost"), ("port", &port)] {
            assert_eq!(answer.header(&format!("x-echo-header-x-forwarded-{name}")), Some(value), "{service}");
        }
        assert_eq!(answer.header("x-echo-header-x-request-id"), Some(answer.id()), "{service}");
    }
}

#[test]
fn what_http_1_refuses_is_refused_and_the_connection_goes_on() {
    let host = host();
    let mut client = Http2::to(host.address());
    let long = format!("http://localhost/{}", "x".repeat(8_192));
    for (uri, fields, status) in [
        ("http://a/p2", &[("host", "b")][..], 400),
        ("http://a/p2", &[("host", "a"), ("host", "a")], 400),
        ("http://a:81/p2", &[("host", "a:82")], 400),
        ("http://u@a/p2", &[], 400),
        ("https://a/p2", &[], 400),
        ("http://a/p2/../x", &[], 400),
        ("http://a/p2%2fx", &[], 400),
        ("http://a/p2%00", &[], 400),
        ("http://a/p2?a%", &[], 400),
        ("http://a/p2", &[("x_under", "y")], 400),
        ("http://a/p2", &[("expect", "x")], 417),
        (&long, &[], 414),
    ] {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let outcome = client.send(request.body(()).unwrap());
        assert!(outcome.error.is_none(), "{uri} {fields:?}: {outcome:?}");
        let answer = outcome.answer;
        assert_eq!((answer.status, answer.header("connection")), (status, None), "{uri} {fields:?}");
        assert!(answer.problem().is_some(), "{uri} {fields:?}: {answer:?}");
        let line = host.log_line_for(answer.id());
        assert!(line["service"].is_null() && line["status"] == status, "{line}");
    }
    assert_eq!(client.get("/p2").status, 200);
}

#[test]
fn heads_have_the_same_bounds() {
    let host = host();
    let mut client = Http2::to(host.address());
    let with = |fields: usize, bytes: usize| {
        let mut request = Http2::request("GET", "/p2");
        for n in 0..fields {
            let name = HeaderName::from_bytes(format!("x-{n}").as_bytes()).unwrap();
            request.headers_mut().append(name, HeaderValue::from_bytes(&vec![b'v'; bytes]).unwrap());
        }
        request
    };
    assert_eq!(client.send(with(100, 1)).answer.status, 200);
    let refused = client.send(with(101, 1)).answer;
    assert_eq!((refused.status, refused.problem().as_deref()), (431, Some("headers-too-large")));
    // Each field counts with 32 bytes more than it has (RFC 9113, section 6.5.2).
    assert_eq!(client.send(with(1, 15 * 1_024)).answer.status, 200);
    assert_eq!(client.send(with(1, 16 * 1_024)).answer.status, 431);
    assert_eq!(client.send(with(20, 1_000)).answer.status, 431);
    assert_eq!(client.get("/p2").status, 200);
}

#[test]
fn large_bodies_pass_both_ways() {
    let host = host();
    let mut client = Http2::to(host.address());
    let body: Bytes = (0..3_000_000_u32).map(|n| (n ^ (n >> 8)) as u8).collect::<Vec<_>>().into();
    for service in ["p2", "p3"] {
        let outcome = client.send_body(Http2::request("POST", &format!("/{service}")), body.clone(), HeaderMap::new());
        assert!(outcome.error.is_none() && outcome.answer.body == body, "{service}: {:?}", outcome.error);
        let line = host.log_line_for(outcome.answer.id());
        assert_eq!(
            (&line["received"]["body"], &line["sent"]["body"]),
            (&body.len().into(), &body.len().into()),
            "{line}"
        );
    }
    let too_large = client.send_body(Http2::request("POST", "/p2"), vec![b'x'; 11 << 20], HeaderMap::new());
    assert!(too_large.answer.status == 413 || !too_large.answer.complete, "{:?}", too_large.answer.status);
    assert_eq!(client.get("/p2").status, 200);
}

#[test]
fn trailers_pass_both_ways_without_what_may_not_stand_there() {
    let host = host();
    let mut client = Http2::to(host.address());
    let sent = trailers(&[
        ("x-sum", "1"),
        ("grpc-status", "0"),
        ("hostel-caller", "admin"),
        ("x-request-id", "f"),
        ("authorization", "x"),
    ]);
    for service in ["trailing2", "trailing3"] {
        let outcome = client.send_body(Http2::request("POST", &format!("/{service}")), "hello", sent.clone());
        assert!(outcome.error.is_none(), "{service}: {outcome:?}");
        let answer = outcome.answer;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "{service}");
        let named = |prefix: &str| {
            let names = answer.headers.iter().filter_map(|(name, _)| name.strip_prefix(prefix));
            let mut names: Vec<_> = names.filter(|name| sent.contains_key(*name)).collect();
            names.sort_unstable();
            names.join(" ")
        };
        assert_eq!(named("x-echo-trailer-"), "grpc-status x-sum", "{service}");
        // Those of the answer; its id is a header of the host.
        assert_eq!(named(""), "grpc-status x-request-id x-sum", "{service}");
        assert_ne!(answer.id(), "f", "{service}");
    }
}

#[test]
fn only_so_many_requests_are_taken_at_once() {
    let host = Harness::new()
        .serves("never", guest::NEVER_ANSWERS_P2)
        .listener_plan(|plan| plan.h2c = true)
        .listener(|limits| limits.streams = 3)
        .start();
    let mut client = Http2::to(host.address());
    let _first = client.begin(Http2::request("GET", "/never"), true);
    eventually("the host has told", || client.streams_max() == 3);
    drop(client);
    // A client that does not listen.
    let mut frames = Frames::to(host.address());
    let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/never"), (":authority", "localhost")];
    for stream in [1, 3, 5, 7, 9] {
        frames.request(stream, &fields);
    }
    for stream in [7, 9] {
        let refused = frames.next_of(&[kind::RST_STREAM, kind::HEADERS, kind::GOAWAY]).expect("a refusal must come");
        assert_eq!(
            (refused.kind, refused.stream, refused.error()),
            (kind::RST_STREAM, stream, u32::from(Reason::REFUSED_STREAM))
        );
    }
    eventually("the others are at work", || host.levels().instances_live == 3);
}

#[test]
fn an_answer_that_breaks_off_is_a_reset() {
    let host = host();
    let mut client = Http2::to(host.address());
    for service in ["broken2", "broken3"] {
        let outcome = client.send(Http2::request("GET", &format!("/{service}")));
        assert_eq!(
            (outcome.answer.status, outcome.reason()),
            (200, Some(Reason::INTERNAL_ERROR)),
            "{service}: {outcome:?}"
        );
        let line = host.log_line_for(outcome.answer.id());
        assert_eq!((&line["outcome"], &line["status"]), (&"truncated".into(), &200.into()), "{line}");
        assert_eq!(line["cause"], "trap", "{line}");
        // The other requests of the connection are none the worse.
        assert_eq!(client.get("/p2").status, 200, "{service}");
    }
}

#[test]
fn a_client_that_resets_a_request_frees_its_instance() {
    let host = host();
    let mut client = Http2::to(host.address());
    for service in ["slow2", "slow3", "stalls2"] {
        let begun = client.begin(Http2::request("GET", &format!("/{service}?ms=60000")), true);
        eventually("it works", || host.levels().instances_live == 1);
        drop(begun);
        eventually("its instance is free", || host.is_idle());
        let line = host.log().json_line("its line", |line| line["service"] == service);
        assert_eq!((&line["outcome"], &line["status"]), (&"client-gone".into(), &499.into()), "{line}");
    }
    assert_eq!(client.get("/p2").status, 200);
}

#[test]
fn a_host_that_stops_says_so_and_finishes_what_it_began() {
    let host = host();
    let mut client = Http2::to(host.address());
    assert_eq!(client.get("/p2").status, 200);
    let [one, other] = ["/slow2?ms=600", "/slow3?ms=600"].map(|path| client.begin(Http2::request("GET", path), true));
    eventually("both work", || host.levels().instances_live == 2);
    std::thread::scope(|scope| {
        scope.spawn(|| host.stop());
        for begun in [one, other] {
            let outcome = client.finish(begun);
            assert_eq!((outcome.answer.status, outcome.answer.text().as_str()), (200, "slept"), "{outcome:?}");
            assert!(outcome.error.is_none(), "{outcome:?}");
        }
        assert!(client.closed().is_ok(), "the connection must end with the reason that nothing is wrong");
    });
}

#[test]
fn http_1_is_spoken_where_http_2_is() {
    let host = host();
    let mut connection = host.connect();
    for path in ["/p2/1", "/p3/2"] {
        let answer = host.request("POST", path).body("PRI * HTTP/2.0").send_on(&mut connection);
        assert_eq!((answer.status, answer.text().as_str()), (200, "PRI * HTTP/2.0"));
        assert_eq!(host.log_line_for(answer.id())["protocol"], "HTTP/1.1");
    }
    // Methods that begin as the preface does.
    for method in ["P", "PR", "PRI", "PRINT"] {
        let mut connection = host.connect();
        for byte in host.request(method, "/p2").bytes() {
            connection.send([byte]);
        }
        assert_eq!(connection.read_answer(method).header("x-echo-method"), Some(method));
    }
    super::assert_refused(&host, b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "bad-request");
}

#[test]
fn a_listener_that_was_not_told_to_does_not_speak_it() {
    let host = echoes().start();
    let mut connection = Connection::to(host.address());
    connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert_eq!(connection.read_answer("GET").problem().as_deref(), Some("bad-request"));
    assert!(connection.is_closed_by_host());
}
