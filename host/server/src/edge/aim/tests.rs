//! What a request is aimed at, row by row: target forms, authorities, paths, methods.

use std::sync::Arc;

use hostel_model::limits::ListenerLimits;
use hostel_model::target::{DotSegments, EncodedSlash, PathRules, Slashes, Underscores};

use super::*;
use crate::edge::Listener;

/// A plain listener with the defaults, and somebody who came to it.
fn listener() -> Listener {
    Listener {
        place: 0,
        port: 8080,
        scheme: Scheme::HTTP,
        limits: Arc::new(ListenerLimits::default()),
        paths: PathRules::default(),
        underscores: Underscores::default(),
        trusted: Vec::new(),
        redirect_to: None,
    }
}

fn peer(listener: Listener) -> Peer {
    Peer::new(Arc::new(listener), "192.0.2.7:4711".parse().unwrap(), None)
}

fn request(version: Version, method: &str, target: &str, hosts: &[&str]) -> Request<()> {
    let mut request = Request::builder().version(version).method(method).uri(target);
    for host in hosts {
        request = request.header(HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
    }
    request.body(()).unwrap_or_else(|error| panic!("{error}: {method} {target}"))
}

/// What comes of it, as text: an address, `*`, `-> address`, or the failure and its reason.
fn outcome(request: &Request<()>, peer: &Peer) -> String {
    match aim(request, peer) {
        Ok(Aim::Service(Target { scheme, authority, path_and_query })) => {
            format!("{scheme}://{authority}{path_and_query}")
        }
        Ok(Aim::Host) => "*".to_owned(),
        Ok(Aim::Elsewhere(location)) => format!("-> {}", location.to_str().unwrap()),
        Err(fault) => format!("{}: {}", fault.failure, fault.why),
    }
}

/// Proves that each row comes to what it says, or to a reason that contains it.
#[track_caller]
fn check(peer: &Peer, version: Version, rows: &[(&str, &str, &[&str], &str)]) {
    for (method, target, hosts, expected) in rows {
        let seen = outcome(&request(version, method, target, hosts), peer);
        let met = match expected.strip_prefix("bad: ") {
            Some(reason) => seen.starts_with("bad-request: ") && seen.contains(reason),
            None => seen == *expected,
        };
        assert!(met, "{version:?} {method} {target} {hosts:?}\nexpected: {expected}\nseen: {seen}");
    }
}

#[test]
fn every_form_of_a_target_leads_to_one_address_or_is_refused() {
    check(
        &peer(listener()),
        Version::HTTP_11,
        &[
            ("GET", "/", &["a"], "http://a/"),
            ("GET", "/x?y", &["a"], "http://a/x?y"),
            ("GET", "/x?", &["a"], "http://a/x?"),
            ("BREW", "/x", &["a"], "http://a/x"),
            // The authority of an absolute target replaces `Host` (RFC 9112, section 3.2.2).
            ("GET", "http://b/x", &["a"], "http://b/x"),
            ("GET", "http://B.:80/x", &["a"], "http://b/x"),
            ("GET", "http://b:8080/x", &["a"], "http://b:8080/x"),
            ("GET", "http://b", &["b"], "http://b/"),
            ("GET", "http://b?q", &["b"], "http://b/?q"),
            ("GET", "HTTP://b/", &["b"], "http://b/"),
            ("GET", "http://b/", &[], "bad: no `Host`"),
            ("GET", "http://b/", &["a@c"], "bad: user information"),
            ("GET", "http://b/", &["a", "b"], "bad: more than one `Host`"),
            ("GET", "http://u@b/", &["b"], "bad: user information"),
            ("GET", "http://u:p@b/", &["b"], "bad: user information"),
            ("GET", "https://b/", &["b"], "bad: the scheme"),
            ("GET", "ftp://b/", &["b"], "bad: the scheme"),
            ("GET", "ws://b/", &["b"], "bad: the scheme"),
            // Others than these are no targets of requests.
            ("GET", "b", &["b"], "bad: does not begin with `/`"),
            ("GET", "b:80", &["b"], "bad: does not begin with `/`"),
            ("OPTIONS", "*", &["a"], "*"),
            ("OPTIONS", "/", &["a"], "http://a/"),
            ("OPTIONS", "/*", &["a"], "http://a/*"),
            ("GET", "*", &["a"], "bad: only `OPTIONS`"),
            ("POST", "*", &["a"], "bad: only `OPTIONS`"),
            ("options", "*", &["a"], "bad: only `OPTIONS`"),
            ("OPTIONS", "*", &[], "bad: no `Host`"),
            ("OPTIONS", "*", &["a@b"], "bad: user information"),
        ],
    );
}

#[test]
fn tunnels_and_traces_are_not_offered() {
    for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
        for (method, target) in
            [("TRACE", "/"), ("TRACE", "http://a/"), ("TRACE", "*"), ("CONNECT", "a:443"), ("CONNECT", "/x")]
        {
            let fault = aim(&request(version, method, target, &["a"]), &peer(listener())).unwrap_err();
            assert_eq!((fault.failure, fault.allow), (Failure::MethodNotAllowed, Some(METHODS)), "{method} {target}");
        }
    }
    // Methods have cases: these are others, which a route may take.
    check(
        &peer(listener()),
        Version::HTTP_11,
        &[("trace", "/", &["a"], "http://a/"), ("Connect", "/", &["a"], "http://a/")],
    );
}

