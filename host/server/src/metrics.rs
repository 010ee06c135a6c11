//! Counters and gauges of the process, with the names that `/metrics` of the admin plane shows.
//!
//! Labels come from bounded sets only: services that are deployed, and the slugs
//! of `Failure`. A service's own counters are looked up once, at deployment, so
//! that a request only adds to numbers.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use hostel_model::failure::Failure;
use hostel_model::name::ServiceName;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The service a request was for; empty where none was found.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServiceLabel {
    service: String,
}

/// A failure, by the service it happened in.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FailureLabel {
    service: String,
    reason: &'static str,
}

/// Why a connection was closed before it could ask for anything, or a request was not answered.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalLabel {
    reason: &'static str,
}

/// What became of a request to outside.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EgressLabel {
    service: String,
    outcome: &'static str,
}

/// A listener, by the address it is bound to.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ListenerLabel {
    listener: String,
}

/// All of the process's numbers.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<ServiceLabel, Counter>,
    calls: Family<ServiceLabel, Counter>,
    egress_requests: Family<EgressLabel, Counter>,
    egress_denied: Family<FailureLabel, Counter>,
    egress_connections: Gauge,
    failures: Family<FailureLabel, Counter>,
    /// Connections open now.
    pub connections: Gauge,
    connections_refused: Family<RefusalLabel, Counter>,
    admin_denied: Family<RefusalLabel, Counter>,
    /// TLS handshakes that failed, or took too long.
    pub tls_handshakes_failed: Counter,
    certificates_not_after: Family<ListenerLabel, Gauge>,
    /// Access-log lines that could not be written.
    pub log_lines_dropped: Counter,
    instances_live: Gauge,
    instances_started: Counter<u64, SharedCount>,
    pool_instances: Gauge,
    pool_memories: Gauge,
    memory_used: Gauge,
    live_revisions: Gauge,
    taken_back: Family<ServiceLabel, Counter>,
    panics: Counter<u64, SharedCount>,
    guest_log_lines_dropped: Counter<u64, SharedCount>,
}

/// A counter whose value is kept elsewhere and copied in when it is shown.
type SharedCount = AtomicU64;

/// One service's counters.
#[derive(Clone)]
pub struct ServiceMetrics {
    /// Requests from outside.
    pub requests: Counter,
    /// Calls from other services.
    pub calls: Counter,
    failures: Arc<[Counter]>,
}

impl ServiceMetrics {
    /// The counter of one failure.
    pub fn count(&self, failure: Failure) {
        if let Some(counter) =
            Failure::ALL.iter().position(|one| *one == failure).and_then(|place| self.failures.get(place))
        {
            counter.inc();
        }
    }

    /// Requests and calls that ended in a failure, of whatever kind.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.iter().map(Counter::get).sum()
    }
}

/// Counters of what one service asks of hosts outside.
#[derive(Clone)]
pub struct EgressMetrics {
    service: String,
    /// Connections of all services that exist now.
    pub connections: Gauge,
    failed: Counter,
    requests: Family<EgressLabel, Counter>,
    denied: Family<FailureLabel, Counter>,
}

impl EgressMetrics {
    /// What became of one request, a word from a bounded set such as `ok`.
    pub fn became(&self, outcome: &'static str) {
        self.requests.get_or_create(&EgressLabel { service: self.service.clone(), outcome }).inc();
    }

    /// One was refused for `reason`, a word from a bounded set such as `address`.
    pub fn denied(&self, reason: &'static str) {
        self.denied.get_or_create(&FailureLabel { service: self.service.clone(), reason }).inc();
    }

    /// The same of one whose name was granted, and whose address is not: a failure of its service.
    pub fn prohibited(&self, reason: &'static str) {
        self.denied(reason);
        self.failed.inc();
    }

    /// The same before anything was done for it. What failed is for the caller to count.
    pub fn refused(&self, reason: &'static str) {
        self.became("refused");
        self.denied(reason);
    }
}

/// What the gauges show, read from where the numbers live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Stores that exist.
    pub instances_live: u64,
    /// Stores made since the start.
    pub instances_started: u64,
    /// Component instances in the pools.
    pub pool_instances: u64,
    /// Linear memories in the pools.
    pub pool_memories: u64,
    /// Bytes of the memory budget in use.
    pub memory_used: u64,
    /// Panics of the host that were caught.
    pub panics: u64,
    /// Lines of guests that were over a quota.
    pub guest_log_lines_dropped: u64,
    /// Revisions in force, and those whose last requests are not over.
    pub live_revisions: u64,
}

