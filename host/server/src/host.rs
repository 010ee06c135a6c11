//! The composition root: makes every part, hands each what it needs, and takes them down in order.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use hostel_model::limits::HostLimits;
use hostel_model::name::ServiceName;
use hostel_model::plan::ListenerPlan;
use hostel_model::platform::Platform;
use hostel_sandbox::{Sandbox, SandboxError};
use hostel_storage::{Artifacts, Journal, KeyValue, StateFolder, StorageError};
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::access_log::AccessLog;
use crate::deploy::{DeployError, DeployRequest, Deployer, Store};
use crate::dispatch::Dispatcher;
use crate::dispatch::admission::{Permits, Queue};
use crate::ingress::{Ingress, Phase};
use crate::line_writer::{LineOutput, LineWriter};
use crate::live::{LiveTable, Snapshot};
use crate::machine::memory_bytes;
use crate::metrics::{Levels, Metrics};
use crate::record::Recorder;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// How often instances that wait for reuse are looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(5);
/// What is left to be dropped after the drain, and lines to be written, get so long.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Everything a host is started with.
pub struct HostSettings {
    /// Bounds of the process.
    pub limits: HostLimits,
    /// Where to listen.
    pub listeners: Vec<ListenerPlan>,
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
    /// The system.
    #[error("cannot start a thread; raise the limit of threads")]
    Thread(#[source] io::Error),
    /// The host itself panicked; the log says where.
    #[error("the host panicked while it deployed; this is a bug worth reporting with the log")]
    Bug,
}

/// A running host.
pub struct Host {
    addresses: Vec<SocketAddr>,
    live: Arc<LiveTable>,
    sandbox: Arc<Sandbox>,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    dispatcher: Arc<Dispatcher>,
    access_log: AccessLog,
    platform: Platform,
    phase: watch::Sender<Phase>,
    /// Of each listener, with how many there may be.
    connections: Vec<(Arc<Semaphore>, u32)>,
    drain: Duration,
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
        let HostSettings { limits, listeners, deploy, access_log } = settings;
        let sockets = listeners.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        let folder = StateFolder::open(state)?;
        let store = Arc::new(Store {
            artifacts: Artifacts::open(&folder.artifacts())?,
            journal: Journal::open(&folder.control())?,
            keyvalue: KeyValue::open(&folder.guests(), &platform)?,
        });
        let budget = limits.memory_budget.map_or_else(|| memory_bytes() / 2, |budget| budget.0);
        let sandbox = Arc::new(Sandbox::start(&limits, budget, &platform)?);
        let metrics = Arc::new(Metrics::new());
        let live = Arc::new(LiveTable::default());
        let deployer = Deployer::new(
            Arc::clone(&sandbox),
            Arc::clone(&live),
            Arc::clone(&store),
            Arc::clone(&metrics),
            platform.clone(),
        );
        let deployer = deploy_in_thread(deployer, deploy, progress, &platform).await?;
        let dropped = metrics.log_lines_dropped.clone();
        let access_log = LineWriter::start("hostel-access-log", access_log, dropped, &platform);
        let access_log = AccessLog(access_log.map_err(StartError::Thread)?);
        let dispatcher = Arc::new(dispatcher(&limits, &live, &access_log, &metrics, &platform));
        let connections: Vec<_> = listeners
            .iter()
            .map(|listener| listener.limits.connections)
            .map(|limit| (Arc::new(Semaphore::new(limit as usize)), limit))
            .collect();
        let (phase, watched) = watch::channel(Phase::Serving);
        let ingress = Ingress {
            dispatcher: Arc::clone(&dispatcher),
            sandbox: Arc::clone(&sandbox),
            metrics: Arc::clone(&metrics),
            platform: platform.clone(),
            phase: watched,
        };
        let addresses = serve(&ingress, sockets, &listeners, &connections)?;
        keep_house(&live, &platform, phase.subscribe());
        let (drain, _deployer) = (limits.drain, Mutex::new(deployer));
        Ok(Self {
            addresses,
            live,
            sandbox,
            store,
            metrics,
            dispatcher,
            access_log,
            platform,
            phase,
            connections,
            drain,
            _deployer,
        })
    }

    /// Where it listens, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
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

    /// What the gauges show.
    #[must_use]
    pub fn levels(&self) -> Levels {
        let (counters, pool) = (self.sandbox.counters(), self.sandbox.pool_use());
        let order = std::sync::atomic::Ordering::Relaxed;
        Levels {
            instances_live: counters.live.load(order),
            instances_started: counters.started.load(order),
            pool_instances: pool.component_instances,
            pool_memories: pool.memories,
            memory_used: self.sandbox.memory_budget().used(),
            panics: counters.panics.load(order),
            guest_log_lines_dropped: counters.log_lines_dropped.load(order),
        }
    }

    /// All counters and gauges as OpenMetrics text.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        self.metrics.text(self.levels())
    }

    /// Stops accepting, lets what is in flight finish for at most `drain`, drops
    /// what is left, and closes the databases.
    pub async fn shutdown(self) {
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

fn bind(listener: &ListenerPlan) -> Result<TcpListener, StartError> {
    let address = listener.address;
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::AddressTaken { address },
        _ => StartError::Listen { address, source },
    })
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

fn serve(
    ingress: &Ingress,
    sockets: Vec<TcpListener>,
    listeners: &[ListenerPlan],
    connections: &[(Arc<Semaphore>, u32)],
) -> Result<Vec<SocketAddr>, StartError> {
    let mut addresses = Vec::new();
    for (place, ((socket, plan), (connections, _))) in sockets.into_iter().zip(listeners).zip(connections).enumerate() {
        let address = socket.local_addr().map_err(|source| StartError::Listen { address: plan.address, source })?;
        addresses.push(address);
        let accepting = ingress.clone().serve(socket, place, plan.limits.clone(), Arc::clone(connections));
        ingress.platform.spawn.task(Box::pin(accepting));
    }
    Ok(addresses)
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
