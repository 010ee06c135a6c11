//! What an order needs compiled is compiled before it stands in the queue: one that takes minutes holds up nobody else's.
//!
//! Looked at is what is live at that moment. The deployer decides anew when it
//! comes to the order, and compiles itself what nobody has foreseen; so what is
//! done here may be too little or too much, and never wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostel_model::digest::Digest;
use hostel_model::name::ServiceName;
use hostel_model::platform::Platform;
use hostel_sandbox::{Code, CompileError, Sandbox, TenantShare};
use hostel_storage::StorageError;

use super::order::{Order, What};
use super::{Known, Store};
use crate::live::LiveTable;

/// Code that is ready, and how long that took if it was not before.
pub(super) type Ready = (Arc<Code>, Option<Duration>);

/// What came of compiling ahead.
#[derive(Default)]
pub(super) struct Prepared {
    /// By component.
    pub(super) code: BTreeMap<Digest, Result<Ready, CompileError>>,
    /// Where the only service that is deployed stood when it began: whoever changed it meanwhile was later.
    pub(super) seen: Option<u64>,
}

/// Components of folders that were found to be unusable. The deployer writes it, and nobody tries them again.
#[derive(Clone, Default)]
pub(super) struct Refused(Arc<Mutex<BTreeSet<Digest>>>);

impl Refused {
    /// Nothing but these.
    pub(super) fn are<'a>(&self, known: impl Iterator<Item = &'a Known>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known.filter_map(|known| known.digest).collect();
    }

    fn has(&self, digest: &Digest) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }
}

/// Compiles for orders.
#[derive(Clone)]
pub(super) struct Ahead {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) live: Arc<LiveTable>,
    pub(super) refused: Refused,
    pub(super) platform: Platform,
}

/// What is to be compiled for one order. It holds nothing of the host's but what compiles.
pub(super) struct Errands {
    sandbox: Arc<Sandbox>,
    platform: Platform,
    wanted: BTreeMap<Digest, Wanted>,
    seen: Option<u64>,
}

/// A component, and whose places to compile it takes.
struct Wanted {
    bytes: Arc<[u8]>,
    tenant: Option<Arc<TenantShare>>,
}

impl Ahead {
    /// Whether it is worth looking what `order` needs, which takes time.
    pub(super) fn may_compile(&self, order: &Order) -> bool {
        match &order.what {
            What::Folder { strict, .. } => !strict,
            What::Deploy { services, .. } => services.values().any(|digest| self.sandbox.cached(digest).is_none()),
            _ => false,
        }
    }

    /// What `order` needs that is not compiled; none if it needs nothing.
    pub(super) fn errands(&self, order: &Order, store: &Store) -> Result<Option<Errands>, StorageError> {
        let live = self.live.load();
        let tenant = |name: &ServiceName| live.tenancy.owner(name).map(|tenant| Arc::clone(&tenant.share));
        let (wanted, seen) = match &order.what {
            // A start has nobody whom it would hold up.
            What::Folder { strict: true, .. } => return Ok(None),
            What::Folder { request, .. } => {
                let components = request.services.iter().filter_map(|one| Some((&one.name, one.component.as_ref()?)));
                let mut wanted = BTreeMap::new();
                for (name, component) in components {
                    let digest = Digest::of(component);
                    let stays = live.services.get(name).is_some_and(|service| {
                        let standing = &service.standing;
                        !standing.follows(Some(digest)) || standing.held().any(|revision| revision.digest == digest)
                    });
                    if !stays && !self.refused.has(&digest) {
                        wanted.insert(digest, Wanted { bytes: Arc::clone(component), tenant: tenant(name) });
                    }
                }
                (wanted, None)
            }
            What::Deploy { services, .. } => {
                let mut wanted = BTreeMap::new();
                for (name, digest) in services.iter().filter(|(_, digest)| self.sandbox.cached(digest).is_none()) {
                    match store.artifacts.get(digest) {
                        Ok(bytes) => {
                            wanted.insert(*digest, Wanted { bytes: Arc::from(bytes), tenant: tenant(name) });
                        }
                        // The deployer tells.
                        Err(StorageError::Missing { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                let only = order.what.only_service().filter(|_| !wanted.is_empty());
                let latest = only.map(|service| store.journal.latest(service)).transpose()?;
                (wanted, latest.map(|entry| entry.map_or(0, |entry| entry.sequence)))
            }
            _ => return Ok(None),
        };
        let wanted: BTreeMap<_, _> =
            wanted.into_iter().filter(|(digest, _)| self.sandbox.cached(digest).is_none()).collect();
        let (sandbox, platform) = (Arc::clone(&self.sandbox), self.platform.clone());
        Ok((!wanted.is_empty()).then_some(Errands { sandbox, platform, wanted, seen }))
    }
}

impl Errands {
    /// Compiles, one after the other. Takes minutes at worst.
    pub(super) fn run(self) -> Prepared {
        let clock = self.platform.clock.as_ref();
        let compile = |(digest, Wanted { bytes, tenant }): (Digest, Wanted)| {
            let began = clock.now();
            tracing::info!(digest = digest.short(), bytes = bytes.len(), "compiling");
            let code = self.sandbox.code_for(&bytes, digest, tenant.as_deref());
            (digest, code.map(|code| (code, Some(clock.now().since(began)))))
        };
        Prepared { code: self.wanted.into_iter().map(compile).collect(), seen: self.seen }
    }
}
