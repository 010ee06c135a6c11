//! The hosts a route takes: one name, or everything below one.

use std::fmt;
use std::net::Ipv6Addr;

use super::RouteError;

/// The most bytes of a host name (RFC 1035, 2.3.4).
pub(super) const HOST_BYTES: usize = 253;

/// A host, or all hosts below one. Kept in lower case, without port and last dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// `shop.example`, `127.0.0.1` or `[::1]`.
    Exact(String),
    /// `*.shop.example`, kept as `.shop.example`: every name that ends with it.
    Below(String),
}

impl HostPattern {
    /// Reads `shop.example` or `*.shop.example`, in any case.
    ///
    /// # Errors
    /// When it has a port, is no host name, or has a `*` elsewhere.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        let wrong =
            |fault, remedy: &str| Err(RouteError::Host { host: text.to_owned(), fault, remedy: remedy.to_owned() });
        if text == "*" {
            return wrong("is every host", "leave `host` out");
        }
        if !text.is_ascii() {
            return wrong("is not ASCII", "write its form for DNS, which begins with `xn--`");
        }
        let lower = text.to_ascii_lowercase();
        if let Some(address) = lower.strip_prefix('[') {
            return match address.strip_suffix(']').map(str::parse::<Ipv6Addr>) {
                Some(Ok(address)) => Ok(Self::Exact(format!("[{address}]"))),
                _ => wrong("is not an IPv6 address", "write it as in `[::1]`, without a port"),
            };
        }
        if lower.contains(':') {
            return wrong("has a port", "leave the port out, routes do not look at it");
        }
        let (below, name) = match lower.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, lower.as_str()),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.len() > HOST_BYTES || !name.split('.').all(is_label) {
            return wrong("is not a host name", "write letters, digits, `-` and `.`, with `*` only in front as `*.`");
        }
        Ok(if below { Self::Below(format!(".{name}")) } else { Self::Exact(name.to_owned()) })
    }

    /// Whether a request for `host` is meant; case, port and a last dot do not matter.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        let mut buffer = [0; HOST_BYTES];
        let host = canonical(host, &mut buffer).unwrap_or("");
        match self {
            Self::Exact(name) => host == name,
            Self::Below(end) => host.len() > end.len() && host.ends_with(end),
        }
    }

    /// Whether every host that `other` means is one of these.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Below(end), Self::Below(other)) => other.ends_with(end),
            (_, Self::Exact(name)) => self.matches(name),
            (Self::Exact(_), Self::Below(_)) => false,
        }
    }

    /// Whether some host is one of these and one of `other`.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => out.write_str(name),
            Self::Below(end) => write!(out, "*{end}"),
        }
    }
}

/// `_` is no letter of a host name, but names with it are in use inside networks.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// A request's host in lower case without port and last dot, written into
/// `buffer` because finding a route must not allocate. `None` if it is longer
/// than any host name: then no pattern can mean it.
pub(super) fn canonical<'a>(host: &str, buffer: &'a mut [u8; HOST_BYTES]) -> Option<&'a str> {
    let name = match host.rfind(']') {
        Some(end) => host.get(..=end)?,
        None => host.split(':').next()?,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let bytes = buffer.get_mut(..name.len())?;
    bytes.copy_from_slice(name.as_bytes());
    bytes.make_ascii_lowercase();
    std::str::from_utf8(bytes).ok()
}
