//! Every way to spell an address that is nobody's to reach, and every way to hide one behind a name: no connection.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use super::{LOOPBACK, ask, error, harness, host, to};
use crate::harness::{Dns, Process, Upstream, guest};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

/// One address of each range that no service may reach, and some more of those most wanted.
const TARGETS: [Ipv4Addr; 27] = [
    Ipv4Addr::new(127, 0, 0, 1),
    Ipv4Addr::new(127, 1, 2, 3),
    Ipv4Addr::new(127, 255, 255, 254),
    Ipv4Addr::new(0, 0, 0, 0),
    Ipv4Addr::new(0, 1, 2, 3),
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(10, 255, 255, 255),
    Ipv4Addr::new(100, 64, 0, 1),
    Ipv4Addr::new(100, 127, 255, 254),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(172, 16, 0, 1),
    Ipv4Addr::new(172, 31, 255, 254),
    Ipv4Addr::new(192, 0, 0, 1),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(192, 0, 2, 1),
    Ipv4Addr::new(192, 88, 99, 1),
    Ipv4Addr::new(192, 168, 0, 1),
    Ipv4Addr::new(192, 168, 255, 254),
    Ipv4Addr::new(198, 18, 0, 1),
    Ipv4Addr::new(198, 51, 100, 1),
    Ipv4Addr::new(203, 0, 113, 1),
    Ipv4Addr::new(224, 0, 0, 1),
    Ipv4Addr::new(239, 255, 255, 250),
    Ipv4Addr::new(240, 0, 0, 1),
    Ipv4Addr::new(255, 255, 255, 255),
];

/// Addresses of IPv6 that are nobody's, whatever is inside them.
const OTHERS: [&str; 14] = [
    "::1",
    "::",
    "fd00:ec2::254",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "2001:2::1",
    "5f00::1",
];

/// Names that no service was granted, some of which resolvers know by themselves, and ways to write a socket that is none.
const NAMES: [&str; 12] = [
    "localhost",
    "localhost.",
    "LOCALHOST",
    "ip6-localhost",
    "127.0.0.1.nip.io",
    "example",
    "canary",
    "x.exampl",
    "unix",
    "unix%3A%2Frun%2Fadmin.sock",
    "%2Frun%2Fadmin.sock",
    "admin.sock",
];

/// The same four bytes as readers of addresses have been known to take them.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let whole = address.to_bits();
    let (high, low) = (whole >> 16, whole & 0xffff);
    let mut spelled = vec![
        address.to_string(),
        format!("{whole}"),
        format!("{whole:#x}"),
        format!("{whole:#X}").to_ascii_lowercase(),
        format!("0{whole:o}"),
        format!("{a}.{b}.{}", whole & 0xffff),
        format!("{a}.{}", whole & 0xff_ffff),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a:#x}.{}", whole & 0xff_ffff),
        format!("{a:03}.{b:03}.{c:03}.{d:03}"),
        format!("{address}."),
        format!("[::ffff:{address}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[0:0:0:0:0:ffff:{high:x}:{low:x}]"),
        format!("[::{address}]"),
        format!("[64:ff9b::{high:x}:{low:x}]"),
        format!("[64:ff9b:1::{high:x}:{low:x}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
    ];
    spelled.dedup();
    spelled
}

/// The same four bytes inside addresses of IPv6.
fn disguises(address: Ipv4Addr) -> Vec<IpAddr> {
    let whole = address.to_bits();
    let (high, low) = ((whole >> 16) as u16, (whole & 0xffff) as u16);
    [
        address.to_ipv6_mapped(),
        Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x2001, 0, 0x4136, 0xe378, 0x8000, 0x63bf, !high, !low),
    ]
    .map(IpAddr::V6)
    .into()
}

#[expect(clippy::print_stdout, reason = "the counts are what it shows")]
#[test]
fn no_address_that_is_nobodys_is_ever_connected_to() {
    let (dns, canary) = (Dns::start(), Upstream::saying(HELLO));
    let port = canary.port();
    let host = host(&dns, &[&format!("http://*.example:{port}"), "https://api.example.com"]);
    let (mut authorities, mut tried) = (BTreeSet::new(), 0);
    let mut refused = |authority: &str| {
        authorities.insert(authority.to_owned());
        for caller in ["p2", "p3"] {
            let answer = ask(&host, caller, authority, "path=/");
            let said = error(&answer).to_owned();
            let known = ["HttpRequestDenied", "DestinationIpProhibited", "HttpRequestUriInvalid", "refused authority"];
            assert!(known.iter().any(|known| said.contains(known)), "{caller} {authority}: {said}");
            tried += 1;
        }
    };
    for target in TARGETS {
        spellings(target).iter().for_each(|host| refused(&format!("{host}:{port}")));
    }
    for other in OTHERS {
        refused(&format!("[{other}]:{port}"));
    }
    for name in NAMES {
        dns.says(name, &[LOOPBACK]);
        refused(&format!("{name}:{port}"));
    }
    assert_eq!(dns.asked(), 0, "nobody is asked for a name that is not granted");
    let public: IpAddr = "93.184.215.14".parse().unwrap();
    let others = OTHERS.iter().map(|other| other.parse().unwrap());
    let plain = TARGETS.iter().map(|target| IpAddr::V4(*target));
    let hidden: Vec<IpAddr> = plain.chain(TARGETS.iter().flat_map(|target| disguises(*target))).chain(others).collect();
    for (place, address) in hidden.iter().enumerate() {
        dns.says(&format!("alone{place}.example"), &[*address]);
        dns.says(&format!("mixed{place}.example"), &[public, *address]);
        refused(&format!("alone{place}.example:{port}"));
        refused(&format!("mixed{place}.example:{port}"));
    }
    assert!(authorities.len() >= 500, "{}", authorities.len());
    assert_eq!(canary.connections(), 0);
    println!(
        "egress matrix: {} addresses and names, {tried} requests, {} names asked for, {} connections at the canary",
        authorities.len(),
        dns.asked(),
        canary.connections()
    );
    let counted = |reason: &str, service: &str| {
        let line = format!("hostel_egress_denied_total{{service=\"{service}\",reason=\"{reason}\"}}");
        host.metric(&line).unwrap_or_default() as usize
    };
    for service in ["p2", "p3"] {
        assert!(counted("address", service) >= hidden.len() * 2, "{service}");
        assert!(counted("spelling", service) > 100 && counted("name", service) > 0, "{service}");
        assert!(host.failures(service, "egress-denied") > 0, "{service}");
    }
}

