//! Which components a tenant has brought: what it may name in a deployment besides what its services have had.
//!
//! A digest is no secret. Without this, who has seen that of another's component could
//! have it run, and learn from the answer that it is there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hostel_model::digest::Digest;
use hostel_model::platform::Monotonic;
use hostel_model::tenant::TenantName;

/// As long as a component is kept that nobody has deployed.
const KEPT: Duration = Duration::from_hours(1);
/// Components of one tenant that are remembered; the oldest is forgotten first.
const EACH_MAX: usize = 256;

/// What tenants have uploaded of late. After a restart they upload again.
#[derive(Default)]
pub(super) struct Uploaded(Mutex<BTreeMap<TenantName, VecDeque<(Digest, Monotonic)>>>);

impl Uploaded {
    /// `tenant` has brought the component with this digest.
    pub(super) fn note(&self, tenant: &TenantName, digest: Digest, now: Monotonic) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.entry(tenant.clone()).or_default();
        own.retain(|(known, at)| *known != digest && now.since(*at) <= KEPT);
        own.push_back((digest, now));
        if own.len() > EACH_MAX {
            own.pop_front();
        }
    }

    /// Whether it has.
    pub(super) fn has(&self, tenant: &TenantName, digest: &Digest, now: Monotonic) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.get(tenant).and_then(|own| own.iter().find(|(known, _)| known == digest));
        found.is_some_and(|(_, at)| now.since(*at) <= KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_what_it_brought_for_an_hour_and_only_so_much() {
        let uploaded = Uploaded::default();
        let [acme, beta] = ["acme", "beta"].map(|name| TenantName::parse(name).unwrap());
        let at = |seconds| Monotonic(Duration::from_secs(seconds));
        let digest = |number: u64| Digest::of(&number.to_le_bytes());
        uploaded.note(&acme, digest(0), at(0));
        assert!(uploaded.has(&acme, &digest(0), at(3_600)) && !uploaded.has(&beta, &digest(0), at(0)));
        assert!(!uploaded.has(&acme, &digest(0), at(3_601)) && !uploaded.has(&acme, &digest(1), at(0)));
        // Brought once more it counts from then on.
        uploaded.note(&acme, digest(0), at(3_000));
        assert!(uploaded.has(&acme, &digest(0), at(6_600)));
        for number in 1..=256 {
            uploaded.note(&acme, digest(number), at(3_001));
        }
        assert!(!uploaded.has(&acme, &digest(0), at(3_001)) && uploaded.has(&acme, &digest(1), at(3_001)));
    }
}
