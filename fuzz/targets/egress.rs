//! What a service may reach outside, against a plain reading of its grants and of the registries of special addresses.
//!
//! The input is text. A line `+GRANT` is an element of `outbound`; a line `?SCHEME PORT HOST` asks for a host, and a
//! line `=SCHEME PORT ADDRESS` for an address that a name stands for.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hostel_model::egress::{Granted, Outbound, Policy, Scheme, embedded, is_globally_reachable};
use libfuzzer_sys::fuzz_target;

const GRANTS: usize = 8;
const QUESTIONS: usize = 12;

/// What the registries of IANA keep for special purposes, and what is for many at once.
const SPECIAL_V4: [(&str, u32); 18] = [
    ("0.0.0.0", 8),
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("192.31.196.0", 24),
    ("192.52.193.0", 24),
    ("192.88.99.0", 24),
    ("168.63.129.16", 32),
    ("192.168.0.0", 16),
    ("192.175.48.0", 24),
    ("198.18.0.0", 15),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("224.0.0.0", 4),
    ("240.0.0.0", 4),
];
/// The same in 2000::/3, outside of which nothing is given out.
const SPECIAL_V6: [(&str, u32); 5] =
    [("2001::", 23), ("2001:db8::", 32), ("2002::", 16), ("2620:4f:8000::", 48), ("3fff::", 20)];

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let written = text.lines().filter_map(|line| line.strip_prefix('+')).take(GRANTS);
    let grants: Vec<Outbound> = written.filter_map(|grant| Outbound::parse(grant).ok()).collect();
    for grant in &grants {
        let shown = grant.to_string();
        assert_eq!(Outbound::parse(&shown).as_ref(), Ok(grant), "{shown}");
    }
    let plain: Vec<Plain> = grants.iter().map(|grant| Plain::of(&grant.to_string())).collect();
    let policy = Policy::of(&grants.into_iter().collect());
    assert_eq!(policy.is_empty(), plain.is_empty());
    for line in text.lines().take(GRANTS + QUESTIONS) {
        if let Some((scheme, port, host)) = line.strip_prefix('?').and_then(question) {
            ask_name(&policy, &plain, (scheme, port, host), text);
        } else if let Some((scheme, port, address)) = line.strip_prefix('=').and_then(question) {
            if let Ok(address) = address.parse::<IpAddr>() {
                ask_address(&policy, &plain, (scheme, port, address), text);
            }
        }
    }
});

fn question(line: &str) -> Option<(Scheme, u16, &str)> {
    let mut words = line.splitn(3, ' ');
    let scheme = match words.next()? {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return None,
    };
    Some((scheme, words.next()?.parse().ok()?, words.next()?))
}

/// A grant read off its only spelling.
#[derive(Debug)]
struct Plain {
    scheme: String,
    /// Without brackets.
    host: String,
    bits: Option<u32>,
    port: u16,
}

impl Plain {
    fn of(shown: &str) -> Self {
        let (scheme, rest) = shown.split_once("://").expect("a grant must have a scheme");
        let (host, port) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']').map(|(host, port)| (host, port.strip_prefix(':'))).expect("brackets"),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let usual = if scheme == "https" { 443 } else { 80 };
        let (host, bits) = host.split_once('/').map_or((host, None), |(host, bits)| (host, bits.parse().ok()));
        let port = port.map_or(usual, |port| port.parse().expect("a port must be a number"));
        Self { scheme: scheme.to_owned(), host: host.to_owned(), bits, port }
    }

    fn is_for(&self, scheme: Scheme, port: u16) -> bool {
        self.scheme == scheme.as_str() && self.port == port
    }

    fn has_name(&self, name: &str) -> bool {
        match self.host.strip_prefix('*') {
            Some(end) => name.len() > end.len() && name.ends_with(end),
            None => self.host.parse::<IpAddr>().is_err() && self.host == name,
        }
    }

    fn has_address(&self, address: IpAddr) -> bool {
        let Ok(first) = self.host.parse::<IpAddr>() else {
            return false;
        };
        let bits = self.bits.unwrap_or(if first.is_ipv4() { 32 } else { 128 });
        begins_with(address.to_canonical(), first, bits)
    }
}

