//! The composition root: makes every part, hands each what it needs, and takes them down in order.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use hostel_model::limits::HostLimits;
use hostel_model::platform::Platform;
use hostel_model::units::ByteSize;
use hostel_sandbox::{CompileWith, Sandbox, SandboxError};
use hostel_storage::{Artifacts, Journal, KeyValue, StateFolder, StorageError};
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::access_log::AccessLog;
use crate::admin::readiness::{BEAT_EVERY, Check, Readiness};
use crate::admin::{Admin, AdminError, AdminSettings, AdminState, ServedListener, TOKEN_NAME};
use crate::deploy::order::tell_rejected;
use crate::deploy::{Author, DeployError, DeployRequest, Deployer, DeployerHandle, Order, Store, What, compile_ahead};
use crate::dispatch::Dispatcher;
use crate::dispatch::admission::{Permits, Queue};
use crate::egress::{Egress, EgressSettings};
use crate::hardening::Unclean;
use crate::host::doors::Doors;
use crate::host::numbers::{Numbers, Watching};
use crate::ingress::{Door, Ingress, Phase};
use crate::line_writer::{LineOutput, LineWriter};
use crate::live::{LiveTable, Snapshot};
use crate::machine::{compile_memory, connections_max, memory_budget, memory_bytes};
use crate::metrics::{Levels, Metrics};
use crate::record::Recorder;
use crate::rollout::watch_revisions;
use crate::sockets::{HandOverError, Inherited};

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
    /// How services reach the outside.
    pub egress: EgressSettings,
    /// Where access-log lines go.
    pub access_log: LineOutput,
    /// Sockets that were handed over to the process.
    pub inherited: Inherited,
    /// The program that compiles.
    pub compile_with: CompileWith,
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
    /// Sockets that were handed over.
    #[error(transparent)]
    HandOver(#[from] HandOverError),
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
}

/// What the admin plane tells of, shared with those who change it.
struct Parts {
    live: Arc<LiveTable>,
    numbers: Arc<Numbers>,
    readiness: Arc<Readiness>,
    listeners: Arc<OnceLock<Vec<ServedListener>>>,
    deployer: Arc<OnceLock<DeployerHandle>>,
}

impl Parts {
    /// Of a host whose configuration is valid and whose databases are open.
    fn new(numbers: Numbers, live: Arc<LiveTable>, platform: &Platform) -> Self {
        let readiness = Readiness::new(Arc::clone(&platform.clock));
        readiness.holds(Check::Configuration);
        readiness.holds(Check::Storage);
        let (numbers, readiness) = (Arc::new(numbers), Arc::new(readiness));
        Self { live, numbers, readiness, listeners: Arc::default(), deployer: Arc::default() }
    }

