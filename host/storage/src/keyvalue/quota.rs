//! What several services may keep together: the quota of a tenant.
//!
//! Nothing is counted here. The sum is that of the services' rows in the table of usage, read in the
//! transaction that writes, so it is right after any crash, and whichever services the tenant has.

use std::sync::{Mutex, PoisonError};

use hostel_model::tenant::ServicePattern;
use hostel_model::units::ByteSize;

/// Bytes that services may keep together, shared by the buckets of all of them.
#[derive(Debug)]
pub struct SharedQuota(Mutex<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    services: ServicePattern,
    bytes: Option<ByteSize>,
}

impl SharedQuota {
    /// At most `bytes` of all `services`, or any number.
    #[must_use]
    pub fn new(services: ServicePattern, bytes: Option<ByteSize>) -> Self {
        Self(Mutex::new(Rule { services, bytes }))
    }

    /// From the next write on other numbers hold.
    pub fn change(&self, services: ServicePattern, bytes: Option<ByteSize>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Rule { services, bytes };
    }

    /// Whose sum is bounded, and by how much; nothing where there is no bound.
    pub(super) fn bound(&self) -> Option<(ServicePattern, ByteSize)> {
        let rule = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rule.bytes.map(|bytes| (rule.services.clone(), bytes))
    }
}
