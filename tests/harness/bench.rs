//! The parts of a host put together by hand, so that a test can deploy while requests are served.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hostel::access_log::AccessLog;
use hostel::deploy::{Author, DeployError, Deployer, Done, Order, Store, What};
use hostel::dispatch::Dispatcher;
use hostel::dispatch::admission::{Permits, Queue};
use hostel::edge::Listener;
use hostel::egress::{Egress, EgressSettings};
use hostel::ingress::{Door, Ingress, Inside, Phase};
use hostel::line_writer::LineWriter;
use hostel::live::LiveTable;
use hostel::metrics::Metrics;
use hostel::platform::real_platform;
use hostel::record::Recorder;
use hostel_model::name::ServiceName;
use hostel_model::plan::ListenerPlan;
use hostel_model::platform::Platform;
use hostel_model::rollout::Weight;
use hostel_model::units::ByteSize;
use hostel_sandbox::{CompileWith, Sandbox};
use hostel_storage::{Artifacts, Journal, KeyValue, StateFolder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use super::{Answer, Captured, Harness, Request, compile_with};

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
    platform: Platform,
    address: SocketAddr,
    _phase: watch::Sender<Phase>,
    _runtime: Runtime,
    _state: TempDir,
}

impl Bench {
    /// With nothing deployed.
    pub fn new() -> Self {
        Self::with_memory(ByteSize::GIB)
    }

    /// The same with so much memory for all instances.
    pub fn with_memory(budget: ByteSize) -> Self {
        Self::with(budget, compile_with())
    }

    /// The same with another program that compiles.
    pub fn compiling(compile_with: CompileWith) -> Self {
        Self::with(ByteSize::GIB, compile_with)
    }

    fn with(budget: ByteSize, compile_with: CompileWith) -> Self {
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
        let sandbox = Arc::new(Sandbox::start(&limits, budget.0, compile_with, &platform).unwrap());
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
            egress: Arc::new(Egress::new(EgressSettings::default(), platform.clone(), Arc::new(Semaphore::new(0)))),
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
        let inside = Inside {
            listener: Arc::new(Listener::of(&plan, 0, address.port(), None)),
            tls: None,
            h2c: false,
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            addresses: Arc::default(),
        };
        let door = Door { socket, inherited: false, inside };
        runtime.spawn(ingress.serve(door));
        let memory_max = limits.memory_max;
        let deployer = Deployer::new(
            Arc::clone(&sandbox),
            Arc::clone(&live),
            Arc::clone(&store),
            metrics,
            platform.clone(),
            memory_max,
        );
        let deployer = deployer.unwrap();
        Self {
            deployer,
            live,
            store,
            sandbox,
            log,
            folder,
            platform,
            address,
            _phase: phase,
            _runtime: runtime,
            _state: state,
        }
    }

    /// Deploys what `scenario` serves, all of it or nothing.
    pub fn deploy(&mut self, scenario: &Harness) -> Result<Done, DeployError> {
        self.follow(scenario, true)
    }

    /// Deploys what `scenario` serves, as a folder says it.
    pub fn follow(&mut self, scenario: &Harness, strict: bool) -> Result<Done, DeployError> {
        let what = What::Folder { request: scenario.request(), strict };
        self.deployer.carry_out(Order { what, by: Author::Folder, dry_run: false, if_version: None })
    }

    /// Has somebody at the admin plane ask for `what`.
    pub fn ask(&mut self, what: What) -> Result<Done, DeployError> {
        self.order(what, false, None)
    }

    /// The same, with all that can be said besides.
    pub fn order(&mut self, what: What, dry_run: bool, if_version: Option<u64>) -> Result<Done, DeployError> {
        self.deployer.carry_out(Order { what, by: Author::Token, dry_run, if_version })
    }

    /// Deploys `bytes` by command.
    pub fn command_bytes(&mut self, name: &str, bytes: &[u8], weight: Option<u8>) -> Result<Done, DeployError> {
        let digest = self.store.artifacts.put(bytes).unwrap();
        let services = BTreeMap::from([(ServiceName::parse(name).unwrap(), digest)]);
        self.ask(What::Deploy { services, weight: weight.map(|percent| Weight::of(percent).unwrap()) })
    }

    /// Everything forgotten but what is on disk, as after a restart.
    pub fn restart(&mut self) {
        self.live = Arc::default();
        let (metrics, memory_max) = (Arc::new(Metrics::new()), Harness::new().limits.memory_max);
        let (sandbox, live, store) = (Arc::clone(&self.sandbox), Arc::clone(&self.live), Arc::clone(&self.store));
        self.deployer = Deployer::new(sandbox, live, store, metrics, self.platform.clone(), memory_max).unwrap();
    }

    /// The same, with nothing compiled yet.
    pub fn restart_without_code(&mut self, compile_with: CompileWith) {
        let (limits, budget) = (Harness::new().limits, ByteSize::GIB.0);
        self.sandbox = Arc::new(Sandbox::start(&limits, budget, compile_with, &self.platform).unwrap());
        self.restart();
    }

    /// The live revision of each service.
    pub fn revisions(&self) -> BTreeMap<String, String> {
        let snapshot = self.live.load();
        let revision = |name: &ServiceName| snapshot.services[name].standing.live.unwrap().number.to_string();
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
