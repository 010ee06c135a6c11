//! What a service may reach outside this host: hosts by name, and networks by their addresses.
//!
//! `outbound` in `hostel.toml` is a list of texts. Each becomes an [`Outbound`] when
//! the file is read, and all of a service's become one [`Policy`] when it is
//! deployed, so that a request parses nothing. Two questions are asked of it: may
//! this host be asked for at all ([`Policy::name`]), before anybody is asked where
//! it is; and may this address be connected to ([`Policy::address`]), of every
//! address that its name stands for.

use std::fmt;

use crate::network::{Network, NetworkError};

pub use name::NameFault;
pub use policy::{Denied, Granted, Policy};
pub use reachable::{embedded, is_globally_reachable};

mod name;
mod policy;
mod reachable;
#[cfg(test)]
mod tests;

/// How a host is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// HTTP/1.1 in the clear.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// As an address begins with it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where none is given.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// One grant: a host, or all hosts of a kind, at one port by one scheme.
///
/// | text | grants |
/// |---|---|
/// | `https://api.example.com` | that name, at port 443 |
/// | `https://api.example.com:8443` | the same at another port |
/// | `https://*.example.com` | every name below `example.com`, however deep, and not the name itself |
/// | `http://10.0.0.0/8:8080` | addresses of a network, and names that stand for them if they are granted too |
/// | `http://[fd00::/8]:80` | the same in IPv6: the brackets are around all of it |
/// | `http://10.1.2.3` | one address |
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outbound {
    scheme: Scheme,
    place: Place,
    port: u16,
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// This name.
    Name(String),
    /// Every name that ends in a dot and this.
    Below(String),
    /// Every address of it.
    Network(Network),
}

/// Why a text grants nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// No `://`.
    #[error("`{text}` names no scheme; write `https://{text}`")]
    NoScheme {
        /// The text as given.
        text: String,
    },
    /// Neither HTTP nor HTTPS.
    #[error("`{text}` has the scheme `{scheme}`, which is not spoken; write `https://` or `http://`")]
    Scheme {
        /// The text as given.
        text: String,
        /// What stands before `://`.
        scheme: String,
    },
    /// Something before an `@`.
    #[error("`{text}` holds a user name; leave out what stands before the `@`, and the `@`")]
    UserInfo {
        /// The text as given.
        text: String,
    },
    /// A path, a query or a fragment.
    #[error("`{text}` goes on after the host, which is granted as a whole; write `{meant}`")]
    Path {
        /// The text as given.
        text: String,
        /// The same without what follows the host.
        meant: String,
    },
    /// No port from 1 to 65535.
    #[error("`{text}` has the port `{port}`; write a number from 1 to 65535, or none for `{default}`")]
    Port {
        /// The text as given.
        text: String,
        /// What stands where the port does.
        port: String,
        /// The port of the scheme.
        default: u16,
    },
    /// An IPv6 address that cannot be told from its port, or whose bits stand outside.
    #[error("`{text}` has no brackets around the IPv6 network; write it as in `{scheme}://[fd00::/8]:8080`")]
    Brackets {
        /// The text as given.
        text: String,
        /// Its scheme.
        scheme: Scheme,
    },
    /// A `*` elsewhere than as the first label.
    #[error("`{text}` has a `*` that does not stand for whole labels; write `{scheme}://*.example.com`")]
    Star {
        /// The text as given.
        text: String,
        /// Its scheme.
        scheme: Scheme,
    },
    /// A host that is no name.
    #[error(transparent)]
    Name(#[from] NameFault),
    /// Addresses that are no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl Outbound {
    /// Reads one element of `outbound`.
    ///
    /// # Errors
    /// When it is not of one of the forms above.
    pub fn parse(text: &str) -> Result<Self, OutboundError> {
        let own = || text.to_owned();
        let (written, rest) = text.split_once("://").ok_or_else(|| OutboundError::NoScheme { text: own() })?;
        let scheme = match written {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(OutboundError::Scheme { text: own(), scheme: other.to_owned() }),
        };
        if rest.contains('@') {
            return Err(OutboundError::UserInfo { text: own() });
        }
        let (host, after) = match rest.strip_prefix('[') {
            Some(inner) => {
                let (inner, after) =
                    inner.split_once(']').ok_or_else(|| OutboundError::Brackets { text: own(), scheme })?;
                (Host::Bracketed(inner), after)
            }
            None if rest.matches(':').count() > 1 => {
                return Err(OutboundError::Brackets { text: own(), scheme });
            }
            None => {
                let (host, after) = rest.split_at(rest.find(':').unwrap_or(rest.len()));
                (Host::Plain(host), after)
            }
        };
        let port = match after.strip_prefix(':') {
            Some(port) => parse_port(port).ok_or_else(|| OutboundError::Port {
                text: own(),
                port: port.to_owned(),
                default: scheme.default_port(),
            })?,
            None if after.is_empty() => scheme.default_port(),
            // Only brackets leave anything but a port behind them.
            None => return Err(OutboundError::Brackets { text: own(), scheme }),
        };
        let place = match host {
            Host::Bracketed(inner) => bracketed(inner).ok_or(OutboundError::Brackets { text: own(), scheme })??,
            Host::Plain(host) => plain(text, scheme, host)?,
        };
        Ok(Self { scheme, place, port })
    }

    /// How it is spoken to.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
}

enum Host<'t> {
    Bracketed(&'t str),
    Plain(&'t str),
}

/// A number as it is usually written: nothing but digits, and not zero.
fn parse_port(text: &str) -> Option<u16> {
    // `parse` alone would take `+80`.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|port| *port != 0)
}

/// What stands in brackets; nothing if it is not of IPv6, which alone needs them.
fn bracketed(text: &str) -> Option<Result<Place, OutboundError>> {
    text.contains(':').then(|| Ok(Place::Network(Network::parse(text)?)))
}

fn plain(text: &str, scheme: Scheme, host: &str) -> Result<Place, OutboundError> {
    let front = host.split(['/', '?', '#']).next().unwrap_or_default();
    if is_ipv4(front) {
        return Ok(Place::Network(Network::parse(host)?));
    }
    if front.len() < host.len() {
        let meant = format!("{scheme}://{front}");
        return Err(OutboundError::Path { text: text.to_owned(), meant });
    }
    if let Some(parent) = host.strip_prefix("*.").filter(|parent| !parent.contains('*')) {
        return Ok(Place::Below(name::canonical(parent)?));
    }
    if host.contains('*') {
        return Err(OutboundError::Star { text: text.to_owned(), scheme });
    }
    Ok(Place::Name(name::canonical(host)?))
}

fn is_ipv4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

impl fmt::Display for Outbound {
    /// Its only spelling: names in lower case, no port where it is the scheme's own.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://", self.scheme)?;
        match &self.place {
            Place::Name(name) => out.write_str(name)?,
            Place::Below(parent) => write!(out, "*.{parent}")?,
            Place::Network(network) if network.is_ipv4() => write!(out, "{network}")?,
            Place::Network(network) => write!(out, "[{network}]")?,
        }
        if self.port != self.scheme.default_port() {
            write!(out, ":{}", self.port)?;
        }
        Ok(())
    }
}
