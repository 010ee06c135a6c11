//! Requests to hosts outside: nothing but what is granted is ever connected to, and what comes back is no more than it says.

mod limits;
mod matrix;
mod messages;
mod secured;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hostel_model::limits::Limits;

use crate::harness::{Answer, Dns, Harness, Running, guest};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A host that asks `dns`, with a caller of each generation that is granted `outbound`.
fn host(dns: &Dns, outbound: &[&str]) -> Running {
    harness(dns, outbound).start()
}

fn harness(dns: &Dns, outbound: &[&str]) -> Harness {
    limited(dns, outbound, |_limits| ())
}

/// The same with other limits.
fn limited(dns: &Dns, outbound: &[&str], change: impl Fn(&mut Limits)) -> Harness {
    let mut harness = Harness::new().resolver(dns.address());
    for (name, component) in [("p2", guest::CALLER_P2), ("p3", guest::CALLER_P3)] {
        harness = harness.serves(name, component).outbound(outbound);
        harness = harness.limits(|limits| {
            limits.deadline = Duration::from_secs(20);
            change(limits);
        });
    }
    harness
}

/// The grants that lead to a name on 127.0.0.1.
fn to(name: &str, port: u16) -> [String; 2] {
    [format!("http://{name}:{port}"), format!("http://127.0.0.1:{port}")]
}

/// What `caller` gets from outside.
fn ask(host: &Running, caller: &str, authority: &str, more: &str) -> Answer {
    host.get(&format!("/{caller}?scheme=http&authority={}&{more}", escaped(authority)))
}

/// What a guest was told instead of an answer.
fn error(answer: &Answer) -> &str {
    answer.header("x-error").unwrap_or_else(|| panic!("no error: {} {}", answer.status, answer.text()))
}

/// A text as part of a query.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
