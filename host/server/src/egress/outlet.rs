//! The way out of one service under one policy: what it may reach, its connections, and who was there before it.
//!
//! A deployment makes an outlet long before it is live, and may yet fail. So an outlet
//! takes over from the ones before it when it is first used, not when it is made: what
//! they have resting counts among its own connections and is closed then.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use hostel_model::egress::{Outbound, Policy};
use hostel_model::platform::Monotonic;
use tokio_rustls::TlsConnector;

use super::pool::Pool;
use super::resolver::Known;
use super::roots::Roots;
use super::slot::Places;
use crate::metrics::EgressMetrics;

/// The pools of one service, the oldest first.
type Line = Arc<Mutex<Vec<Weak<Pool>>>>;

/// The way out of one service under one policy: its connections, and how many there may be.
pub struct Outlet {
    /// What may be reached.
    pub(super) policy: Policy,
    connections: u32,
    pub(super) places: Places,
    pub(super) pool: Arc<Pool>,
    line: Line,
    /// Whether it has closed what those before it kept.
    took_over: AtomicBool,
    /// Where names are, for this service alone.
    pub(super) known: Known,
    tls: OnceLock<TlsConnector>,
    /// What became of its requests.
    pub(crate) metrics: EgressMetrics,
}

impl Outlet {
    /// For a service that is granted `outbound` and so many connections at once: the
    /// one it has already, if that is no other. What it has open counts on where
    /// only its grants are others; where it may have another number, a new count begins.
    #[must_use]
    pub fn of(
        outbound: &BTreeSet<Outbound>,
        connections: u32,
        metrics: EgressMetrics,
        current: Option<&Arc<Self>>,
    ) -> Arc<Self> {
        let policy = Policy::of(outbound);
        let same = current.filter(|current| current.connections == connections);
        if let Some(current) = same.filter(|current| current.policy == policy) {
            return Arc::clone(current);
        }
        let places = same.map_or_else(|| Places::new(connections), |same| same.places.clone());
        let pool = Arc::new(Pool::new(places.changed()));
        let line = current.map_or_else(Line::default, |current| Arc::clone(&current.line));
        let mut pools = line.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(&pool));
        drop(pools);
        let took_over = AtomicBool::new(false);
        let (known, tls) = (Known::default(), OnceLock::new());
        Arc::new(Self { policy, connections, places, pool, line, took_over, known, tls, metrics })
    }

    /// What may be reached through it.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Closes connections that have rested too long. Only for one that is live.
    pub fn expire_idle(&self, now: Monotonic) {
        self.takes_over();
        self.pool.expire(now);
    }

    /// From now on connections are kept here, and nowhere else for this service.
    pub(super) fn takes_over(&self) {
        if self.took_over.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut pools = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        // One that came after this has taken its place in the line away.
        let own = pools.iter().position(|pool| std::ptr::eq(pool.as_ptr(), Arc::as_ptr(&self.pool)));
        let before: Vec<_> = pools.drain(..own.unwrap_or_default()).collect();
        drop(pools);
        before.iter().filter_map(Weak::upgrade).for_each(|pool| pool.retire());
    }

    /// Its own, so that no session is taken up again by somebody else.
    pub(super) fn tls(&self, roots: &Roots) -> &TlsConnector {
        self.tls.get_or_init(|| roots.connector())
    }
}
