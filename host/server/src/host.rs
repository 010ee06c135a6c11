//! The composition root: makes every part, hands each what it needs, and takes them down in order.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use hostel_model::limits::HostLimits;
use hostel_model::name::ServiceName;
use hostel_model::platform::Platform;
use hostel_sandbox::{Sandbox, SandboxError};
use hostel_storage::{Artifacts, Journal, KeyValue, StateFolder, StorageError};
use thiserror::Error;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::access_log::AccessLog;
use crate::admin::readiness::{BEAT_EVERY, Check, Readiness};
use crate::admin::{Admin, AdminError, AdminSettings, AdminState, ServedListener, TOKEN_NAME};
use crate::deploy::{DeployError, DeployRequest, Deployer, Store};
use crate::dispatch::Dispatcher;
use crate::dispatch::admission::{Permits, Queue};
use crate::host::doors::Doors;
use crate::host::numbers::{Numbers, Watching};
use crate::ingress::{Ingress, Phase};
use crate::line_writer::{LineOutput, LineWriter};
use crate::live::{LiveTable, Snapshot};
use crate::machine::{connections_max, memory_bytes};
use crate::metrics::{Levels, Metrics};
use crate::record::Recorder;

pub use doors::ListenerSettings;

mod doors;
mod numbers;

/// How often instances that wait for reuse are looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(5);
/// What is left to be dropped after the drain, and lines to be written, get so long.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Everything a host is started with.
pub struct HostSettings {
    /// Bounds of the process.
    pub limits: HostLimits,
    /// Where to listen.
    pub listeners: Vec<ListenerSettings>,
    /// Where the host is administered; `None` is the socket in the state folder.
    pub admin_socket: Option<PathBuf>,
    /// A TCP address for the same.
    pub admin_address: Option<SocketAddr>,
    /// What to serve.
    pub deploy: DeployRequest,
    /// Where access-log lines go.
    pub access_log: LineOutput,
}

