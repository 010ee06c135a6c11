//! The texts of `outbound`.

use std::collections::BTreeSet;

use super::outbound;
use crate::egress::{Outbound, Scheme};
use crate::numbers::Numbers;

#[test]
fn a_grant_has_one_spelling() {
    for (text, shown) in [
        ("https://api.example.com", "https://api.example.com"),
        ("https://API.Example.COM", "https://api.example.com"),
        ("https://api.example.com:443", "https://api.example.com"),
        ("http://api.example.com:443", "http://api.example.com:443"),
        ("https://api.example.com:08443", "https://api.example.com:8443"),
        ("http://api.example.com:80", "http://api.example.com"),
        ("https://*.example.com", "https://*.example.com"),
        ("https://*.EXAMPLE.com:8443", "https://*.example.com:8443"),
        ("http://backend:8080", "http://backend:8080"),
        ("http://my_service.local", "http://my_service.local"),
        ("https://xn--mller-kva.example", "https://xn--mller-kva.example"),
        ("http://internal", "http://internal"),
        ("http://a.internal.example", "http://a.internal.example"),
        ("http://1password.com", "http://1password.com"),
        ("http://10.0.0.0/8:8080", "http://10.0.0.0/8:8080"),
        ("http://10.0.0.0/8", "http://10.0.0.0/8"),
        ("http://10.0.0.0/8:80", "http://10.0.0.0/8"),
        ("http://10.1.2.3", "http://10.1.2.3"),
        ("http://10.1.2.3/32:8080", "http://10.1.2.3:8080"),
        ("https://0.0.0.0/0", "https://0.0.0.0/0"),
        ("http://[fd00::/8]:80", "http://[fd00::/8]"),
        ("http://[FD00::/8]:8080", "http://[fd00::/8]:8080"),
        ("https://[::1]", "https://[::1]"),
        ("https://[::1/128]:8443", "https://[::1]:8443"),
        ("http://[::ffff:10.0.0.0/104]:8080", "http://10.0.0.0/8:8080"),
    ] {
        let granted = outbound(text);
        assert_eq!(granted.to_string(), shown);
        assert_eq!(outbound(shown), granted, "{shown}");
        assert_eq!(granted.scheme().as_str(), text.split(':').next().expect("a test must know"));
    }
}

/// Texts that grant nothing, and what is said of them.
const REFUSED: &[(&str, &str)] = &[
    ("", "`` names no scheme; write `https://`"),
    ("api.example.com", "`api.example.com` names no scheme; write `https://api.example.com`"),
    ("api.example.com:443", "names no scheme; write `https://api.example.com:443`"),
    ("//api.example.com", "names no scheme"),
    ("HTTPS://api.example.com", "has the scheme `HTTPS`, which is not spoken; write `https://` or `http://`"),
    ("file:///etc/passwd", "has the scheme `file`"),
    ("unix://run/socket", "has the scheme `unix`"),
    (" https://a", "has the scheme ` https`"),
    ("https://", "no host is named; write one"),
    ("https://:8443", "no host is named"),
    ("https://a@b.example", "holds a user name; leave out what stands before the `@`"),
    ("https://a:b@c.example", "holds a user name"),
    (
        "https://a.example/",
        "`https://a.example/` goes on after the host, which is granted as a whole; write `https://a.example`",
    ),
    ("https://a.example/v1/", "write `https://a.example`"),
    ("https://a.example?x", "write `https://a.example`"),
    ("https://a.example#x", "write `https://a.example`"),
    ("https://a.example:0", "has the port `0`; write a number from 1 to 65535, or none for `443`"),
    ("http://a.example:65536", "has the port `65536`; write a number from 1 to 65535, or none for `80`"),
    ("http://a.example:", "has the port ``"),
    ("http://a.example:+80", "has the port `+80`"),
    ("http://a.example:80/x", "has the port `80/x`"),
    ("http://a.example:http", "has the port `http`"),
    ("http://fd00::/8", "has no brackets around the IPv6 network; write it as in `http://[fd00::/8]:8080`"),
    ("https://::1", "has no brackets"),
    ("http://[fd00::]/8:80", "has no brackets around the IPv6 network"),
    ("http://[fd00::/8", "has no brackets"),
    ("http://[10.0.0.0/8]", "has no brackets around the IPv6 network"),
    ("http://[a.example]", "has no brackets around the IPv6 network"),
    ("http://[fd00::/8]x", "has no brackets"),
    ("http://[fd00::1/8]", "has bits set beyond the first 8; write `fd00::/8`"),
    ("http://[fe80::1%eth0]", "is not a network"),
    ("http://10.1.2.3/8", "has bits set beyond the first 8; write `10.0.0.0/8`"),
    ("http://10.0.0.0/33", "a number from 0 to 32"),
    ("http://10.0.0.0/", "does not say how many bits count"),
    ("http://10.0.0.0/8/8", "does not say how many bits count"),
    ("http://10.0.0.256", "`10.0.0.256` ends in a number, as addresses do; write all four numbers"),
    ("http://010.0.0.1", "ends in a number"),
    ("http://127.1", "ends in a number"),
    ("http://2130706433", "ends in a number"),
    ("http://0x7f.1", "ends in a number"),
    ("http://0x7f000001", "ends in a number"),
    ("http://1.0X7F", "ends in a number"),
    ("http://a.0x", "ends in a number"),
    ("http://017700000001", "ends in a number"),
    ("http://a.example.", "ends in a dot; leave it out"),
    ("http://.", "has the label ``"),
    ("http://a..example", "has the label ``; use letters"),
    ("http://.example", "has the label ``"),
    ("http://-a.example", "has the label `-a`"),
    ("http://a-.example", "has the label `a-`"),
    ("http://a b.example", "has the label `a b`"),
    ("http://a%2eb.example", "has the label `a%2eb`"),
    ("http://a\\b.example", "has the label `a\\b`"),
    ("http://müller.example", "is not ASCII; write it as the domain name system does, with `xn--`"),
    ("https://*", "has a `*` that does not stand for whole labels; write `https://*.example.com`"),
    ("http://*:80", "has a `*`"),
    ("http://a*.example", "has a `*`"),
    ("http://a.*.example", "has a `*`"),
    ("http://*.*.example", "has a `*`"),
    ("http://*.", "no host is named"),
    ("http://*.10.0.0.1", "ends in a number"),
    ("http://users.internal", "`users.internal` is a service of this host; name it in `calls`"),
    ("http://a.b.INTERNAL", "is a service of this host"),
    ("http://*.a.internal", "is a service of this host"),
];

