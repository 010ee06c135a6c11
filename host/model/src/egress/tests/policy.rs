//! What a policy says of hosts and addresses.

use std::net::IpAddr;

use super::policy;
use crate::egress::{Denied, Granted, Policy, Scheme};
use crate::numbers::Numbers;

const HTTP: Scheme = Scheme::Http;
const HTTPS: Scheme = Scheme::Https;

fn reason(result: Result<Granted, Denied>) -> &'static str {
    match result {
        Ok(Granted::Name(_)) => "a name",
        Ok(Granted::Address(_)) => "an address",
        Err(denied) => denied.reason(),
    }
}

fn allows(policy: &Policy, scheme: Scheme, address: &str, port: u16) -> bool {
    let address: IpAddr = address.parse().expect(address);
    policy.address(scheme, address, port).is_ok()
}

#[test]
fn without_grants_nothing_may_be_asked_for() {
    let none = policy(&[]);
    assert!(none.is_empty() && !policy(&["http://a"]).is_empty());
    for host in ["api.example.com", "93.184.215.14", "[2606:4700::1111]", "127.0.0.1", "localhost", "[::1]"] {
        for (scheme, port) in [(HTTP, 80), (HTTPS, 443)] {
            assert!(none.name(scheme, host, port).is_err(), "{host}");
        }
    }
}

#[test]
fn a_name_is_granted_with_its_scheme_and_port_and_nothing_else() {
    let policy = policy(&["https://api.example.com", "http://api.example.com:8080"]);
    let granted = Granted::Name("api.example.com".to_owned());
    for (scheme, host, port, expected) in [
        (HTTPS, "api.example.com", 443, "a name"),
        (HTTPS, "API.Example.com", 443, "a name"),
        (HTTP, "api.example.com", 8080, "a name"),
        (HTTP, "api.example.com", 443, "name"),
        (HTTP, "api.example.com", 80, "name"),
        (HTTPS, "api.example.com", 8080, "name"),
        (HTTPS, "example.com", 443, "name"),
        (HTTPS, "x.api.example.com", 443, "name"),
        (HTTPS, "xapi.example.com", 443, "name"),
        (HTTPS, "api.example.com.evil.example", 443, "name"),
        (HTTPS, "api.example.com.", 443, "spelling"),
        (HTTPS, "api.example.com\0", 443, "spelling"),
        (HTTPS, "", 443, "spelling"),
    ] {
        let found = policy.name(scheme, host, port);
        assert!(expected != "a name" || found.as_ref() == Ok(&granted), "{found:?}");
        assert_eq!(reason(found), expected, "{scheme} {host} {port}");
    }
}

#[test]
fn a_star_stands_for_labels_before_and_never_for_none() {
    let policy = policy(&["https://*.example.com"]);
    for (host, expected) in [
        ("a.example.com", "a name"),
        ("a.b.c.Example.com", "a name"),
        ("example.com", "name"),
        (".example.com", "spelling"),
        ("aexample.com", "name"),
        ("a.example.com.evil.example", "name"),
        ("127.0.0.1.example.com", "a name"),
    ] {
        assert_eq!(reason(policy.name(HTTPS, host, 443)), expected, "{host}");
    }
    assert_eq!(reason(policy.name(HTTP, "a.example.com", 443)), "name");
    assert_eq!(reason(policy.name(HTTPS, "a.example.com", 8443)), "name");
}

#[test]
fn an_address_is_granted_by_a_network_alone_and_in_one_spelling() {
    let policy = policy(&["http://10.0.0.0/8:8080", "http://[fd00::/8]:8080", "https://93.184.215.14"]);
    for (scheme, host, port, expected) in [
        (HTTP, "10.1.2.3", 8080, "an address"),
        (HTTP, "[fd00::1]", 8080, "an address"),
        (HTTPS, "93.184.215.14", 443, "an address"),
        (HTTP, "10.1.2.3", 80, "address"),
        (HTTPS, "10.1.2.3", 8080, "address"),
        (HTTP, "11.1.2.3", 8080, "address"),
        // Anybody's to reach, but not by its number.
        (HTTPS, "93.184.215.15", 443, "address"),
        (HTTP, "[fc00::1]", 8080, "address"),
        (HTTP, "10.1.2.03", 8080, "spelling"),
        (HTTP, "10.1.515", 8080, "spelling"),
        (HTTP, "167838211", 8080, "spelling"),
        (HTTP, "0xa.1.2.3", 8080, "spelling"),
        (HTTP, "0xa010203", 8080, "spelling"),
        (HTTP, "012.1.2.3", 8080, "spelling"),
        (HTTP, "[::ffff:10.1.2.3]", 8080, "spelling"),
        (HTTP, "[::ffff:a01:203]", 8080, "spelling"),
        (HTTP, "[FD00::1]", 8080, "spelling"),
        (HTTP, "[fd00:0::1]", 8080, "spelling"),
        (HTTP, "[fd00::0001]", 8080, "spelling"),
        (HTTP, "[fd00::1%eth0]", 8080, "spelling"),
        (HTTP, "[fd00::1", 8080, "spelling"),
        (HTTP, "fd00::1", 8080, "spelling"),
        (HTTP, "[10.1.2.3]", 8080, "spelling"),
        (HTTP, "[]", 8080, "spelling"),
    ] {
        assert_eq!(reason(policy.name(scheme, host, port)), expected, "{scheme} {host} {port}");
    }
}