impl Metrics {
    /// All numbers at zero.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("hostel")),
            requests: Family::default(),
            calls: Family::default(),
            egress_requests: Family::default(),
            egress_denied: Family::default(),
            egress_connections: Gauge::default(),
            failures: Family::default(),
            connections: Gauge::default(),
            connections_refused: Family::default(),
            admin_denied: Family::default(),
            tls_handshakes_failed: Counter::default(),
            certificates_not_after: Family::default(),
            log_lines_dropped: Counter::default(),
            instances_live: Gauge::default(),
            instances_started: Counter::default(),
            pool_instances: Gauge::default(),
            pool_memories: Gauge::default(),
            memory_used: Gauge::default(),
            live_revisions: Gauge::default(),
            taken_back: Family::default(),
            panics: Counter::default(),
            guest_log_lines_dropped: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register("requests", "Requests from outside", self.requests.clone());
        registry.register("service_calls", "Calls from service to service", self.calls.clone());
        registry.register("egress_requests", "Requests of services to hosts outside", self.egress_requests.clone());
        registry.register("egress_denied", "Those that were not granted", self.egress_denied.clone());
        let open = self.egress_connections.clone();
        registry.register("egress_open_connections", "Connections to hosts outside, those in the making too", open);
        registry.register("failures", "Requests and calls that ended in a failure", self.failures.clone());
        registry.register("open_connections", "Connections open now", self.connections.clone());
        let refused = self.connections_refused.clone();
        registry.register("connections_refused", "Connections closed before they could ask for anything", refused);
        let denied = self.admin_denied.clone();
        registry.register("admin_denied", "Requests to the admin plane by whoever may not ask it", denied);
        let failed = self.tls_handshakes_failed.clone();
        registry.register("tls_handshakes_failed", "TLS handshakes that failed or took too long", failed);
        let not_after = self.certificates_not_after.clone();
        let help = "When the first certificate of a listener expires, in seconds since 1970";
        registry.register("tls_certificate_not_after_timestamp_seconds", help, not_after);
        registry.register("build", "What was built", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("log_lines_dropped", "Access-log lines not written", self.log_lines_dropped.clone());
        registry.register("instances", "Instances that exist now", self.instances_live.clone());
        registry.register("instances_started", "Instances made", self.instances_started.clone());
        registry.register("pool_instances", "Component instances in the pools", self.pool_instances.clone());
        registry.register("pool_memories", "Linear memories in the pools", self.pool_memories.clone());
        registry.register("memory_budget_used_bytes", "Linear memory in use", self.memory_used.clone());
        let help = "Revisions in force, and those whose last requests are not over";
        registry.register("live_revisions", help, self.live_revisions.clone());
        let help = "Revisions that the host took back by itself";
        registry.register("revisions_taken_back", help, self.taken_back.clone());
        let dropped = self.guest_log_lines_dropped.clone();
        registry.register("guest_log_lines_dropped", "Lines of guests over their quota, not logged", dropped);
        registry.register("host_panics", "Panics of the host that were caught", self.panics.clone());
    }

    /// The counter of connections that were refused for `reason`, a word from a
    /// bounded set such as `address`. Look it up once and keep it.
    #[must_use]
    pub fn connections_refused(&self, reason: &'static str) -> Counter {
        self.connections_refused.get_or_create(&RefusalLabel { reason }).clone()
    }

    /// The counter of requests to the admin plane that were denied for `reason`, a word from a
    /// bounded set such as `token`. Look it up once and keep it.
    #[must_use]
    pub fn admin_denied(&self, reason: &'static str) -> Counter {
        self.admin_denied.get_or_create(&RefusalLabel { reason }).clone()
    }

    /// The counter of the revisions of a service that the host took back.
    #[must_use]
    pub fn taken_back(&self, service: &ServiceName) -> Counter {
        self.taken_back.get_or_create(&ServiceLabel { service: service.as_str().to_owned() }).clone()
    }

    /// The gauge of a listener's certificate that expires first, in seconds since
    /// 1970. There is none for a listener before it is asked for.
    #[must_use]
    pub fn certificate_not_after(&self, listener: std::net::SocketAddr) -> Gauge {
        self.certificates_not_after.get_or_create(&ListenerLabel { listener: listener.to_string() }).clone()
    }

    /// The counters of one service, or of requests for none.
    #[must_use]
    pub fn service(&self, name: Option<&ServiceName>) -> ServiceMetrics {
        let service = name.map(|name| name.as_str().to_owned()).unwrap_or_default();
        let label = ServiceLabel { service: service.clone() };
        let failure = |failure: &Failure| {
            let label = FailureLabel { service: service.clone(), reason: failure.slug() };
            self.failures.get_or_create(&label).clone()
        };
        ServiceMetrics {
            requests: self.requests.get_or_create(&label).clone(),
            calls: self.calls.get_or_create(&label).clone(),
            failures: Failure::ALL.iter().map(failure).collect(),
        }
    }

    /// What counts the requests of a service to hosts outside.
    #[must_use]
    pub fn egress(&self, service: &ServiceName) -> EgressMetrics {
        let service = service.as_str().to_owned();
        let failed = FailureLabel { service: service.clone(), reason: Failure::EgressDenied.slug() };
        EgressMetrics {
            service,
            connections: self.egress_connections.clone(),
            failed: self.failures.get_or_create(&failed).clone(),
            requests: self.egress_requests.clone(),
            denied: self.egress_denied.clone(),
        }
    }

    /// Everything as OpenMetrics text, with the gauges at `levels`.
    #[must_use]
    pub fn text(&self, levels: Levels) -> String {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.instances_live.set(signed(levels.instances_live));
        self.pool_instances.set(signed(levels.pool_instances));
        self.pool_memories.set(signed(levels.pool_memories));
        self.memory_used.set(signed(levels.memory_used));
        self.live_revisions.set(signed(levels.live_revisions));
        for (counter, value) in [
            (&self.instances_started, levels.instances_started),
            (&self.panics, levels.panics),
            (&self.guest_log_lines_dropped, levels.guest_log_lines_dropped),
        ] {
            counter.inner().store(value, std::sync::atomic::Ordering::Relaxed);
        }
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        if encode(&mut text, &registry).is_err() {
            text.clear();
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
