//! Which addresses are anybody's, compared with the registries written down as they are published.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::egress::{embedded, is_globally_reachable};
use crate::numbers::Numbers;

/// The special-purpose registry of IPv4, with multicast and 6to4 relays.
const SPECIAL_V4: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
];

/// The same of IPv6, with what was never given out to hosts.
const SPECIAL_V6: &[&str] = &[
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::/8",
    "100::/8",
    "200::/7",
    "400::/6",
    "800::/5",
    "1000::/4",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001::/32",
    "2001:2::/48",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "4000::/3",
    "5f00::/16",
    "6000::/3",
    "8000::/3",
    "a000::/3",
    "c000::/3",
    "e000::/4",
    "f000::/5",
    "f800::/6",
    "fc00::/7",
    "fd00:ec2::254/128",
    "fe00::/9",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// The bits of an address as text, the first first.
fn bits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.octets().iter().map(|octet| format!("{octet:08b}")).collect(),
        IpAddr::V6(address) => address.octets().iter().map(|octet| format!("{octet:08b}")).collect(),
    }
}

/// What an address in the range begins with.
fn prefix(range: &str) -> String {
    let (address, length) = range.split_once('/').expect("a test must know");
    let bits = bits(address.parse().expect("a range must begin with an address"));
    bits.chars().take(length.parse().expect("a range must end with a length")).collect()
}

fn naive(address: IpAddr, special: &[String]) -> bool {
    let bits = bits(address);
    !special.iter().any(|prefix| bits.starts_with(prefix.as_str()))
}

fn prefixes(address: IpAddr) -> &'static [&'static str] {
    if address.is_ipv4() { SPECIAL_V4 } else { SPECIAL_V6 }
}

fn agrees(address: IpAddr, special: &[String]) {
    assert_eq!(is_globally_reachable(address), naive(address, special), "{address}");
}

fn special(ranges: &[&str]) -> Vec<String> {
    ranges.iter().map(|range| prefix(range)).collect()
}

#[test]
fn every_range_of_the_registries_is_refused_from_its_first_address_to_its_last() {
    for range in SPECIAL_V4.iter().chain(SPECIAL_V6) {
        let begin = prefix(range);
        let width = if range.contains(':') { 128 } else { 32 };
        for fill in ["0", "1"] {
            let text = format!("{begin}{}", fill.repeat(width - begin.len()));
            let value = u128::from_str_radix(&text, 2).expect("a test must know");
            let address: IpAddr = match width {
                32 => Ipv4Addr::from_bits(u32::try_from(value).expect("a test must know")).into(),
                _ => Ipv6Addr::from_bits(value).into(),
            };
            assert!(!is_globally_reachable(address), "{address} of {range}");
        }
    }
}

#[test]
fn what_services_have_is_reachable() {
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "93.184.215.14",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::",
        "2001:200::",
        "2001:4860:4860::8888",
        "2001:db7:ffff::",
        "2001:db9::",
        "2003::",
        "2606:4700:4700::1111",
        "2620:4f:7fff::",
        "2620:4f:8001::",
        "3ffe:ffff::",
        "3fff:1000::",
        "3fff:ffff::",
    ] {
        let address = text.parse().expect(text);
        assert!(is_globally_reachable(address), "{text}");
        assert!(naive(address, &special(prefixes(address))), "{text}");
    }
}

#[test]
fn every_network_of_ipv4_is_judged_as_the_registry_says() {
    let special = special(SPECIAL_V4);
    // All that is in the registry is a whole number of these, but for the last address.
    for network in 0..1_u32 << 24 {
        let address = Ipv4Addr::from_bits(network << 8 | 1);
        let [a, b, c, _] = address.octets();
        // Far from any boundary one in a hundred will do.
        if c.is_multiple_of(16) || network % 97 == 0 || (a, b) == (192, 0) || (a, b) == (192, 88) {
            agrees(address.into(), &special);
        }
    }
}

#[test]
fn addresses_of_ipv6_are_judged_as_the_registry_says() {
    let special = special(SPECIAL_V6);
    let mut numbers = Numbers::of(6);
    let mut word = move |odd: &[u16]| match numbers.below(odd.len() + 1) {
        0 => u16::try_from(numbers.below(1 << 16)).expect("a test must know"),
        place => odd[place - 1],
    };
    let mut reachable = 0;
    for _ in 0..300_000 {
        let a = word(&[0, 0x64, 0x100, 0x2001, 0x2002, 0x2620, 0x3ffe, 0x3fff, 0x5f00, 0xfd00, 0xfe80, 0xff02, 0x2606]);
        let b = word(&[0, 1, 2, 3, 4, 0x10, 0x2f, 0x4f, 0x1ff, 0x200, 0xdb8, 0xdb9, 0xfff, 0x1000, 0xff9b, 0xec2]);
        let c = word(&[0, 1, 0x112, 0x7fff, 0x8000, 0x8001]);
        let rest = [0; 5].map(|_: u8| word(&[0, 1, 0xffff, 0x7f00]));
        let address = Ipv6Addr::new(a, b, c, rest[0], rest[1], rest[2], rest[3], rest[4]);
        agrees(address.into(), &special);
        reachable += u32::from(is_globally_reachable(address.into()));
    }
    assert!(reachable > 10_000, "{reachable}");
}

#[test]
fn an_address_inside_another_is_found() {
    for (address, inner) in [
        ("::ffff:1.2.3.4", Some("1.2.3.4")),
        ("::1.2.3.4", Some("1.2.3.4")),
        ("64:ff9b::1.2.3.4", Some("1.2.3.4")),
        ("64:ff9b:1::1.2.3.4", Some("1.2.3.4")),
        ("64:ff9b:1:102:3:400::", Some("1.2.3.4")),
        ("64:ff9b:1:ffff:ff:ff00::", Some("255.255.255.255")),
        ("2002:102:304::5", Some("1.2.3.4")),
        ("2001:0:9:9:9:9:fefd:fcfb", Some("1.2.3.4")),
        ("::", None),
        ("::1", None),
        ("::2", Some("0.0.0.2")),
        ("64:ff9b:0:1::1.2.3.4", None),
        ("2001:1::1.2.3.4", None),
        ("fe80::1.2.3.4", None),
        ("1.2.3.4", None),
    ] {
        let found = embedded(address.parse().expect(address));
        assert_eq!(found, inner.map(|inner| inner.parse().expect(inner)), "{address}");
    }
}
