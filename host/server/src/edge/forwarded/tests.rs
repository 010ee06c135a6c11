//! Who a client is said to be, row by row: forged chains, real ones, and those that make no sense.

use std::sync::Arc;

use hostel_model::limits::ListenerLimits;
use hostel_model::network::Network;
use hostel_model::target::{PathRules, Underscores};
use http::uri::{Authority, PathAndQuery};

use super::*;
use crate::edge::Listener;

const TRUSTED: &[&str] = &["10.0.0.0/8", "fd00::/8", "192.0.2.1"];

fn peer(address: &str, trusted: &[&str], scheme: Scheme) -> Peer {
    let listener = Listener {
        place: 0,
        port: 8443,
        scheme,
        limits: Arc::new(ListenerLimits::default()),
        paths: PathRules::default(),
        underscores: Underscores::default(),
        trusted: trusted.iter().map(|text| Network::parse(text).unwrap()).collect(),
        redirect_to: None,
    };
    Peer::new(Arc::new(listener), SocketAddr::new(address.parse().unwrap(), 4711), None)
}

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// What a guest is told: address, scheme, port.
fn told(peer: &Peer, fields: &[(&str, &str)]) -> [String; 3] {
    let client = Client::of(&headers(fields), peer);
    let (address, scheme) = (client.address.to_string(), client.scheme.clone());
    let target = Target {
        scheme: Scheme::HTTP,
        authority: Authority::from_static("a:81"),
        path_and_query: PathAndQuery::from_static("/"),
    };
    let mut guest = HeaderMap::new();
    client.tell(&mut guest, &target);
    let of = |name: &HeaderName| guest[name].to_str().unwrap().to_owned();
    assert_eq!((guest.len(), of(&HOST)), (4, "a:81".to_owned()));
    assert_eq!((of(&FOR), of(&PROTO)), (address, scheme.to_string()));
    [of(&FOR), of(&PROTO), of(&PORT)]
}

#[test]
fn nobody_who_is_not_trusted_is_believed() {
    let forged = [
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-real-ip", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1;proto=https"),
    ];
    for (address, shown) in [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8::7", "2001:db8::7"),
        // A socket for both families shows IPv4 addresses like this.
        ("::ffff:198.51.100.7", "198.51.100.7"),
    ] {
        for trusted in [TRUSTED, &[]] {
            for fields in [&[][..], &forged] {
                assert_eq!(told(&peer(address, trusted, Scheme::HTTP), fields), [shown, "http", "8443"], "{address}");
                assert_eq!(told(&peer(address, trusted, Scheme::HTTPS), fields), [shown, "https", "8443"], "{address}");
            }
        }
    }
}