#[test]
fn one_valid_host_is_needed() {
    check(
        &peer(listener()),
        Version::HTTP_11,
        &[
            ("GET", "/", &["a.example"], "http://a.example/"),
            ("GET", "/", &["A.Example"], "http://a.example/"),
            ("GET", "/", &["a."], "http://a/"),
            ("GET", "/", &["A.:80"], "http://a/"),
            ("GET", "/", &["a:80"], "http://a/"),
            ("GET", "/", &["a:0080"], "http://a/"),
            ("GET", "/", &["a:443"], "http://a:443/"),
            ("GET", "/", &["a:8080"], "http://a:8080/"),
            ("GET", "/", &["xn--bcher-kva.example"], "http://xn--bcher-kva.example/"),
            ("GET", "/", &["127.0.0.1:8080"], "http://127.0.0.1:8080/"),
            ("GET", "/", &["[::1]"], "http://[::1]/"),
            ("GET", "/", &["[::1]:80"], "http://[::1]/"),
            ("GET", "/", &["[::1]:81"], "http://[::1]:81/"),
            ("GET", "/", &["[0:0::0:1]"], "http://[::1]/"),
            ("GET", "/", &["[2001:DB8::1]"], "http://[2001:db8::1]/"),
            ("GET", "/", &["a_b"], "http://a_b/"),
            ("GET", "/", &[], "bad: no `Host`"),
            ("GET", "/", &[""], "bad: the host is empty"),
            ("GET", "/", &["."], "bad: the host is empty"),
            ("GET", "/", &[":80"], "bad: the host is empty"),
            ("GET", "/", &["a", "a"], "bad: more than one `Host`"),
            ("GET", "/", &["a", "b"], "bad: more than one `Host`"),
            ("GET", "/", &["a", ""], "bad: more than one `Host`"),
            ("GET", "/", &["a, b"], "bad: comma"),
            ("GET", "/", &["a,a"], "bad: comma"),
            ("GET", "/", &["a b"], "bad: a character"),
            ("GET", "/", &["u@a"], "bad: user information"),
            ("GET", "/", &["a/x"], "bad: a path"),
            ("GET", "/", &["a\\x"], "bad: a path"),
            ("GET", "/", &["a?x"], "bad: a path"),
            ("GET", "/", &["a#x"], "bad: a path"),
            ("GET", "/", &["http://a"], "bad: a path"),
            ("GET", "/", &["a%2e"], "bad: `%`"),
            ("GET", "/", &["a..b"], "bad: an empty label"),
            ("GET", "/", &[".a"], "bad: an empty label"),
            ("GET", "/", &["a:b"], "bad: the port"),
            ("GET", "/", &["a:"], "bad: the port"),
            ("GET", "/", &["a:+80"], "bad: the port"),
            ("GET", "/", &["a:65536"], "bad: the port"),
            ("GET", "/", &["a:80:80"], "bad: several `:`"),
            ("GET", "/", &["::1"], "bad: several `:`"),
            ("GET", "/", &["[::1"], "bad: brackets"),
            ("GET", "/", &["[::1]x"], "bad: brackets"),
            ("GET", "/", &["[a]"], "bad: brackets"),
            ("GET", "/", &["[fe80::1%25eth0]"], "bad: `%`"),
            ("GET", "/", &["b\u{fc}cher.example"], "bad: not ASCII"),
            ("GET", "/", &["*.a"], "bad: a character"),
        ],
    );
}

