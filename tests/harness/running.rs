//! A host at work, which proves when it is dropped that nothing leaked and nothing panicked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hostel::deploy::{Author, Order, What};
use hostel::host::{Host, HostSettings, ListenerSettings};
use hostel::metrics::Levels;
use hostel::platform::real_platform;
use hostel::sockets::Inherited;
use hostel::tls::ListenerTls;
use hostel_model::name::ServiceName;
use hostel_model::plan::{Isolation, ListenerPlan};
use hostel_model::rollout::Weight;
use hostel_sandbox::CompileWith;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Answer, Captured, Connection, Harness, Request, compile_with, eventually};

/// A host in this process, with a runtime and a state folder of its own.
pub struct Running {
    host: Option<Host>,
    runtime: Runtime,
    log: Captured,
    reuses: bool,
    _state: Option<TempDir>,
}

impl Running {
    #[track_caller]
    pub(super) fn start(harness: Harness) -> Self {
        let reuses = harness.services.iter().any(|service| service.isolation != Isolation::Request);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let log = Captured::default();
        let own = harness.state.is_none().then(|| TempDir::new().unwrap());
        let folder = harness.state.clone().or_else(|| own.as_ref().map(|own| own.path().to_owned())).unwrap();
        let settings = HostSettings {
            deploy: harness.request(),
            egress: harness.egress.clone(),
            limits: harness.limits,
            listeners: harness.listeners.into_iter().map(|plan| listener(plan, &folder)).collect(),
            admin_socket: None,
            admin_address: harness.admin,
            access_log: Box::new(log.clone()),
            inherited: Inherited::default(),
            compile_with: CompileWith { limits: harness.compile, ..compile_with() },
        };
        let platform = real_platform(runtime.handle().clone());
        let host = runtime.block_on(Host::start(settings, &folder, platform));
        let host = host.unwrap_or_else(|error| panic!("the host does not start: {error}"));
        Self { host: Some(host), runtime, log, reuses, _state: own }
    }

    /// The host itself.
    pub fn host(&self) -> &Host {
        self.host.as_ref().expect("the host must run")
    }

    /// Where the first listener is.
    pub fn address(&self) -> SocketAddr {
        self.host().addresses()[0]
    }

    /// A request to the first listener.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address(), method, path)
    }

    /// The answer to `GET` of `path`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    /// A raw connection to the first listener.
    pub fn connect(&self) -> Connection {
        Connection::to(self.address())
    }

    /// What the gauges show.
    pub fn levels(&self) -> Levels {
        self.host().levels()
    }

    /// The value of a metric by its name and labels as they are written.
    pub fn metric(&self, line: &str) -> Option<f64> {
        let text = self.host().metrics_text();
        text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' ')?.parse().ok())
    }

    /// How many requests and calls of `service` failed as `slug`.
    pub fn failures(&self, service: &str, slug: &str) -> u64 {
        let line = format!("hostel_failures_total{{service=\"{service}\",reason=\"{slug}\"}}");
        self.metric(&line).unwrap_or_default() as u64
    }

    /// Deploys `bytes` as `hostel deploy` would.
    #[track_caller]
    pub fn deploy_bytes(&self, name: &str, bytes: &[u8], weight: Option<u8>) {
        let deployer = self.host().deployer();
        let digest = deployer.store().artifacts.put(bytes).unwrap();
        let services = BTreeMap::from([(ServiceName::parse(name).unwrap(), digest)]);
        let what = What::Deploy { services, weight: weight.map(|percent| Weight::of(percent).unwrap()) };
        let order = Order { what, by: Author::Token, dry_run: false, if_version: None };
        deployer.ask_from_thread(order).unwrap_or_else(|error| panic!("{error}"));
    }

    /// The access log.
    pub fn log(&self) -> &Captured {
        &self.log
    }

    /// The line of the request from outside with this id, waiting for it.
    #[track_caller]
    pub fn log_line_for(&self, id: &str) -> Value {
        self.log.json_line(&format!("the line of request {id}"), |line| line["id"] == id && line["kind"] == "request")
    }

    /// The line of the call to `service` below the request with this id, waiting for it.
    #[track_caller]
    pub fn call_line_for(&self, id: &str, service: &str) -> Value {
        self.log.json_line(&format!("the line of the call to {service} below {id}"), |line| {
            line["id"] == id && line["kind"] == "call" && line["service"] == service
        })
    }

    /// Stops it as a signal would.
    pub fn stop(mut self) {
        self.shut_down();
    }

    /// Whether no instance works or holds memory. Instances kept for reuse may wait.
    pub fn is_idle(&self) -> bool {
        let levels = self.levels();
        if self.reuses {
            return levels.instances_live == levels.pool_instances;
        }
        levels.instances_live == 0 && levels.pool_instances == 0 && levels.memory_used == 0
    }

    fn shut_down(&mut self) {
        let Some(host) = self.host.take() else {
            return;
        };
        let done =
            self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), host.shutdown()).await });
        assert!(done.is_ok() || std::thread::panicking(), "the host did not stop");
    }
}

/// A listener with the certificates that its plan names.
fn listener(plan: ListenerPlan, root: &Path) -> ListenerSettings {
    let tls = plan.tls.as_ref().map(|tls| ListenerTls::load(tls, root).unwrap_or_else(|error| panic!("{error}")));
    ListenerSettings { plan, tls }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.host.is_some() && !std::thread::panicking() {
            eventually("no instance is left, nor memory of one", || self.is_idle());
            assert_eq!(self.levels().panics, 0, "the host panicked");
        }
        self.shut_down();
    }
}
