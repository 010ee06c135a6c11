//! Who the client is, and how a guest is told: `x-forwarded-for`, `-proto`, `-host` and `-port`.
//!
//! Only proxies that the configuration trusts are believed. From them the chain is
//! read from its right end, and the first address that is no trusted proxy is the
//! client: what stands left of it, anybody may have written. A guest gets exactly
//! one address, so that nothing depends on which end it reads.

use std::net::{IpAddr, SocketAddr};

use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Peer;
use super::aim::Target;

#[cfg(test)]
mod tests;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// What is told of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// How it spoke to the first proxy, or to the host.
    pub scheme: Scheme,
    address_value: HeaderValue,
    port_value: HeaderValue,
}

impl Client {
    /// Reads what `headers` say, as far as `peer` is believed. To be called before
    /// they are cleaned.
    #[must_use]
    pub fn of(headers: &HeaderMap, peer: &Peer) -> Self {
        let own = Self {
            address: peer.address.ip().to_canonical(),
            scheme: peer.listener.scheme.clone(),
            address_value: peer.address_value.clone(),
            port_value: peer.port_value.clone(),
        };
        if !peer.trusted {
            return own;
        }
        let scheme = match last(headers, &PROTO) {
            Some(proto) if proto.eq_ignore_ascii_case("https") => Scheme::HTTPS,
            Some(proto) if proto.eq_ignore_ascii_case("http") => Scheme::HTTP,
            _ => own.scheme.clone(),
        };
        let port = last(headers, &PORT).and_then(|port| port.parse::<u16>().ok());
        let port_value = port.map_or(own.port_value.clone(), HeaderValue::from);
        match client_address(headers, peer) {
            Some(address) => {
                let address_value = HeaderValue::from_str(&address.to_string()).unwrap_or(own.address_value);
                Self { address, scheme, address_value, port_value }
            }
            None => Self { scheme, port_value, ..own },
        }
    }

    /// Tells a guest. `headers` are clean.
    pub fn tell(self, headers: &mut HeaderMap, target: &Target) {
        let proto = if self.scheme == Scheme::HTTPS { "https" } else { "http" };
        headers.insert(FOR, self.address_value);
        headers.insert(PROTO, HeaderValue::from_static(proto));
        headers.insert(PORT, self.port_value);
        if let Ok(host) = HeaderValue::from_str(target.authority.as_str()) {
            headers.insert(HOST, host);
        }
    }
}

/// The first address from the right that is no trusted proxy; the leftmost if all
/// are. What is no address ends the walk: nothing left of it can be believed.
fn client_address(headers: &HeaderMap, peer: &Peer) -> Option<IpAddr> {
    // What is no text is no address either.
    let values = headers.get_all(FOR).iter().rev().map(|value| value.to_str().unwrap_or_default());
    let mut found = None;
    for text in values.flat_map(|value| value.rsplit(',')) {
        let Some(address) = address(text.trim()) else {
            break;
        };
        found = Some(address);
        if !peer.listener.trusts(address) {
            break;
        }
    }
    found
}

/// An address as proxies write it: bare, in brackets, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

/// What the nearest proxy says.
fn last<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim)
}
