//! The host that all rows abuse: its services, four canaries among them, and how much is done.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::ask::canary_path;
use super::host::Host;
use super::load::board::Board;
use super::load::{Load, Pace, Settings};
use super::revision::Guest;
use super::row::Service;

/// Services that nobody abuses.
pub const CANARIES: usize = 4;
/// Requests a second to all canaries together: little for a core, enough for a p99 within a second.
pub const CANARY_RATE: f64 = 400.0;
/// Requests of canaries under way at most: more than are needed, so that a stall shows as waiting.
const CANARY_CONNECTIONS: usize = 64;
/// The memory that all instances may hold, as the configuration says it and in bytes.
const MEMORY_BUDGET: &str = "1GiB";
pub const MEMORY_BUDGET_BYTES: u64 = 1 << 30;

/// What is tried, and how much of it.
#[derive(Clone)]
pub struct Settled {
    /// The command.
    pub hostel: PathBuf,
    /// Small numbers, for every change; else those that are published.
    pub quick: bool,
    pub seed: u64,
}

/// A host under abuse.
pub struct Bench {
    pub settled: Settled,
    pub host: Host,
    pub address: SocketAddr,
    pub guest: Arc<Guest>,
    /// The title and sentence of each failure, as the first answer had it.
    pub sentences: BTreeMap<String, String>,
    /// The canaries' p99 before anything was tried.
    pub quiet: Duration,
    board: Arc<Board>,
    _temporary: TempDir,
}

impl Bench {
    /// Starts a host with these services, and canaries, and `more` at the top of its configuration.
    pub fn start(settled: &Settled, guest: &Arc<Guest>, services: &[Service], more: &str) -> Self {
        let temporary = tempfile::tempdir().expect("there must be room for a folder");
        let folder = temporary.path().join("services");
        fs::create_dir(&folder).expect("the folder must be writable");
        let address = free_address();
        let mut text = format!(
            "version = 1\nmemory_budget = \"{MEMORY_BUDGET}\"\n{more}\n\
             [[listener]]\naddress = \"{address}\"\nh2c = true\nlimits = {{ body_rate = 0, write_rate = 0 }}\n"
        );
        let canaries = (0..CANARIES).map(|canary| {
            let name = canary_path(canary).trim_start_matches('/').to_owned();
            Service::made(&name, guest.revision(revision_of(canary)))
        });
        for service in canaries.chain(services.iter().cloned()) {
            put(&folder, &format!("{}.wasm", service.name), &service.component);
            text.push_str(&service.table());
        }
        put(&folder, "hostel.toml", text.as_bytes());
        let revisions: Vec<u32> = (0..CANARIES).map(revision_of).collect();
        Self {
            settled: settled.clone(),
            host: Host::up(&settled.hostel, &folder),
            address,
            guest: Arc::clone(guest),
            sentences: BTreeMap::new(),
            quiet: Duration::ZERO,
            board: Arc::new(Board::new(&revisions)),
            _temporary: temporary,
        }
    }

    /// Asks all canaries in turn, at a rate that does not wait for answers.
    pub fn canaries(&self) -> Load {
        let settings = Settings {
            address: self.address,
            paths: (0..CANARIES).map(canary_path).collect(),
            connections: CANARY_CONNECTIONS,
            pace: Pace::Open(CANARY_RATE),
        };
        Load::start(settings, Arc::clone(&self.board))
    }

    /// A number for the published run, and one for the quick one.
    pub fn of<T>(&self, whole: T, quick: T) -> T {
        if self.settled.quick { quick } else { whole }
    }
}

fn revision_of(canary: usize) -> u32 {
    u32::try_from(canary).expect("there must be few canaries") + 1
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join(name), bytes).expect("the folder must be writable");
}

/// An address of loopback that nobody listens on.
pub fn free_address() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port must be free");
    socket.local_addr().expect("a socket must have an address")
}