#[test]
fn http_1_0_may_name_its_host_in_the_target_alone() {
    check(
        &peer(listener()),
        Version::HTTP_10,
        &[
            ("GET", "/", &["a"], "http://a/"),
            ("GET", "http://b/", &[], "http://b/"),
            ("GET", "http://b/", &["a"], "http://b/"),
            ("GET", "/", &[], "bad: no `Host`"),
        ],
    );
}

#[test]
fn over_http_2_host_may_say_nothing_else_than_the_authority() {
    check(
        &peer(listener()),
        Version::HTTP_2,
        &[
            ("GET", "http://a/x", &[], "http://a/x"),
            ("GET", "http://a/x", &["a"], "http://a/x"),
            ("GET", "http://a/x", &["A."], "http://a/x"),
            ("GET", "http://A/x", &["a"], "http://a/x"),
            ("GET", "http://a:81/x", &["a:81"], "http://a:81/x"),
            ("GET", "http://a/x", &["b"], "bad: `Host` is not `:authority`"),
            ("GET", "http://a:81/x", &["a:82"], "bad: `Host` is not `:authority`"),
            ("GET", "http://a/x", &["a", "a"], "bad: more than one `Host`"),
            ("GET", "http://a/x", &["u@a"], "bad: user information"),
            ("GET", "http://u@a/x", &[], "bad: user information"),
            ("GET", "https://a/x", &[], "bad: the scheme"),
            // Without `:authority` it is `Host` that counts (RFC 9113, section 8.3.1).
            ("GET", "/x", &["a"], "http://a/x"),
            ("GET", "/x", &[], "bad: no `Host`"),
            ("OPTIONS", "*", &["a"], "*"),
        ],
    );
}

#[test]
fn a_path_is_canonical_and_a_query_as_it_was() {
    check(
        &peer(listener()),
        Version::HTTP_11,
        &[
            ("GET", "/%41%7e?%41%7e", &["a"], "http://a/A~?%41%7e"),
            ("GET", "/%e2%82%ac", &["a"], "http://a/%E2%82%AC"),
            ("GET", "//x///y/?a//b", &["a"], "http://a/x/y/?a//b"),
            ("GET", "http://a//x", &["a"], "http://a/x"),
            ("GET", "/x?a=/../b", &["a"], "http://a/x?a=/../b"),
            ("GET", "/a/../x", &["a"], "bad: a segment `.` or `..`"),
            ("GET", "/a/%2E%2e/x", &["a"], "bad: a segment `.` or `..`"),
            ("GET", "/a/%252e%252e/x", &["a"], "http://a/a/%252e%252e/x"),
            ("GET", "/a%2fx", &["a"], "bad: an escaped `/`"),
            ("GET", "/a%00", &["a"], "bad: an escaped control character"),
            ("GET", "/a%", &["a"], "bad: without two hex digits"),
            ("GET", "/a{b}", &["a"], "bad: a character"),
            ("GET", "/x?a%", &["a"], "bad: the query"),
            ("GET", "/x?{}", &["a"], "bad: the query"),
        ],
    );
}

