//! What is counted and measured of a host, and the thread that keeps certificates up to date.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hostel_model::platform::Platform;
use hostel_sandbox::Sandbox;

use super::{ListenerSettings, StartError};
use crate::hardening::{Slots, SwapWatch, Unclean};
use crate::live::LiveTable;
use crate::metrics::{Levels, Metrics};
use crate::tls::ListenerTls;

/// Everything that is counted or measured.
pub(super) struct Numbers {
    sandbox: Arc<Sandbox>,
    live: Arc<LiveTable>,
    /// The counters that others add to.
    pub(super) metrics: Arc<Metrics>,
    /// How slots are cleaned now.
    pub(super) slots: Arc<Slots>,
    /// Whether they still can be: watched for as long as anybody counts.
    pub(super) unclean: Unclean,
    _swap: SwapWatch,
    certificates: Vec<(SocketAddr, Arc<ListenerTls>)>,
}

impl Numbers {
    pub(super) fn new(
        sandbox: &Arc<Sandbox>,
        live: &Arc<LiveTable>,
        listeners: &[ListenerSettings],
        addresses: &[SocketAddr],
        platform: &Platform,
    ) -> Result<Self, StartError> {
        let certificates = listeners.iter().zip(addresses);
        let slots = Arc::new(Slots::new(sandbox.cleaning()));
        let (swap, unclean) = SwapWatch::start(sandbox, &slots, platform).map_err(StartError::Thread)?;
        Ok(Self {
            sandbox: Arc::clone(sandbox),
            live: Arc::clone(live),
            metrics: Arc::new(Metrics::new()),
            slots,
            unclean,
            _swap: swap,
            certificates: certificates
                .filter_map(|(listener, address)| Some((*address, Arc::clone(listener.tls.as_ref()?))))
                .collect(),
        })
    }

    pub(super) fn levels(&self) -> Levels {
        let (counters, pool) = (self.sandbox.counters(), self.sandbox.pool_use());
        Levels {
            instances_live: counters.live.load(Ordering::Relaxed),
            instances_started: counters.started.load(Ordering::Relaxed),
            pool_instances: pool.component_instances,
            pool_memories: pool.memories,
            memory_used: self.sandbox.memory_budget().used(),
            panics: counters.panics.load(Ordering::Relaxed),
            guest_log_lines_dropped: counters.log_lines_dropped.load(Ordering::Relaxed),
            live_revisions: self.live.revisions_alive() as u64,
        }
    }

    pub(super) fn text(&self) -> String {
        for (address, tls) in &self.certificates {
            self.metrics.certificate_not_after(*address).set(tls.not_after());
        }
        self.metrics.text(self.levels())
    }
}

/// The thread that reads certificates again; it ends soon after this is dropped.
pub(super) struct Watching(Arc<AtomicBool>);

impl Watching {
    pub(super) fn start(listeners: &[ListenerSettings], platform: &Platform) -> Result<Self, StartError> {
        let stop = Arc::new(AtomicBool::new(false));
        let watched: Vec<_> = listeners.iter().filter_map(|listener| listener.tls.clone()).collect();
        if !watched.is_empty() {
            let (clock, told) = (Arc::clone(&platform.clock), Arc::clone(&stop));
            let body = Box::new(move || crate::tls::watch(watched, clock, told));
            platform.spawn.thread("hostel-tls", body).map_err(StartError::Thread)?;
        }
        Ok(Self(stop))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
