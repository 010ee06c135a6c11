//! Which header fields reach a guest, row by row.

use std::net::SocketAddr;
use std::sync::Arc;

use hostel_model::limits::ListenerLimits;
use hostel_model::target::PathRules;
use http::uri::Scheme;

use super::*;
use crate::edge::Listener;

fn peer(underscores: Underscores, fields: u32) -> Peer {
    let listener = Listener {
        place: 0,
        port: 8080,
        scheme: Scheme::HTTP,
        limits: Arc::new(ListenerLimits { header_fields: fields, ..ListenerLimits::default() }),
        paths: PathRules::default(),
        underscores,
        trusted: Vec::new(),
        redirect_to: None,
    };
    Peer::new(Arc::new(listener), SocketAddr::from(([192, 0, 2, 7], 4711)), None)
}

/// One field a line.
fn headers(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// The same, in order.
fn text(headers: &HeaderMap) -> String {
    let line = |(name, value): (&HeaderName, &HeaderValue)| match value.as_bytes() {
        b"" => name.to_string(),
        value => format!("{name}: {}", String::from_utf8_lossy(value)),
    };
    let mut lines: Vec<_> = headers.iter().map(line).collect();
    lines.sort();
    lines.join("\n")
}

/// What is left of `given`, or why it is refused.
fn cleaned(version: Version, peer: &Peer, given: &str) -> Result<String, Fault> {
    let mut headers = headers(given);
    clean(&mut headers, version, peer).map(|()| text(&headers))
}

#[track_caller]
fn check(versions: &[Version], rows: &[(&str, &str)]) {
    for version in versions {
        for (given, left) in rows {
            let seen = cleaned(*version, &peer(Underscores::Reject, 100), given);
            match left.strip_prefix("bad: ") {
                Some(reason) => {
                    let fault = seen.expect_err(given);
                    assert_eq!(fault.failure, Failure::BadRequest, "{given}");
                    assert!(fault.why.contains(reason), "{given}: {}", fault.why);
                }
                None => assert_eq!(seen.as_deref(), Ok(&*text(&headers(left))), "{version:?} {given}"),
            }
        }
    }
}

const BOTH: &[Version] = &[Version::HTTP_11, Version::HTTP_2];

#[test]
fn fields_that_say_nothing_about_the_way_stay_as_they_are() {
    for given in [
        "",
        "accept: */*\naccept: text/html\nuser-agent: x",
        "authorization: Bearer x\nrange: bytes=0-1",
        "content-length: 5\ncontent-type: text/plain",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\ntracestate: a=b",
        "via: 1.1 a\nproxy-x: y\nx-forwardedfor: a\nxforwarded-for: a\nhostel: a\nhostelx: a",
        "date: now\nx-http-method-overrides: a\nkeep-alives: a\nx-te: trailers",
        "x-empty",
    ] {
        check(BOTH, &[(given, given)]);
    }
}

#[test]
fn fields_of_one_connection_go_no_further() {
    check(
        BOTH,
        &[
            ("connection: close\nx: y", "x: y"),
            ("connection: keep-alive\nkeep-alive: timeout=5\nx: y", "x: y"),
            ("proxy-connection: keep-alive", ""),
            ("proxy-authenticate: Basic", ""),
            ("proxy-authorization: Basic x\nauthorization: Basic y", "authorization: Basic y"),
            ("transfer-encoding: chunked", ""),
            ("trailer: x-sum", ""),
            ("upgrade: h2c\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA", ""),
            ("keep-alive: a\nkeep-alive: b", ""),
        ],
    );
}

#[test]
fn what_connection_names_belongs_to_the_connection() {
    check(
        BOTH,
        &[
            ("connection: x-a\nx-a: 1\nx-b: 2", "x-b: 2"),
            ("connection: X-A, x-B\nx-a: 1\nx-b: 2\nx-c: 3", "x-c: 3"),
            ("connection: ,, x-a ,\nx-a: 1\nx-a: 2", ""),
            ("connection: close\nconnection: x-a\nx-a: 1", ""),
            ("connection: x-missing\nx-a: 1", "x-a: 1"),
            ("connection: close, upgrade, te, keep-alive, transfer-encoding\nx: y", "x: y"),
            ("connection", ""),
            ("connection: accept\naccept: a\naccept: b", ""),
            ("connection: expect\nexpect: 100-continue", ""),
            ("connection: via\nvia: a", ""),
            // Naming what others rely on is an attempt to have it taken away.
            ("connection: host\nhost: a", "bad: that others rely on"),
            ("connection: HOST", "bad: that others rely on"),
            ("connection: content-length\ncontent-length: 5", "bad: that others rely on"),
            ("connection: close, authorization", "bad: that others rely on"),
            ("connection: cookie", "bad: that others rely on"),
            ("connection: forwarded", "bad: that others rely on"),
            ("connection: x-forwarded-for", "bad: that others rely on"),
            ("connection: x-forwarded-anything", "bad: that others rely on"),
            ("connection: x-real-ip", "bad: that others rely on"),
            ("connection: x-request-id", "bad: that others rely on"),
            ("connection: traceparent", "bad: that others rely on"),
            ("connection: tracestate", "bad: that others rely on"),
            ("connection: hostel-user", "bad: that others rely on"),
            ("connection: hostel-caller", "bad: that others rely on"),
            ("connection: close\nconnection: hostel-caller", "bad: that others rely on"),
            ("connection: a b", "bad: cannot be a header field"),
            ("connection: close;x", "bad: cannot be a header field"),
            ("connection: \"close\"", "bad: cannot be a header field"),
            ("connection: \u{e9}", "bad: not ASCII"),
        ],
    );
}

#[test]
fn nobody_outside_says_what_only_the_host_may() {
    check(
        BOTH,
        &[
            ("hostel-caller: admin\nhostel-user: root\nhostel-x: y\nHostel-Caller: b\nx: y", "x: y"),
            ("x-request-id: 1\nx-request-id: 2", ""),
            ("proxy-status: hostel; error=x", ""),
            ("forwarded: for=10.0.0.1", ""),
            ("x-forwarded-for: 10.0.0.1\nx-forwarded-proto: https\nx-forwarded-host: a\nx-forwarded-port: 1", ""),
            ("x-forwarded-user: root\nx-forwarded-: y", ""),
            ("x-real-ip: 10.0.0.1", ""),
        ],
    );
}

#[test]
fn fields_that_override_others_are_left_out() {
    check(
        BOTH,
        &[
            ("proxy: http://evil\nx: y", "x: y"),
            ("x-original-url: /admin\nx-rewrite-url: /admin", ""),
            ("x-http-method-override: DELETE\nx-http-method: DELETE\nx-method-override: DELETE", ""),
            ("X-HTTP-Method-Override: DELETE", ""),
        ],
    );
}

#[test]
fn names_with_underscores_are_treated_as_the_listener_says() {
    for given in ["x_forwarded_for: a", "a_b: c\nx: y", "_: c", "content_length: 5", "hostel_caller: a"] {
        check(BOTH, &[(given, "bad: has `_` in its name")]);
    }
    let given = "a_b: c\na-b: d\n_: e\nx: y";
    assert_eq!(cleaned(Version::HTTP_11, &peer(Underscores::Drop, 100), given).as_deref(), Ok("a-b: d\nx: y"));
    assert_eq!(
        cleaned(Version::HTTP_11, &peer(Underscores::Keep, 100), given).as_deref(),
        Ok("_: e\na-b: d\na_b: c\nx: y")
    );
    // Names of the host are its own in any case.
    for underscores in [Underscores::Reject, Underscores::Drop, Underscores::Keep] {
        assert_eq!(cleaned(Version::HTTP_11, &peer(underscores, 100), "hostel-a_b: c").as_deref(), Ok(""));
    }
    // And names that some readers take for the host's.
    let forged = "x_forwarded_for: a\nhostel_caller: b\nx_request-id: c\ntransfer_encoding: d\nmine_own: e";
    assert_eq!(cleaned(Version::HTTP_11, &peer(Underscores::Keep, 100), forged).as_deref(), Ok("mine_own: e"));
}

#[test]
fn only_one_expectation_is_known() {
    check(
        BOTH,
        &[
            ("expect: 100-continue\nx: y", "x: y"),
            ("expect: 100-Continue", ""),
            ("expect: 100-continue\nexpect: 100-continue", ""),
        ],
    );
    for given in
        ["expect: 200-ok", "expect", "expect: 100-continue, x", "expect: 100-continue\nexpect: x", "expect: 100"]
    {
        for version in BOTH {
            let fault = cleaned(*version, &peer(Underscores::Reject, 100), given).unwrap_err();
            assert_eq!(fault.failure, Failure::ExpectationFailed, "{given}");
        }
    }
}

#[test]
fn an_upgrade_is_ignored() {
    check(
        BOTH,
        &[
            ("upgrade: websocket\nconnection: upgrade", ""),
            ("upgrade: websocket\ncontent-length: 0", "content-length: 0"),
        ],
    );
}

#[test]
fn only_http_2_may_say_that_it_takes_trailers() {
    check(
        &[Version::HTTP_2],
        &[("te: trailers\nx: y", "te: trailers\nx: y"), ("te: gzip", ""), ("te: trailers, gzip", ""), ("te", "")],
    );
    check(&[Version::HTTP_11, Version::HTTP_10], &[("te: trailers\nx: y", "x: y"), ("te: gzip", "")]);
    // What is left of several must be one word.
    assert!(matches!(
        cleaned(Version::HTTP_2, &peer(Underscores::Reject, 100), "te: trailers\nte: gzip").as_deref(),
        Ok("" | "te: trailers")
    ));
}

#[test]
fn cookies_are_one_field_and_nothing_else_is_joined() {
    check(
        BOTH,
        &[
            ("cookie: a=1", "cookie: a=1"),
            ("cookie: a=1\ncookie: b=2", "cookie: a=1; b=2"),
            ("cookie: a=1; b=2\ncookie: c=3\ncookie: d=\u{e9}", "cookie: a=1; b=2; c=3; d=\u{e9}"),
            (
                "accept: a\naccept: b\ncookie: c\nset-cookie: d\nset-cookie: e",
                "accept: a\naccept: b\ncookie: c\nset-cookie: d\nset-cookie: e",
            ),
        ],
    );
}

#[test]
fn there_may_be_as_many_fields_as_the_limit() {
    for (fields, fits) in [(2, true), (3, false)] {
        for same in [false, true] {
            let given: String = (0..fields).map(|n| format!("x{}: y\n", if same { 0 } else { n })).collect();
            let seen = cleaned(Version::HTTP_2, &peer(Underscores::Reject, 2), &given);
            assert_eq!(
                seen.map_err(|fault| fault.failure).err(),
                (!fits).then_some(Failure::HeadersTooLarge),
                "{given}"
            );
        }
    }
    // What is left out counts, too: it had to be read.
    let seen = cleaned(Version::HTTP_11, &peer(Underscores::Reject, 1), "x-request-id: 1\nforwarded: 2");
    assert_eq!(seen.unwrap_err().failure, Failure::HeadersTooLarge);
}

#[test]
fn trailers_hold_only_what_may_stand_there() {
    let rows = [
        ("x-sum: 1\ngrpc-status: 0\nserver-timing: a\netag: b", "etag: b\ngrpc-status: 0\nserver-timing: a\nx-sum: 1"),
        ("content-length: 5\ntransfer-encoding: chunked\ntrailer: x\nte: trailers\nconnection: close\nupgrade: a", ""),
        (
            "host: a\nauthorization: b\ncookie: c\nset-cookie: d\ncontent-type: e\ncontent-encoding: f\ncontent-range: g",
            "",
        ),
        ("cache-control: a\nexpires: b\nrange: c\nif-match: d\nmax-forwards: e\nexpect: f\nvary: g\nlocation: h", ""),
        ("hostel-caller: a\nhostel-user: b\nx-request-id: c\nx-forwarded-for: d\nforwarded: e\nx-real-ip: f", ""),
        ("x_sum: 1\nproxy: a\nx-http-method-override: b\nproxy-authorization: c\nkeep-alive: d", ""),
        ("traceparent: a\ntracestate: b\nwww-authenticate: c\nx: y", "x: y"),
    ];
    for (given, left) in rows {
        let mut trailers = headers(given);
        clean_trailers(&mut trailers);
        assert_eq!(text(&trailers), left, "{given}");
    }
}

#[test]
fn a_list_of_fields_is_counted_as_http_2_counts_it() {
    let mut peer = peer(Underscores::Reject, 100);
    let listener = Arc::get_mut(&mut peer.listener).unwrap();
    // Name, value and 32 for each of two.
    Arc::get_mut(&mut listener.limits).unwrap().header_list = hostel_model::units::ByteSize(2 * (1 + 32) + 10);
    let length = |bytes: usize| format!("a: {}\nb: {}", "v".repeat(bytes), "v".repeat(5));
    assert!(cleaned(Version::HTTP_2, &peer, &length(5)).is_ok());
    assert!(cleaned(Version::HTTP_2, &peer, &length(6)).is_err());
    assert!(cleaned(Version::HTTP_11, &peer, &length(6)).is_ok());
}

#[test]
fn a_length_over_http_2_is_one_number_as_it_is_over_http_1() {
    for (given, passes) in [
        ("content-length: 5", true),
        ("content-length: 5\ncontent-length: 5", false),
        ("content-length: +5", false),
        ("content-length", false),
    ] {
        assert_eq!(cleaned(Version::HTTP_2, &peer(Underscores::Reject, 100), given).is_ok(), passes, "{given}");
    }
}