/// Why a host did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Somebody else listens there.
    #[error("the address `{address}` is taken; stop what listens there, or change `address` of the listener")]
    AddressTaken {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`; give an address of this machine, and a port you may use")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The state folder.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The services.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The admin plane.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The system.
    #[error("cannot start a thread; raise the limit of threads")]
    Thread(#[source] io::Error),
    /// The host itself panicked; the log says where.
    #[error("the host panicked while it deployed; this is a bug worth reporting with the log")]
    Bug,
}

/// What the admin plane tells of, shared with those who change it.
struct Parts {
    live: Arc<LiveTable>,
    numbers: Arc<Numbers>,
    readiness: Arc<Readiness>,
    listeners: Arc<OnceLock<Vec<ServedListener>>>,
}

impl Parts {
    /// Of a host whose configuration is valid and whose databases are open.
    fn new(numbers: Numbers, platform: &Platform) -> Self {
        let readiness = Readiness::new(Arc::clone(&platform.clock));
        readiness.holds(Check::Configuration);
        readiness.holds(Check::Storage);
        let (live, listeners) = (Arc::default(), Arc::default());
        Self { live, numbers: Arc::new(numbers), readiness: Arc::new(readiness), listeners }
    }

    fn told(&self, limits: &HostLimits, platform: &Platform) -> AdminState {
        let numbers = Arc::clone(&self.numbers);
        AdminState {
            live: Arc::clone(&self.live),
            metrics: Arc::clone(&self.numbers.metrics),
            metrics_text: Box::new(move || numbers.text()),
            readiness: Arc::clone(&self.readiness),
            listeners: Arc::clone(&self.listeners),
            host_limits: limits.clone(),
            clock: Arc::clone(&platform.clock),
            started: platform.clock.now(),
        }
    }
}

/// A running host.
pub struct Host {
    addresses: Vec<SocketAddr>,
    schemes: Vec<&'static str>,
    live: Arc<LiveTable>,
    store: Arc<Store>,
    numbers: Arc<Numbers>,
    dispatcher: Arc<Dispatcher>,
    access_log: AccessLog,
    platform: Platform,
    phase: watch::Sender<Phase>,
    /// Of each door, with how many there may be.
    connections: Vec<(Arc<Semaphore>, u32)>,
    drain: Duration,
    readiness: Arc<Readiness>,
    admin: Admin,
    certificates: Watching,
    _deployer: Mutex<Deployer>,
}

/// What is told while a host starts.
pub type Progress = Box<dyn Fn(&ServiceName) + Send>;

impl Host {
    /// Binds, deploys, then serves. Returns once every route answers.
    ///
    /// # Errors
    /// The first thing that keeps it from serving; nothing is left running.
    pub async fn start(
        settings: HostSettings,
        state: &Path,
        platform: Platform,
        progress: Progress,
    ) -> Result<Self, StartError> {
        let HostSettings { limits, listeners, admin_socket, admin_address, deploy, access_log } = settings;
        let most = connections_at_most(&listeners);
        let Doors { doors, addresses, connections } = Doors::open(&listeners, most)?;
        let store = Arc::new(open_store(state, &platform)?);
        let budget = limits.memory_budget.map_or_else(|| memory_bytes() / 2, |budget| budget.0);
        let sandbox = Arc::new(Sandbox::start(&limits, budget, &platform)?);
        tracing::debug!(slots = ?sandbox.reset_mode(), "sandbox is ready");
        let parts = Parts::new(Numbers::new(&sandbox, &listeners, &addresses), &platform);
        let at = admin_settings(state, admin_socket, admin_address);
        let admin = crate::admin::start(at, parts.told(&limits, &platform), &platform)?;
        let Parts { live, numbers, readiness, listeners: served } = parts;
        let deployer = Deployer::new(
            Arc::clone(&sandbox),
            Arc::clone(&live),
            Arc::clone(&store),
            Arc::clone(&numbers.metrics),
            platform.clone(),
        );
        let deployer = deploy_in_thread(deployer, deploy, progress, &platform).await?;
        readiness.holds(Check::Services);
        let access_log = start_access_log(access_log, &numbers, &platform)?;
        let dispatcher = Arc::new(dispatcher(&limits, &live, &access_log, &numbers.metrics, &platform));
        let (phase, watched) = watch::channel(Phase::Serving);
        let certificates = Watching::start(&listeners, &platform)?;
        let ingress = Ingress {
            dispatcher: Arc::clone(&dispatcher),
            sandbox,
            metrics: Arc::clone(&numbers.metrics),
            platform: platform.clone(),
            phase: watched,
            descriptors: Arc::new(Semaphore::new(most as usize)),
        };
        for door in doors {
            platform.spawn.task(Box::pin(ingress.clone().serve(door)));
        }
        // Set once, here.
        let _ = served.set(served_listeners(&listeners, &addresses));
        readiness.holds(Check::Listeners);
        keep_house(&live, &platform, phase.subscribe());
        keep_beating(&readiness, &platform, phase.subscribe());
        let (drain, _deployer) = (limits.drain, Mutex::new(deployer));
        Ok(Self {
            schemes: listeners.iter().map(ListenerSettings::scheme).collect(),
            addresses,
            live,
            store,
            numbers,
            dispatcher,
            access_log,
            platform,
            phase,
            connections,
            drain,
            readiness,
            admin,
            certificates,
            _deployer,
        })
    }

    /// Where it listens, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// `http` or `https` for each of [`Host::addresses`].
    #[must_use]
    pub fn schemes(&self) -> &[&'static str] {
        &self.schemes
    }

    /// What is live.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.live.load()
    }

    /// Guests' data, for tests and commands.
    #[must_use]
    pub fn keyvalue(&self) -> &KeyValue {
        &self.store.keyvalue
    }

    /// Where the admin plane listens besides its socket.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.address()
    }

    /// What the gauges show.
    #[must_use]
    pub fn levels(&self) -> Levels {
        self.numbers.levels()
    }

    /// All counters and gauges as OpenMetrics text.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        self.numbers.text()
    }

    /// Stops accepting, lets what is in flight finish for at most `drain`, drops
    /// what is left, and closes the databases.
    pub async fn shutdown(self) {
        self.readiness.fails(Check::NotDraining, "the host was told to stop");
        self.phase.send_replace(Phase::Draining);
        let all_done = async {
            // Every connection gone, and every guest that worked on after its response.
            self.connections_closed().await;
            self.dispatcher.instances.all_free().await;
        };
        if !within(&self.platform, self.drain, all_done).await {
            tracing::warn!(drain = ?self.drain, "requests were still in flight after the drain; they are dropped");
            self.phase.send_replace(Phase::Ending);
            within(&self.platform, LAST_WORDS, self.connections_closed()).await;
        }
        self.phase.send_replace(Phase::Ending);
        within(&self.platform, LAST_WORDS, self.store.keyvalue.close()).await;
        self.access_log.0.flush(LAST_WORDS);
        drop(self.certificates);
        self.admin.stop().await;
    }

    async fn connections_closed(&self) {
        for (connections, limit) in &self.connections {
            // Fails only if the set is closed, which it never is.
            let _all = connections.acquire_many(*limit).await;
        }
    }
}

/// Whether `task` was done in `time`.
async fn within(platform: &Platform, time: Duration, task: impl Future<Output = ()>) -> bool {
    let task = std::pin::pin!(task);
    let expired = platform.clock.sleep_until(platform.clock.now().after(time));
    matches!(select(task, expired).await, Either::Left(_))
}

fn start_access_log(output: LineOutput, numbers: &Numbers, platform: &Platform) -> Result<AccessLog, StartError> {
    let dropped = numbers.metrics.log_lines_dropped.clone();
    let writer = LineWriter::start("hostel-access-log", output, dropped, platform);
    Ok(AccessLog(writer.map_err(StartError::Thread)?))
}

fn admin_settings(state: &Path, socket: Option<PathBuf>, address: Option<SocketAddr>) -> AdminSettings {
    let socket = socket.unwrap_or_else(|| AdminSettings::socket_of(state, state, None));
    AdminSettings { socket, address, token_file: state.join(TOKEN_NAME) }
}

fn open_store(state: &Path, platform: &Platform) -> Result<Store, StorageError> {
    let folder = StateFolder::open(state)?;
    Ok(Store {
        artifacts: Artifacts::open(&folder.artifacts())?,
        journal: Journal::open(&folder.control())?,
        keyvalue: KeyValue::open(&folder.guests(), platform)?,
    })
}

/// How many connections there are file handles for; says so if that is fewer than were asked for.
fn connections_at_most(listeners: &[ListenerSettings]) -> u32 {
    let most = connections_max();
    let wanted = listeners.iter().map(|listener| listener.plan.limits.connections).max().unwrap_or(0);
    if wanted > most {
        tracing::warn!(connections = most, wanted, "fewer file handles than connections; raise `ulimit -n`");
    }
    most
}

fn served_listeners(listeners: &[ListenerSettings], addresses: &[SocketAddr]) -> Vec<ServedListener> {
    let served = listeners.iter().zip(addresses).map(|(settings, address)| ServedListener {
        address: *address,
        tls: settings.tls.is_some(),
        h2c: settings.plan.h2c,
        redirect_from: settings.plan.tls.as_ref().and_then(|tls| tls.redirect_from),
        limits: settings.plan.limits.clone(),
        paths: settings.plan.paths,
    });
    served.collect()
}

fn dispatcher(
    limits: &HostLimits,
    live: &Arc<LiveTable>,
    log: &AccessLog,
    metrics: &Metrics,
    platform: &Platform,
) -> Dispatcher {
    Dispatcher {
        live: Arc::clone(live),
        recorder: Recorder { clock: Arc::clone(&platform.clock), log: log.clone(), unrouted: metrics.service(None) },
        platform: platform.clone(),
        instances: Permits::new(limits.instances),
        // Services let in only so many each; together they may be many.
        instance_queue: Queue::new(u32::MAX),
    }
}

/// Compiling takes seconds, and must not hold up the data plane.
async fn deploy_in_thread(
    mut deployer: Deployer,
    request: DeployRequest,
    progress: Progress,
    platform: &Platform,
) -> Result<Deployer, StartError> {
    let (done, outcome) = oneshot::channel();
    let work = move || {
        let deployed = deployer.deploy(request, &|name| progress(name));
        // The receiver waits below.
        let _ = done.send(deployed.map(|_snapshot| deployer));
    };
    platform.spawn.thread("hostel-deploy", Box::new(work)).map_err(StartError::Thread)?;
    match outcome.await {
        Ok(deployed) => Ok(deployed?),
        Err(_panicked) => Err(StartError::Bug),
    }
}

/// Tells the admin plane every second that tasks of the data plane still run.
fn keep_beating(readiness: &Arc<Readiness>, platform: &Platform, mut phase: watch::Receiver<Phase>) {
    let (readiness, clock) = (Arc::clone(readiness), Arc::clone(&platform.clock));
    platform.spawn.task(Box::pin(async move {
        loop {
            readiness.beat();
            let next = clock.sleep_until(clock.now().after(BEAT_EVERY));
            let ending = std::pin::pin!(phase.wait_for(|phase| *phase == Phase::Ending));
            if let Either::Right(_) = select(next, ending).await {
                return;
            }
        }
    }));
}

/// Instances that wait for reuse and are not used give their memory back.
fn keep_house(live: &Arc<LiveTable>, platform: &Platform, mut phase: watch::Receiver<Phase>) {
    let (live, clock) = (Arc::clone(live), Arc::clone(&platform.clock));
    platform.spawn.task(Box::pin(async move {
        loop {
            let next = clock.sleep_until(clock.now().after(HOUSEKEEPING));
            let ending = std::pin::pin!(phase.wait_for(|phase| *phase != Phase::Serving));
            if let Either::Right(_) = select(next, ending).await {
                return;
            }
            for service in live.load().services.values() {
                service.compiled.expire_idle();
            }
        }
    }));
}

/// The panic hook of the process: a line in the log, whoever panicked.
pub fn log_panics() {
    let once = Mutex::new(());
    std::panic::set_hook(Box::new(move |panic| {
        let _one_at_a_time = once.lock().unwrap_or_else(PoisonError::into_inner);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::force_capture();
        tracing::error!(place, message = ?panic.payload_as_str(), %backtrace, "the host panicked; this is a bug");
    }));
}