    fn told(&self, host_limits: HostLimits, scratch: PathBuf, platform: &Platform) -> AdminState {
        let numbers = Arc::clone(&self.numbers);
        AdminState {
            live: Arc::clone(&self.live),
            metrics: Arc::clone(&self.numbers.metrics),
            metrics_text: Box::new(move || numbers.text()),
            readiness: Arc::clone(&self.readiness),
            listeners: Arc::clone(&self.listeners),
            deployer: Arc::clone(&self.deployer),
            scratch,
            slots: Arc::clone(&self.numbers.slots),
            host_limits,
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
    /// Ends when all doors are closed.
    doors_open: mpsc::Receiver<Infallible>,
    /// Of each door, with how many there may be.
    connections: Vec<(Arc<Semaphore>, u32)>,
    drain: Duration,
    readiness: Arc<Readiness>,
    admin: Admin,
    certificates: Watching,
    deployer: DeployerHandle,
    incomplete: bool,
    /// Ends the watch over new revisions.
    watching: watch::Sender<bool>,
}

impl Host {
    /// Binds, deploys, then serves. Returns once every route answers.
    ///
    /// # Errors
    /// The first thing that keeps it from serving; nothing is left running.
    pub async fn start(settings: HostSettings, state: &Path, platform: Platform) -> Result<Self, StartError> {
        let HostSettings { limits, listeners, admin_socket, admin_address, deploy, access_log, .. } = settings;
        let (mut inherited, mut compile_with) = (settings.inherited, settings.compile_with);
        let most = connections_at_most(&listeners);
        let descriptors = Arc::new(Semaphore::new(most as usize));
        let egress = Egress::new(settings.egress, platform.clone(), Arc::clone(&descriptors));
        let Doors { doors, served, connections } = Doors::open(&listeners, most, &mut inherited)?;
        let at = admin_settings(state, admin_socket, admin_address, &mut inherited);
        inherited.all_taken()?;
        let addresses: Vec<SocketAddr> = served.iter().map(|listener| listener.address).collect();
        let folder = StateFolder::open(state)?;
        let store = Arc::new(open_store(&folder, &platform)?);
        let budget = memory_budget(&limits).0;
        let compiling = &mut compile_with.limits.memory;
        *compiling = ByteSize(compiling.0.min(compile_memory(memory_bytes(), budget)));
        let sandbox = Arc::new(Sandbox::start(&limits, budget, compile_with, &platform)?);
        tracing::debug!(slots = ?sandbox.cleaning(), "sandbox is ready");
        let live = Arc::<LiveTable>::default();
        let numbers = Numbers::new(&sandbox, &live, &listeners, &addresses, &platform)?;
        let parts = Parts::new(numbers, live, &platform);
        let told = HostLimits { memory_budget: Some(ByteSize(budget)), ..limits.clone() };
        let admin = crate::admin::start(at, parts.told(told, folder.scratch(), &platform), &platform)?;
        let Parts { live, numbers, readiness, listeners: told, deployer: asked } = parts;
        let (metrics, memory_max) = (Arc::clone(&numbers.metrics), limits.memory_max);
        let (code, table, kept) = (Arc::clone(&sandbox), Arc::clone(&live), Arc::clone(&store));
        let deployer = Deployer::new(code, table, kept, metrics, platform.clone(), memory_max)?;
        let (deployer, parts) = (deployer.with_threads(guest_threads()), (&sandbox, &store, &live));
        let (deployer, incomplete) = start_deployer(deployer, deploy, parts, &platform).await?;
        // Set once, here.
        let _ = asked.set(deployer.clone());
        readiness.holds(Check::Services);
        let access_log = start_access_log(access_log, &numbers, &platform)?;
        let dispatcher = Arc::new(dispatcher(&limits, &live, &access_log, &numbers.metrics, egress, &platform));
        let (phase, watched) = watch::channel(Phase::Serving);
        let certificates = Watching::start(&listeners, &platform)?;
        let ingress = Ingress {
            dispatcher: Arc::clone(&dispatcher),
            sandbox,
            metrics: Arc::clone(&numbers.metrics),
            platform: platform.clone(),
            phase: watched,
            descriptors,
        };
        let doors_open = serve(doors, &ingress);
        let _ = told.set(served);
        readiness.holds(Check::Listeners);
        keep_house(&live, &platform, phase.subscribe());
        keep_beating(&readiness, &platform, phase.subscribe());
        let watching = keep_watch(&live, &deployer, &platform);
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
            doors_open,
            connections,
            drain: limits.drain,
            readiness,
            admin,
            certificates,
            deployer,
            incomplete,
            watching,
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

    /// Whom to ask for changes.
    #[must_use]
    pub fn deployer(&self) -> &DeployerHandle {
        &self.deployer
    }

    /// Whether something of the folder could not be made at the start for a reason of the moment.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
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

    /// What tells when slots cannot be cleaned any more, and the host is to end.
    #[must_use]
    pub fn unclean(&self) -> Unclean {
        self.numbers.unclean.clone()
    }

    /// Stops accepting, lets what is in flight finish for at most `drain`, drops
    /// what is left, and closes the databases.
    pub async fn shutdown(mut self) {
        self.readiness.fails(Check::NotDraining, "the host was told to stop");
        self.phase.send_replace(Phase::Draining);
        let all_done = async {
            // Who came last is counted once the doors are closed.
            self.doors_open.recv().await;
            // Every connection gone, and every guest that worked on after its response.
            connections_closed(&self.connections).await;
            self.dispatcher.instances.all_free().await;
        };
        if !within(&self.platform, self.drain, all_done).await {
            tracing::warn!(drain = ?self.drain, "requests were still in flight after the drain; they are dropped");
            self.phase.send_replace(Phase::Ending);
            within(&self.platform, LAST_WORDS, connections_closed(&self.connections)).await;
        }
        self.phase.send_replace(Phase::Ending);
        within(&self.platform, LAST_WORDS, self.store.keyvalue.close()).await;
        self.watching.send_replace(true);
        within(&self.platform, LAST_WORDS, self.deployer.stop()).await;
        self.access_log.0.flush(LAST_WORDS);
        drop(self.certificates);
        self.admin.stop().await;
    }
}

/// Ready once no door has connections.
async fn connections_closed(doors: &[(Arc<Semaphore>, u32)]) {
    for (connections, limit) in doors {
        // Fails only if the set is closed, which it never is.
        let _all = connections.acquire_many(*limit).await;
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

fn admin_settings(
    state: &Path,
    socket: Option<PathBuf>,
    address: Option<SocketAddr>,
    inherited: &mut Inherited,
) -> AdminSettings {
    let socket = socket.unwrap_or_else(|| AdminSettings::socket_of(state, state, None));
    let inherited = inherited.split_off(&socket, address);
    AdminSettings { socket, address, token_file: state.join(TOKEN_NAME), inherited }
}

fn open_store(folder: &StateFolder, platform: &Platform) -> Result<Store, StorageError> {
    let store = Store {
        artifacts: Artifacts::open(&folder.artifacts())?,
        journal: Journal::open(&folder.control())?,
        keyvalue: KeyValue::open(&folder.guests(), platform)?,
    };
    // What a backup left that a kill cut short. The journal is open: no other host is at it.
    hostel_storage::backup::sweep(&folder.scratch())?;
    Ok(store)
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

fn dispatcher(
    limits: &HostLimits,
    live: &Arc<LiveTable>,
    log: &AccessLog,
    metrics: &Metrics,
    egress: Egress,
    platform: &Platform,
) -> Dispatcher {
    Dispatcher {
        live: Arc::clone(live),
        recorder: Recorder { clock: Arc::clone(&platform.clock), log: log.clone(), unrouted: metrics.service(None) },
        platform: platform.clone(),
        instances: Permits::new(limits.instances),
        // Services let in only so many each; together they may be many.
        instance_queue: Queue::new(u32::MAX),
        egress: Arc::new(egress),
    }
}

/// Serves at every door. What comes back has ended once all of them are closed.
fn serve(doors: Vec<Door>, ingress: &Ingress) -> mpsc::Receiver<Infallible> {
    let (open, doors_open) = mpsc::channel(1);
    for door in doors {
        let (served, open) = (ingress.clone().serve(door), open.clone());
        ingress.platform.spawn.task(Box::pin(async move {
            served.await;
            drop(open);
        }));
    }
    doors_open
}

/// Puts in force what the folder says; then compiles what a rollback may need. Also whether something of
/// it could not be made for a reason of the moment.
async fn start_deployer(
    deployer: Deployer,
    request: DeployRequest,
    (sandbox, store, live): (&Arc<Sandbox>, &Arc<Store>, &Arc<LiveTable>),
    platform: &Platform,
) -> Result<(DeployerHandle, bool), StartError> {
    let deployer = DeployerHandle::start(deployer, platform).map_err(StartError::Thread)?;
    let done = deployer.ask(first(request)).await?;
    tell_rejected(&done.rejected);
    let incomplete = done.rejected.iter().any(|(_, reason)| reason.is_of_the_moment());
    let (compiler, kept, live) = (Arc::clone(sandbox), Arc::downgrade(store), Arc::clone(live));
    let ahead = Box::new(move || compile_ahead(&compiler, &kept, &live));
    platform.spawn.thread("hostel-ahead", ahead).map_err(StartError::Thread)?;
    Ok((deployer, incomplete))
}

/// Threads of the data plane, on which guests are polled.
fn guest_threads() -> u32 {
    u32::try_from(tokio::runtime::Handle::current().metrics().num_workers()).unwrap_or(u32::MAX)
}

/// What the folder says at the start: all of it, or the host does not start.
fn first(request: DeployRequest) -> Order {
    let what = What::Folder { request, strict: true };
    Order { what, by: Author::Folder, dry_run: false, if_version: None }
}

/// New revisions are compared with those before them until what comes back says so.
fn keep_watch(live: &Arc<LiveTable>, deployer: &DeployerHandle, platform: &Platform) -> watch::Sender<bool> {
    let (watching, ended) = watch::channel(false);
    let task = watch_revisions(Arc::clone(live), deployer.clone(), platform.clone(), ended);
    platform.spawn.task(Box::pin(task));
    watching
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
                service.revisions().for_each(|revision| revision.compiled.expire_idle());
                service.outlet.expire_idle(clock.now());
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
