//! All that one service is granted outside, in a form that answers without parsing.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name::{self, NameFault};
use super::{Outbound, Place, Scheme, embedded, is_globally_reachable};
use crate::network::Network;

/// What a service may reach. Made once from its grants; nothing is reachable by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    names: BTreeSet<(Scheme, u16, String)>,
    /// The ends of names, each after the dot that comes before it.
    parents: Vec<(Scheme, u16, String)>,
    networks: Vec<(Scheme, u16, Network)>,
}

/// What a host that was asked for is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// A name in its only spelling. What it stands for has still to be asked,
    /// and each answer judged by [`Policy::address`].
    Name(String),
    /// An address that is granted.
    Address(IpAddr),
}

/// Why a host may not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Neither a name nor an address in its only spelling.
    #[error("{0}")]
    Name(#[from] NameFault),
    /// An address that can be written in more than one way, and was.
    #[error("the address `{text}` is not in its usual spelling; write it as in `[fd00::1]`")]
    Spelling {
        /// The text as given.
        text: String,
    },
    /// No grant for this name at this port by this scheme.
    #[error("`{scheme}://{name}:{port}` is not granted; name it in `outbound`")]
    NotGranted {
        /// How it was to be reached.
        scheme: Scheme,
        /// The name.
        name: String,
        /// The port.
        port: u16,
    },
    /// An address that no network granted at this port by this scheme holds.
    #[error(
        "the address `{address}` is in no network that is granted for `{scheme}` at port {port}; grant one in `outbound`, as in `{scheme}://10.0.0.0/8:{port}`"
    )]
    Address {
        /// How it was to be reached.
        scheme: Scheme,
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
}

impl Denied {
    /// One word of a small set, for counters.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Name(_) | Self::Spelling { .. } => "spelling",
            Self::NotGranted { .. } => "name",
            Self::Address { .. } => "address",
        }
    }
}

impl Policy {
    /// All of `grants` together.
    #[must_use]
    pub fn of(grants: &BTreeSet<Outbound>) -> Self {
        let mut policy = Self::default();
        for Outbound { scheme, place, port } in grants {
            match place {
                Place::Name(name) => drop(policy.names.insert((*scheme, *port, name.clone()))),
                Place::Below(parent) => policy.parents.push((*scheme, *port, format!(".{parent}"))),
                Place::Network(network) => policy.networks.push((*scheme, *port, *network)),
            }
        }
        policy
    }

    /// Whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.parents.is_empty() && self.networks.is_empty()
    }

    /// Whether `host`, as it stands in an address (IPv6 in brackets), may be asked
    /// for. A name must be granted by name, before anybody is asked where it is; an
    /// address must be in a network that is granted.
    ///
    /// # Errors
    /// Why not.
    pub fn name(&self, scheme: Scheme, host: &str, port: u16) -> Result<Granted, Denied> {
        if let Some(address) = literal(host)? {
            return match self.is_in_network(scheme, address, port) {
                true => Ok(Granted::Address(address)),
                false => Err(Denied::Address { scheme, address, port }),
            };
        }
        let name = name::canonical(host)?;
        let key = (scheme, port, name);
        if self.names.contains(&key) || self.is_below_a_parent(&key) {
            return Ok(Granted::Name(key.2));
        }
        Err(Denied::NotGranted { scheme, name: key.2, port })
    }

    /// Whether an address that a granted name stands for may be connected to: it is
    /// anybody's to reach, or in a network that is granted.
    ///
    /// # Errors
    /// If it is neither.
    pub fn address(&self, scheme: Scheme, address: IpAddr, port: u16) -> Result<(), Denied> {
        if is_globally_reachable(address) || self.is_in_network(scheme, address, port) {
            return Ok(());
        }
        Err(Denied::Address { scheme, address, port })
    }

    fn is_below_a_parent(&self, (scheme, port, name): &(Scheme, u16, String)) -> bool {
        let is_parent = |(of_scheme, of_port, parent): &(Scheme, u16, String)| {
            of_scheme == scheme && of_port == port && name.len() > parent.len() && name.ends_with(parent.as_str())
        };
        self.parents.iter().any(is_parent)
    }

    /// An address that leads to an IPv4 address is granted only if that may be
    /// reached as well: a network is granted for its own sake, not for what some
    /// gateway makes of it.
    fn is_in_network(&self, scheme: Scheme, address: IpAddr, port: u16) -> bool {
        let granted = |address: IpAddr| {
            let holds = |(of_scheme, of_port, network): &(Scheme, u16, Network)| {
                *of_scheme == scheme && *of_port == port && network.contains(address)
            };
            self.networks.iter().any(holds)
        };
        let harmless = |inner: Ipv4Addr| is_globally_reachable(inner.into()) || granted(inner.into());
        granted(address) && embedded(address).is_none_or(harmless)
    }
}

/// The address that `host` is, if it is one in its only spelling.
fn literal(host: &str) -> Result<Option<IpAddr>, Denied> {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(Some(address.into()));
    }
    let Some(inner) = host.strip_prefix('[') else {
        return Ok(None);
    };
    let inner = inner.strip_suffix(']').unwrap_or_default();
    match inner.parse::<Ipv6Addr>() {
        // An IPv4 address has a spelling of its own.
        Ok(address) if address.to_string() == inner && address.to_ipv4_mapped().is_none() => Ok(Some(address.into())),
        _ => Err(Denied::Spelling { text: host.to_owned() }),
    }
}
