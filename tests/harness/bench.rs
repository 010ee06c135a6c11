//! The parts of a host put together by hand, so that a test can deploy while requests are served.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hostel::access_log::AccessLog;
use hostel::deploy::{DeployError, Deployer, Store};
use hostel::dispatch::Dispatcher;
use hostel::dispatch::admission::{Permits, Queue};
use hostel::edge::Listener;
use hostel::ingress::{Door, Ingress, Phase};
use hostel::line_writer::LineWriter;
use hostel::live::{LiveTable, Snapshot};
use hostel::metrics::Metrics;
use hostel::platform::real_platform;
use hostel::record::Recorder;
use hostel_model::name::ServiceName;
use hostel_model::plan::ListenerPlan;
use hostel_sandbox::Sandbox;
use hostel_storage::{Artifacts, Journal, KeyValue, StateFolder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use super::{Answer, Captured, Harness, Request};

/// Connections at once; more than any test makes.
const CONNECTIONS: usize = 100;

/// A deployer with what it writes to, and a listener that serves what is live.
pub struct Bench {
    pub deployer: Deployer,
    pub live: Arc<LiveTable>,
    pub store: Arc<Store>,
    pub sandbox: Arc<Sandbox>,
    pub log: Captured,
    pub folder: StateFolder,
    address: SocketAddr,
    _phase: watch::Sender<Phase>,
    _runtime: Runtime,
    _state: TempDir,
}

impl Bench {
    /// With nothing deployed.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let platform = real_platform(runtime.handle().clone());
        let state = TempDir::new().unwrap();
        let folder = StateFolder::open(state.path()).unwrap();
        let store = Arc::new(Store {
            artifacts: Artifacts::open(&folder.artifacts()).unwrap(),
            journal: Journal::open(&folder.control()).unwrap(),
            keyvalue: KeyValue::open(&folder.guests(), &platform).unwrap(),
        });
        let limits = Harness::new().limits;
        let sandbox = Arc::new(Sandbox::start(&limits, 1 << 30, &platform).unwrap());
        let (metrics, live) = (Arc::new(Metrics::new()), Arc::new(LiveTable::default()));
        let log = Captured::default();
        let lines = LineWriter::start("log", Box::new(log.clone()), metrics.log_lines_dropped.clone(), &platform);
        let clock = Arc::clone(&platform.clock);
        let dispatcher = Arc::new(Dispatcher {
            live: Arc::clone(&live),
            recorder: Recorder { clock, log: AccessLog(lines.unwrap()), unrouted: metrics.service(None) },
            platform: platform.clone(),
            instances: Permits::new(limits.instances),
            instance_queue: Queue::new(u32::MAX),
        });
        let (phase, watched) = watch::channel(Phase::Serving);
        let ingress = Ingress {
            dispatcher,
            sandbox: Arc::clone(&sandbox),
            metrics: Arc::clone(&metrics),
            platform: platform.clone(),
            phase: watched,
            descriptors: Arc::new(Semaphore::new(CONNECTIONS)),
        };
        let socket = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = socket.local_addr().unwrap();
        let plan = ListenerPlan::all(address);
        let door = Door {
            socket,
            listener: Arc::new(Listener::of(&plan, 0, address.port(), None)),
            tls: None,
            h2c: false,
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            addresses: Arc::default(),
        };
        runtime.spawn(ingress.serve(door));
        let deployer = Deployer::new(Arc::clone(&sandbox), Arc::clone(&live), Arc::clone(&store), metrics, platform);
        Self { deployer, live, store, sandbox, log, folder, address, _phase: phase, _runtime: runtime, _state: state }
    }

    /// Deploys what `scenario` serves.
    pub fn deploy(&mut self, scenario: &Harness) -> Result<Arc<Snapshot>, DeployError> {
        self.deployer.deploy(scenario.request(), &|_| {})
    }

    /// The live revision of each service.
    pub fn revisions(&self) -> BTreeMap<String, String> {
        let snapshot = self.live.load();
        let revision = |name: &ServiceName| snapshot.services[name].compiled.revision.number.to_string();
        snapshot.services.keys().map(|name| (name.to_string(), revision(name))).collect()
    }

    /// A request to its listener.
    pub fn request(&self, path: &str) -> Request {
        Request::new(self.address, "GET", path)
    }

    /// The answer to `GET` of `path`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.request(path).send()
    }

    /// Everything on disk that a deployment may change, as text to compare.
    pub fn on_disk(&self) -> (Vec<String>, Vec<PathBuf>) {
        let entries = self.store.journal.entries().unwrap().iter().map(|entry| format!("{entry:?}")).collect();
        let files = std::fs::read_dir(self.folder.artifacts()).unwrap();
        let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        (entries, files)
    }
}
