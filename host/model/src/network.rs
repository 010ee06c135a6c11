//! A range of IP addresses, as in `10.0.0.0/8`: which peers are meant.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[cfg(test)]
mod tests;

/// Bits of an IPv4 address.
const V4_BITS: u8 = 32;
/// Bits of an IPv6 address.
const V6_BITS: u8 = 128;
/// Bits that all IPv4 addresses in IPv6 form begin with.
const MAPPED_BITS: u8 = V6_BITS - V4_BITS;

/// Why a text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No IP address before the `/`.
    #[error("`{text}` is not a network; write an address and the bits that count, as in `10.0.0.0/8` or `fd00::/8`")]
    Address {
        /// The text as given.
        text: String,
    },
    /// No number after the `/`, or more than the address has bits.
    #[error("`{text}` does not say how many bits count; write `{address}/` and a number from 0 to {most}")]
    Bits {
        /// The text as given.
        text: String,
        /// Its address.
        address: IpAddr,
        /// The bits of such an address.
        most: u8,
    },
    /// An address that is inside the network and not its first.
    #[error("`{text}` has bits set beyond the first {bits}; write `{meant}`, or `{address}` for that address alone")]
    Beyond {
        /// The text as given.
        text: String,
        /// How many bits count.
        bits: u8,
        /// The network that was probably meant.
        meant: Network,
        /// The address itself.
        address: IpAddr,
    },
}

/// All addresses that begin with the same bits (CIDR, RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    /// The first of them; never an IPv4 address in IPv6 form.
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8` or one address.
    ///
    /// # Errors
    /// When it is none of these, or has bits set that do not count.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (written, length) = match text.split_once('/') {
            Some((written, length)) => (written, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = written.parse().map_err(|_| NetworkError::Address { text: text.to_owned() })?;
        let most = size(address);
        let bits = match length {
            None => most,
            // `parse` alone would take `+8`.
            Some(length) => Some(length)
                .filter(|length| length.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|length| length.parse().ok())
                .filter(|bits| *bits <= most)
                .ok_or_else(|| NetworkError::Bits { text: text.to_owned(), address, most })?,
        };
        let first = first(address, bits);
        if first != address {
            let meant = Self { address: first, bits };
            return Err(NetworkError::Beyond { text: text.to_owned(), bits, meant, address });
        }
        // Peers are compared as IPv4 addresses, so the network has to be one too.
        Ok(match address.to_canonical() {
            mapped if mapped != address && bits >= MAPPED_BITS => Self { address: mapped, bits: bits - MAPPED_BITS },
            _ => Self { address, bits },
        })
    }

    /// Whether its addresses are IPv4 addresses.
    #[must_use]
    pub fn is_ipv4(self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether `address` is one of them; an IPv4 address in IPv6 form counts as IPv4.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && first(address, self.bits) == self.address
    }
}

impl fmt::Display for Network {
    /// As it is read; a network of one address without its bits.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == size(self.address) {
            write!(out, "{}", self.address)
        } else {
            write!(out, "{}/{}", self.address, self.bits)
        }
    }
}

fn size(address: IpAddr) -> u8 {
    if address.is_ipv4() { V4_BITS } else { V6_BITS }
}

/// The address with all but its first `bits` bits zero.
fn first(address: IpAddr, bits: u8) -> IpAddr {
    let rest = u32::from(size(address).saturating_sub(bits));
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(rest).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(rest).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}