#[test]
fn the_rules_for_paths_are_those_of_the_listener() {
    let paths =
        PathRules { encoded_slash: EncodedSlash::Opaque, dot_segments: DotSegments::Resolve, slashes: Slashes::Keep };
    check(
        &peer(Listener { paths, ..listener() }),
        Version::HTTP_11,
        &[
            ("GET", "/a%2fx", &["a"], "http://a/a%2Fx"),
            ("GET", "/a//x", &["a"], "http://a/a//x"),
            // Client and host must agree on the address before anything is asked there.
            ("GET", "/a/../x?q", &["a"], "-> /x?q"),
            ("HEAD", "/a/%2e%2e/x", &["a"], "-> /x"),
            ("POST", "/a/../x?q", &["a"], "http://a/x?q"),
            ("GET", "/../x", &["a"], "bad: climbs above the root"),
            ("POST", "/../x", &["a"], "bad: climbs above the root"),
            ("GET", "/a/..//b", &["a"], "bad: as a host does"),
        ],
    );
}

#[test]
fn a_target_may_be_as_long_as_a_request_line() {
    let mut listener = listener();
    Arc::get_mut(&mut listener.limits).unwrap().request_line = hostel_model::units::ByteSize(10);
    let peer = peer(listener);
    for version in [Version::HTTP_11, Version::HTTP_2] {
        check(
            &peer,
            version,
            &[("GET", "/123456789", &["a"], "http://a/123456789"), ("GET", "/1234?6789", &["a"], "http://a/1234?6789")],
        );
        for target in ["/1234567890", "/1234?67890"] {
            let fault = aim(&request(version, "GET", target, &["a"]), &peer).unwrap_err();
            assert_eq!(fault.failure, Failure::UriTooLong, "{target}");
        }
    }
}

#[test]
fn a_redirecting_listener_serves_nothing_itself() {
    let redirecting = |port| peer(Listener { redirect_to: Some(port), ..listener() });
    check(
        &redirecting(443),
        Version::HTTP_11,
        &[
            ("GET", "/x?y", &["a.example"], "-> https://a.example/x?y"),
            ("GET", "/x", &["A.example.:80"], "-> https://a.example/x"),
            ("GET", "/x", &["a.example:8080"], "-> https://a.example/x"),
            ("GET", "http://b/x", &["a"], "-> https://b/x"),
            ("GET", "/x", &["[::1]:8080"], "-> https://[::1]/x"),
            ("POST", "/x", &["a"], "-> https://a/x"),
            ("GET", "//b/%41", &["a"], "-> https://a/b/A"),
            ("GET", "/a/../x", &["a"], "bad: a segment `.` or `..`"),
            ("GET", "/", &["u@a"], "bad: user information"),
            ("OPTIONS", "*", &["a"], "*"),
        ],
    );
    check(
        &redirecting(8443),
        Version::HTTP_11,
        &[("GET", "/x?y", &["a:8080"], "-> https://a:8443/x?y"), ("GET", "/", &["[::1]"], "-> https://[::1]:8443/")],
    );
}

#[test]
fn a_trusted_proxy_may_have_taken_off_the_tls() {
    let trusted = vec![hostel_model::network::Network::parse("192.0.2.0/24").unwrap()];
    check(
        &peer(Listener { trusted, ..listener() }),
        Version::HTTP_2,
        &[
            ("GET", "https://a/x", &[], "http://a/x"),
            ("GET", "http://a/x", &[], "http://a/x"),
            ("GET", "ftp://a/x", &[], "bad: the scheme"),
        ],
    );
    check(
        &peer(Listener { scheme: Scheme::HTTPS, ..listener() }),
        Version::HTTP_2,
        &[
            ("GET", "https://a:443/x", &[], "https://a/x"),
            ("GET", "https://a:80/x", &[], "https://a:80/x"),
            ("GET", "http://a/x", &[], "bad: the scheme"),
        ],
    );
}
