//! Where a request goes, by how its address is written.

use hostel_model::egress::Scheme;
use hostel_sandbox::{Forbidden, OutgoingError};
use http::Request;

use crate::egress::Target;

fn target(method: &str, uri: &str) -> Result<Target, Forbidden> {
    let request = Request::builder().method(method).uri(uri).body(()).expect(uri);
    Target::of(&request).map_err(|error| match error {
        OutgoingError::Denied { what, .. } => what,
        other => panic!("{other:?}"),
    })
}

#[test]
fn an_address_has_a_scheme_a_host_and_a_port() {
    for (uri, scheme, host, port) in [
        ("http://a.example/", Scheme::Http, "a.example", 80),
        ("https://a.example", Scheme::Https, "a.example", 443),
        ("HTTPS://A.Example:8443/x?y", Scheme::Https, "A.Example", 8443),
        ("http://[::1]:65535/", Scheme::Http, "[::1]", 65_535),
        ("http://[::1]/", Scheme::Http, "[::1]", 80),
        ("http://10.0.0.1:00080/", Scheme::Http, "10.0.0.1", 80),
    ] {
        assert_eq!(target("GET", uri), Ok(Target { scheme, host: host.to_owned(), port }), "{uri}");
    }
}

#[test]
fn what_needs_a_guess_is_refused() {
    for uri in [
        "http://a@b.example/",
        "http://a:b@127.0.0.1/",
        "http://a.example:0/",
        "http://a.example:70000/",
        "http://a.example:99999999999999999999/",
        "http://a.example:/",
        "file://a.example/etc/passwd",
        "ws://a.example/",
        "/etc/passwd",
        "a.example:80",
    ] {
        assert_eq!(target("GET", uri), Err(Forbidden::Uri), "{uri}");
    }
    assert_eq!(target("CONNECT", "http://a.example/"), Err(Forbidden::Method));
    assert_eq!(target(&"A".repeat(10_000), "http://a.example/"), Err(Forbidden::Method));
    assert!(target("PROPFIND", "http://a.example/").is_ok());
}