/// Whether two addresses of one kind begin with the same bits, compared bit by bit.
fn begins_with(address: IpAddr, first: IpAddr, bits: u32) -> bool {
    let all = |address: IpAddr| -> Vec<bool> {
        let bytes = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect()
    };
    let (address, first) = (all(address), all(first));
    address.len() == first.len() && address.iter().zip(&first).take(bits as usize).all(|(one, two)| one == two)
}

fn anybodys(address: IpAddr) -> bool {
    let within = |(first, bits): &(&str, u32)| begins_with(address, first.parse().expect("an address"), *bits);
    match address {
        IpAddr::V4(_) => !SPECIAL_V4.iter().any(within),
        IpAddr::V6(_) => within(&("2000::", 3)) && !SPECIAL_V6.iter().any(within),
    }
}

fn in_networks(plain: &[Plain], (scheme, port, address): (Scheme, u16, IpAddr)) -> bool {
    let granted = |address: IpAddr| plain.iter().any(|grant| grant.is_for(scheme, port) && grant.has_address(address));
    granted(address) && embedded(address).is_none_or(|inner| anybodys(inner.into()) || granted(inner.into()))
}

fn ask_address(policy: &Policy, plain: &[Plain], asked: (Scheme, u16, IpAddr), text: &str) {
    let (scheme, port, address) = asked;
    assert_eq!(is_globally_reachable(address), anybodys(address), "{address}");
    let inside = address.to_canonical();
    assert!(!anybodys(address) || address == inside, "{address} is another one in disguise");
    let known = match address {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    };
    assert!(!known || !anybodys(address), "{address}");
    let expected = anybodys(address) || in_networks(plain, asked);
    assert_eq!(policy.address(scheme, address, port).is_ok(), expected, "{address} in\n{text}");
}

fn ask_name(policy: &Policy, plain: &[Plain], (scheme, port, host): (Scheme, u16, &str), text: &str) {
    let context = format!("{scheme} {port} {host} in\n{text}");
    match policy.name(scheme, host, port) {
        Ok(Granted::Address(address)) => {
            let written = match address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            };
            assert_eq!(written, host, "{context}");
            assert!(in_networks(plain, (scheme, port, address)), "{context}");
        }
        Ok(Granted::Name(name)) => {
            assert_eq!(name, host.to_ascii_lowercase(), "{context}");
            expect_a_name(&name, &context);
            assert!(plain.iter().any(|grant| grant.is_for(scheme, port) && grant.has_name(&name)), "{context}");
        }
        Err(denied) => {
            assert!(!denied.to_string().is_empty() && ["spelling", "name", "address"].contains(&denied.reason()));
            let name = host.to_ascii_lowercase();
            let granted = plain.iter().any(|grant| grant.is_for(scheme, port) && grant.has_name(&name));
            // What is no name cannot be granted, except by what ends like it.
            assert!(!granted || !is_plain_name(host), "{context}: denied");
            if let Ok(address) = host.parse::<Ipv4Addr>() {
                assert!(!in_networks(plain, (scheme, port, address.into())), "{context}: denied");
            }
        }
    }
}

/// No address in any spelling, and no service of this host.
fn expect_a_name(name: &str, context: &str) {
    let last = name.rsplit('.').next().unwrap_or_default();
    let digits = last.strip_prefix("0x").unwrap_or(last);
    assert!(!digits.is_empty() && !digits.bytes().all(|byte| byte.is_ascii_digit()), "{context}: a number");
    assert!(last == digits || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{context}: a number");
    assert!(name.parse::<IpAddr>().is_err() && !name.contains(['[', ']', ':', '@', '/', '%']), "{context}");
    assert!(!name.ends_with(".internal") && !name.ends_with('.') && name.is_ascii(), "{context}");
    assert!(name.parse::<Ipv6Addr>().is_err(), "{context}");
}

/// Beyond doubt a name: letters first and last in every label, and none too long.
fn is_plain_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=20).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase())
            && !matches!(label, "internal")
    };
    host.len() < 200 && host.split('.').all(is_label)
}