#[expect(clippy::print_stdout, reason = "the counts are what it shows")]
#[test]
fn a_name_that_changes_its_mind_is_not_followed() {
    let (dns, canary) = (Dns::start(), Upstream::saying(HELLO));
    let port = canary.port();
    // Another address of this machine, where nobody listens, is granted; the canary's is not.
    let host = host(&dns, &[&format!("http://*.example:{port}"), &format!("http://127.0.0.2:{port}")]);
    // Anybody's by its form, and never given to anybody: whoever routes it routes it nowhere.
    let public: IpAddr = "3000::1".parse().unwrap();
    let mut tried = 0;
    for (place, first) in [public, "127.0.0.2".parse().unwrap()].into_iter().enumerate() {
        for caller in ["p2", "p3"] {
            let name = format!("{caller}.r{place}.example");
            dns.says_in_turn(&name, &[&[first], &[LOOPBACK]]);
            let before = ask(&host, caller, &format!("{name}:{port}"), "path=/&connect=500000000");
            let said = before.header("x-error").unwrap_or_default();
            assert!(!said.contains("DestinationIpProhibited"), "{said}");
            for _ in 0..10 {
                let next = ask(&host, caller, &format!("{name}:{port}"), "path=/");
                assert!(error(&next).contains("DestinationIpProhibited"), "{}", error(&next));
                tried += 1;
            }
        }
    }
    assert_eq!(canary.connections(), 0);
    println!("egress rebinding: {tried} requests after the name changed, {} connections", canary.connections());
}

#[expect(clippy::print_stdout, reason = "the counts are what it shows")]
#[test]
fn the_same_name_with_its_network_granted_connects_once() {
    let (dns, upstream) = (Dns::start(), Upstream::saying(HELLO));
    dns.says("api.example", &[LOOPBACK]);
    let grants = to("api.example", upstream.port());
    let host = host(&dns, &[&grants[0], &grants[1]]);
    for (count, caller) in [(1, "p2"), (2, "p3")] {
        let answer = ask(&host, caller, &format!("api.example:{}", upstream.port()), "path=/");
        assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, "hello", true), "{caller}");
        assert_eq!(upstream.connections(), count);
        println!("egress control: {caller} with the network granted, {count} connections in all");
    }
    // The address itself is granted as well, and not another one of the same machine.
    let answer = ask(&host, "p2", &format!("127.0.0.1:{}", upstream.port()), "path=/");
    assert_eq!(answer.text(), "hello");
    let other = ask(&host, "p2", &format!("127.0.0.2:{}", upstream.port()), "path=/");
    assert!(error(&other).contains("DestinationIpProhibited"), "{}", error(&other));
}

#[test]
fn the_host_reaches_neither_itself_nor_its_administration() {
    let (dns, admin) = (Dns::start(), free_port());
    dns.says("own.example", &[LOOPBACK]);
    let grants = ["http://*.example:80".to_owned(), format!("http://*.example:{admin}")];
    let host = harness(&dns, &[&grants[0], &grants[1]]).admin(([127, 0, 0, 1], admin).into()).start();
    let port = host.address().port();
    for authority in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        "own.example:80".to_owned(),
        format!("127.0.0.1:{admin}"),
        format!("localhost:{admin}"),
        format!("own.example:{admin}"),
    ] {
        for caller in ["p2", "p3"] {
            let answer = ask(&host, caller, &authority, "path=/livez");
            assert!(error(&answer).contains("Denied") || error(&answer).contains("Prohibited"), "{authority}");
        }
    }
}

/// One that the system has just chosen, and that nobody else is given soon.
fn free_port() -> u16 {
    let chosen = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    chosen.expect("a port must be free").port()
}

#[test]
fn the_resolver_of_the_configuration_is_asked_and_its_answers_are_judged() {
    let (dns, canary, upstream) = (Dns::start(), Upstream::saying(HELLO), Upstream::saying(HELLO));
    dns.says("api.example", &[LOOPBACK]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(guest::CALLER_P3, folder.path().join("p3.wasm")).unwrap();
    let text = format!(
        "version = 1\nresolver = \"{}\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
         [service.p3]\ncomponent = \"p3.wasm\"\nroutes = [\"/p3\"]\n\
         outbound = [\"http://api.example:{1}\", \"http://api.example:{2}\", \"http://127.0.0.0/8:{2}\"]\n",
        dns.address(),
        canary.port(),
        upstream.port()
    );
    std::fs::write(folder.path().join("hostel.toml"), text).unwrap();
    let mut process = Process::up(folder.path());
    let ask = |port: u16| process.get(&format!("/p3?scheme=http&path=/&authority=api.example%3A{port}"));
    let refused = ask(canary.port());
    assert!(error(&refused).contains("DestinationIpProhibited"), "{}", error(&refused));
    assert_eq!(ask(upstream.port()).text(), "hello");
    assert_eq!((canary.connections(), upstream.connections(), dns.asked()), (0, 1, 2));
    assert_eq!(process.stop().code(), Some(0));
}