#[test]
fn what_a_name_stands_for_must_be_anybodys_or_in_a_network() {
    let policy = policy(&["https://*.example.com", "http://10.0.0.0/8:8080", "http://[fd00::/8]:8080"]);
    for (scheme, address, port, expected) in [
        (HTTPS, "93.184.215.14", 443, true),
        (HTTPS, "2606:2800:21f:cb07::1", 443, true),
        (HTTPS, "10.1.2.3", 443, false),
        (HTTP, "10.1.2.3", 443, false),
        (HTTP, "10.1.2.3", 8080, true),
        (HTTP, "::ffff:10.1.2.3", 8080, true),
        (HTTP, "::10.1.2.3", 8080, false),
        (HTTP, "127.0.0.1", 8080, false),
        (HTTP, "::ffff:127.0.0.1", 8080, false),
        (HTTP, "::ffff:93.184.215.14", 8080, false),
        (HTTP, "fd00:ec2::254", 8080, true),
        (HTTPS, "fd00:ec2::254", 443, false),
        (HTTP, "fc00::1", 8080, false),
        (HTTP, "169.254.169.254", 8080, false),
    ] {
        assert_eq!(allows(&policy, scheme, address, port), expected, "{scheme} {address} {port}");
    }
}

#[test]
fn a_granted_translation_leads_only_where_a_service_may_go() {
    let translated = policy(&["http://[64:ff9b::/96]", "http://[2002::/16]", "http://[2001::/32]", "http://[::/96]"]);
    let own = policy(&["http://[64:ff9b:1::/48]"]);
    for (policy, address, expected) in [
        (&translated, "64:ff9b::5db8:d70e", true),
        (&translated, "64:ff9b::7f00:1", false),
        (&translated, "64:ff9b::a9fe:a9fe", false),
        (&translated, "2002:5db8:d70e::1", true),
        (&translated, "2002:7f00:1::1", false),
        (&translated, "2001:0:4136:e378:8000:63bf:a247:28f1", true),
        // 127.0.0.1 with its bits turned round.
        (&translated, "2001:0:4136:e378:8000:63bf:80ff:fffe", false),
        (&translated, "::5db8:d70e", true),
        (&translated, "::7f00:1", false),
        // Granted as it is, and nothing else inside.
        (&translated, "::1", true),
        (&own, "64:ff9b:1::5db8:d70e", true),
        (&own, "64:ff9b:1::a00:1", false),
        (&own, "64:ff9b:1:5db8:d7:e00::", true),
        (&own, "64:ff9b:1:7f00:0:100::", false),
        (&own, "64:ff9b::5db8:d70e", false),
    ] {
        assert_eq!(allows(policy, HTTP, address, 80), expected, "{address}");
    }
    // Both granted: the operator knows what is behind.
    let both = super::policy(&["http://[64:ff9b::/96]", "http://127.0.0.0/8"]);
    assert!(allows(&both, HTTP, "64:ff9b::7f00:1", 80));
}

#[test]
fn a_refusal_says_what_to_grant() {
    let policy = policy(&[]);
    for (host, text) in [
        ("api.example.com", "`https://api.example.com:8443` is not granted; name it in `outbound`"),
        ("10.0.0.1", "the address `10.0.0.1` is in no network that is granted for `https` at port 8443"),
        ("0x7f.1", "the host `0x7f.1` ends in a number"),
        ("[::ffff:10.0.0.1]", "the address `[::ffff:10.0.0.1]` is not in its usual spelling"),
    ] {
        let denied = policy.name(HTTPS, host, 8443).expect_err(host).to_string();
        assert!(denied.contains(text), "{denied}");
    }
}

/// The same question answered by comparing texts, label by label.
fn is_granted(grants: &[&str], scheme: Scheme, host: &str, port: u16) -> bool {
    grants.iter().any(|grant| {
        let (granted_scheme, rest) = grant.split_once("://").expect("a test must know");
        let (granted, granted_port) = rest.split_once(':').expect("a test must know");
        let host: Vec<&str> = host.split('.').rev().collect();
        let granted: Vec<&str> = granted.split('.').rev().collect();
        let same = match granted.split_last() {
            Some((&"*", parent)) => host.len() > parent.len() && host.starts_with(parent),
            _ => host == granted,
        };
        same && granted_scheme == scheme.as_str() && granted_port == port.to_string()
    })
}

#[test]
fn names_are_granted_as_a_naive_comparison_grants_them() {
    const LABELS: &[&str] = &["a", "b", "ab", "example", "com"];
    let mut numbers = Numbers::of(29);
    let mut granted = 0;
    for _ in 0..20_000 {
        let name = |numbers: &mut Numbers| {
            let labels: Vec<&str> = (0..=numbers.below(3)).map(|_| numbers.pick(LABELS)).collect();
            labels.join(".")
        };
        let mut texts = Vec::new();
        for _ in 0..=numbers.below(3) {
            let (scheme, star, port) =
                (numbers.pick(&["http", "https"]), numbers.pick(&["", "*."]), numbers.pick(&["80", "443"]));
            texts.push(format!("{scheme}://{star}{}:{port}", name(&mut numbers)));
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let policy = policy(&texts);
        for _ in 0..8 {
            let scheme = [HTTP, HTTPS][numbers.below(2)];
            let (host, port) = (name(&mut numbers), [80, 443][numbers.below(2)]);
            let expected = is_granted(&texts, scheme, &host, port);
            assert_eq!(policy.name(scheme, &host, port).is_ok(), expected, "{texts:?} {scheme} {host} {port}");
            granted += u32::from(expected);
        }
    }
    assert!(granted > 1_000, "{granted}");
}
