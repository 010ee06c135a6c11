//! Which addresses are anybody's to reach, and which lead somewhere else than they seem to.
//!
//! After the special-purpose registries of IANA for IPv4 and IPv6. Everything in
//! them is left out, even the few entries that are said to be globally reachable:
//! relays and anycast sinks are nobody's service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether a host on the public internet may have `address`: not private, local,
/// reserved, for documentation, for many at once, or an IPv4 address in the guise of IPv6.
#[must_use]
pub fn is_globally_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

/// Where machines of Azure get keys, certificates and their configuration. In no
/// registry: it looks like an address of anybody's, and is at every one of them.
const WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

fn v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address != WIRE_SERVER
        && !matches!(
            (a, b, c),
            // This network, private, loopback; many at once, reserved and everybody.
            (0 | 10 | 127 | 224..=255, _, _)
            // Behind the provider's own translation.
            | (100, 64..=127, _)
            // Link-local, where clouds keep credentials.
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            // Protocol assignments and documentation.
            | (192, 0, 0 | 2)
            | (198, 51, 100)
            | (203, 0, 113)
            // Relays and sinks: AS112, AMT, 6to4.
            | (192, 31, 196)
            | (192, 52, 193)
            | (192, 88, 99)
            | (192, 175, 48)
            // Benchmarks.
            | (198, 18..=19, _)
        )
}

/// Only 2000::/3 is given out to hosts (RFC 4291, section 2.4), so that everything
/// else is refused without being named: loopback, mapped, NAT64, unique local,
/// link-local, site-local, multicast, discard and segment identifiers.
fn v6(address: Ipv6Addr) -> bool {
    let [a, b, c, ..] = address.segments();
    let given_out = a & 0xe000 == 0x2000;
    given_out
        && !matches!(
            (a, b, c),
            // Protocol assignments: Teredo, benchmarks, ORCHID and others.
            (0x2001, 0..=0x01ff, _)
                // Documentation.
                | (0x2001, 0x0db8, _)
                | (0x3fff, 0..=0x0fff, _)
                // 6to4, and the sink of AS112.
                | (0x2002, _, _)
                | (0x2620, 0x004f, 0x8000)
        )
}

/// The IPv4 address that packets to `address` end up at, where its form says so:
/// mapped, compatible, NAT64 of either prefix, 6to4 and Teredo.
#[must_use]
pub fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    let [a, b, c, d, e, f, g, h] = address.segments();
    let last = [g, h];
    match (a, b, c, d, e, f) {
        // `::` and `::1` are not of this form.
        (0, 0, 0, 0, 0, 0) if g == 0 && h <= 1 => None,
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(joined(last)),
        // A network's own translation: at the end, or after the prefix and around
        // eight bits that count for nothing (RFC 6052, section 2.2).
        (0x64, 0xff9b, 1, ..) if last == [0, 0] => Some(joined([d, (e << 8) | (f >> 8)])),
        (0x64, 0xff9b, 1, ..) => Some(joined(last)),
        (0x2002, ..) => Some(joined([b, c])),
        // The client's address, with all bits turned round.
        (0x2001, 0, ..) => Some(joined([!g, !h])),
        _ => None,
    }
}

fn joined([high, low]: [u16; 2]) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}