#[test]
fn what_grants_nothing_is_refused_with_its_remedy() {
    for (text, message) in REFUSED {
        let fault = Outbound::parse(text).expect_err(text).to_string();
        assert!(fault.contains(message), "{text}: {fault}");
        assert_eq!(fault.matches("; ").count(), 1, "what is wrong, then the remedy: {fault}");
    }
    for long in ["a".repeat(64), vec!["abcdefghi"; 26].join(".")] {
        let fault = Outbound::parse(&format!("http://{long}")).expect_err(&long).to_string();
        assert!(fault.contains("is too long"), "{fault}");
    }
    outbound(&format!("http://{}.example", "a".repeat(63)));
    let longest = format!("{}abcdefgh", "abcdefg.".repeat(30));
    outbound(&format!("http://{longest}abcde"));
    assert!(Outbound::parse(&format!("http://{longest}abcdef")).is_err());
}

#[test]
fn grants_that_mean_the_same_are_one() {
    let texts = ["https://a.example", "https://A.example:443", "http://10.0.0.0/8", "http://[::ffff:10.0.0.0/104]:80"];
    let grants: BTreeSet<Outbound> = texts.iter().map(|text| outbound(text)).collect();
    assert_eq!(grants.len(), 2);
}

#[test]
fn no_text_panics_and_what_is_taken_is_taken_again_as_it_is_shown() {
    const PIECES: &[&str] = &[
        "http", "https", "://", ":", "/", "[", "]", "*", ".", "@", "10.0.0.0", "fd00::", "::1", "8", "80", "443", "a",
        "example", "internal", "-", "0x7f", "é", "%", "65535", "?", " ",
    ];
    let mut numbers = Numbers::of(5);
    let mut taken = 0;
    for _ in 0..200_000 {
        let mut text = numbers.pick(&["http://", "https://", "", "http://[", "https://*."]).to_owned();
        for _ in 0..numbers.below(6) {
            text.push_str(numbers.pick(PIECES));
        }
        if let Ok(granted) = Outbound::parse(&text) {
            assert_eq!(Outbound::parse(&granted.to_string()), Ok(granted), "{text}");
            taken += 1;
        }
    }
    assert!(taken > 5_000, "{taken}");
    assert_eq!((Scheme::Http.default_port(), Scheme::Https.default_port()), (80, 443));
}