#[test]
fn a_chain_is_read_from_its_right_end_to_the_first_that_is_not_trusted() {
    let rows: &[(&[&str], &str)] = &[
        (&[], "10.1.1.1"),
        (&["198.51.100.7"], "198.51.100.7"),
        (&[" 198.51.100.7 "], "198.51.100.7"),
        // What stands left of it, anybody may have written.
        (&["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        (&["10.9.9.9, 198.51.100.7"], "198.51.100.7"),
        (&["unknown, 198.51.100.7"], "198.51.100.7"),
        (&["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (&["1.1.1.1,198.51.100.7,10.0.0.2,192.0.2.1,10.0.0.3"], "198.51.100.7"),
        (&["198.51.100.7, 192.0.2.2"], "192.0.2.2"),
        // Several fields are one list.
        (&["1.1.1.1", "198.51.100.7", "10.0.0.2"], "198.51.100.7"),
        (&["1.1.1.1, 198.51.100.7", "10.0.0.2, 10.0.0.3"], "198.51.100.7"),
        // All are trusted: the leftmost is as far as it goes.
        (&["10.0.0.2"], "10.0.0.2"),
        (&["10.0.0.9, 10.0.0.2"], "10.0.0.9"),
        // What is no address ends the walk.
        (&["unknown"], "10.1.1.1"),
        (&[""], "10.1.1.1"),
        (&["198.51.100.7, unknown"], "10.1.1.1"),
        (&["198.51.100.7, "], "10.1.1.1"),
        (&["198.51.100.7, _hidden, 10.0.0.2"], "10.0.0.2"),
        (&["198.51.100.7;10.0.0.2"], "10.1.1.1"),
        (&["010.0.0.1"], "10.1.1.1"),
        (&["198.51.100.256"], "10.1.1.1"),
        (&["198.51.100.7:port"], "10.1.1.1"),
        // Addresses as proxies write them.
        (&["198.51.100.7:4711"], "198.51.100.7"),
        (&["2001:db8::7"], "2001:db8::7"),
        (&["2001:DB8:0::7"], "2001:db8::7"),
        (&["[2001:db8::7]"], "2001:db8::7"),
        (&["[2001:db8::7]:4711"], "2001:db8::7"),
        (&["::ffff:198.51.100.7"], "198.51.100.7"),
        (&["198.51.100.7, fd00::1"], "198.51.100.7"),
        (&["198.51.100.7, ::ffff:10.0.0.2"], "198.51.100.7"),
        (&["198.51.100.7, [fd00::1]:4711"], "198.51.100.7"),
    ];
    for peer_address in ["10.1.1.1", "::ffff:10.1.1.1"] {
        let peer = peer(peer_address, TRUSTED, Scheme::HTTP);
        for (chain, client) in rows {
            let fields: Vec<_> = chain.iter().map(|value| ("x-forwarded-for", *value)).collect();
            assert_eq!(told(&peer, &fields), [client, "http", "8443"], "{chain:?}");
        }
    }
}

#[test]
fn a_value_that_is_no_text_is_passed_over() {
    let mut headers = headers(&[("x-forwarded-for", "198.51.100.7")]);
    headers.append(FOR, HeaderValue::from_bytes(b"\xff").unwrap());
    let client = Client::of(&headers, &peer("10.1.1.1", TRUSTED, Scheme::HTTP));
    // It is no address either, so it says nothing about who stands left of it.
    assert_eq!(client.address.to_string(), "10.1.1.1");
}

/// Fields as they come, and what is believed of them: scheme and port.
type Told<'a> = (&'a [(&'a str, &'a str)], [&'a str; 2]);

#[test]
fn a_trusted_proxy_says_how_it_was_spoken_to() {
    let peer = peer("10.1.1.1", TRUSTED, Scheme::HTTP);
    let rows: &[Told<'_>] = &[
        (&[], ["http", "8443"]),
        (&[("x-forwarded-proto", "https")], ["https", "8443"]),
        (&[("x-forwarded-proto", "HTTPS")], ["https", "8443"]),
        (&[("x-forwarded-proto", "http")], ["http", "8443"]),
        (&[("x-forwarded-proto", "https, http")], ["http", "8443"]),
        (&[("x-forwarded-proto", "http, https")], ["https", "8443"]),
        (&[("x-forwarded-proto", "http"), ("x-forwarded-proto", "https")], ["https", "8443"]),
        (&[("x-forwarded-proto", "wss")], ["http", "8443"]),
        (&[("x-forwarded-proto", "")], ["http", "8443"]),
        (&[("x-forwarded-port", "443")], ["http", "443"]),
        (&[("x-forwarded-port", "443, 80")], ["http", "80"]),
        (&[("x-forwarded-port", "65536")], ["http", "8443"]),
        (&[("x-forwarded-port", "-1")], ["http", "8443"]),
        (&[("x-forwarded-port", "x")], ["http", "8443"]),
        (&[("x-forwarded-proto", "https"), ("x-forwarded-port", "443")], ["https", "443"]),
        // Not taken for the address: proxies that set it may have got it from a client.
        (&[("x-real-ip", "198.51.100.7"), ("forwarded", "for=198.51.100.7;proto=https")], ["http", "8443"]),
    ];
    for (fields, [scheme, port]) in rows {
        assert_eq!(told(&peer, fields), ["10.1.1.1", scheme, port], "{fields:?}");
    }
}

#[test]
fn what_is_told_replaces_what_was_there() {
    let target = Target {
        scheme: Scheme::HTTP,
        authority: Authority::from_static("a"),
        path_and_query: PathAndQuery::from_static("/"),
    };
    let mut guest =
        headers(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2"), ("x-forwarded-host", "b")]);
    Client::of(&guest, &peer("198.51.100.7", TRUSTED, Scheme::HTTP)).tell(&mut guest, &target);
    let seen: Vec<_> = guest.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    let mut seen = seen;
    seen.sort();
    let expected =
        ["x-forwarded-for: 198.51.100.7", "x-forwarded-host: a", "x-forwarded-port: 8443", "x-forwarded-proto: http"];
    assert_eq!(seen, expected);
}
