//! Which of two revisions a root request gets: drawn once, from what is known of the request.
//!
//! One lot serves the whole tree of calls below a root request, but every service
//! reads it in its own way, so that the shares of two services do not coincide.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use hostel_model::name::ServiceName;
use hostel_model::rollout::Sticky;
use http::HeaderMap;
use http::header::COOKIE;

/// The cookie that keeps a client with one revision, where `sticky = "cookie"`.
/// It holds a lot and nothing else; a client that changes it only draws anew.
pub const COOKIE_NAME: &str = "hostel-lot";

/// What a root request's lots are drawn from, and what was drawn.
#[derive(Debug)]
pub struct Lots {
    request: u64,
    address: u64,
    cookie: Option<u64>,
    /// Whether a cookie was asked for that was not there.
    cookie_missed: AtomicBool,
    /// Services that were asked for, and whether the candidate serves.
    drawn: Mutex<Vec<(ServiceName, bool)>>,
}

impl Lots {
    /// Of the request with this id, headers and client.
    #[must_use]
    pub fn of(id: &str, headers: &HeaderMap, client: IpAddr) -> Self {
        let client = match client.to_canonical() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        Self {
            request: hash(id.as_bytes()),
            address: hash(&client.to_le_bytes()),
            cookie: cookie(headers),
            cookie_missed: AtomicBool::new(false),
            drawn: Mutex::default(),
        }
    }

    /// The lot of a service with this `salt`.
    #[must_use]
    pub fn for_service(&self, sticky: Sticky, salt: u64) -> u64 {
        let lot = match sticky {
            Sticky::None => self.request,
            Sticky::Cookie => self.cookie.unwrap_or_else(|| {
                self.cookie_missed.store(true, Ordering::Relaxed);
                self.request
            }),
            Sticky::Address => self.address,
        };
        mix(lot ^ salt)
    }

    /// What serves the first time that `service` is asked for serves every time: the candidate
    /// if `leave` gives leave to run in it. Gives that leave, and whether it is the candidate that serves.
    pub fn settle<L>(&self, service: &ServiceName, leave: impl FnOnce() -> Option<L>) -> (bool, Option<L>) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, candidate)) = drawn.iter().find(|(name, _)| name == service) {
            return (*candidate, None);
        }
        let leave = leave();
        drawn.push((service.clone(), leave.is_some()));
        (leave.is_some(), leave)
    }

    /// The cookie to set for a client that needed one and has none: its next requests draw what this one drew.
    #[must_use]
    pub fn cookie_to_set(&self, secure: bool) -> Option<String> {
        let secure = if secure { "; Secure" } else { "" };
        let text = || format!("{COOKIE_NAME}={:016x}; Path=/; HttpOnly; SameSite=Lax{secure}", self.request);
        self.cookie_missed.load(Ordering::Relaxed).then(text)
    }
}

/// The lot in a client's cookie.
fn cookie(headers: &HeaderMap) -> Option<u64> {
    let fields = headers.get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
    let pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let value = pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value).next()?;
    u64::from_str_radix(value, 16).ok().filter(|_| value.len() == 16)
}

/// FNV-1a, keyed by chance: clients cannot find out which address gets which revision.
fn hash(bytes: &[u8]) -> u64 {
    static KEY: OnceLock<u64> = OnceLock::new();
    let key = *KEY.get_or_init(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "lots"));
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325 ^ key, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Spreads neighbours (Stafford's thirteenth mix, the end of SplitMix64).
fn mix(mut lot: u64) -> u64 {
    lot = (lot ^ (lot >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    lot = (lot ^ (lot >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    lot ^ (lot >> 31)
}

#[cfg(test)]
mod tests;
