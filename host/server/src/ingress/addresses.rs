//! How many connections each client address has.
//!
//! A network of IPv6 has 2^64 addresses for one client, so a /64 counts as one.
//! Loopback is not counted: who may connect there is already on the machine.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(test)]
mod tests;

/// The connections of one listener by the address they come from.
#[derive(Debug, Default)]
pub struct Addresses(Mutex<HashMap<IpAddr, u32>>);

/// One connection's place in the count; given back when dropped.
#[derive(Debug)]
pub struct Counted {
    addresses: Arc<Addresses>,
    key: IpAddr,
}

impl Addresses {
    /// Counts one more from `address`; nothing if it has `limit` already.
    #[must_use]
    pub fn count(self: &Arc<Self>, address: IpAddr, limit: u32) -> Option<Counted> {
        let key = key(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_insert(0);
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Counted { addresses: Arc::clone(self), key })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}
