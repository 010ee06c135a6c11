//! What the scenarios have in common: a host with two services of the bent guest, and load on both.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::admin::Admin;
use super::host::{Held, Host, configure, free_address};
use super::load::board::Board;
use super::load::{Load, Pace, Settings};
use super::pause::pause;
use super::report::progress;
use super::revision::Guest;

/// The folder of the services, in one that goes away in the end.
const FOLDER: &str = "services";
/// The services that are asked in turn.
pub const SERVICES: [&str; 2] = ["users", "orders"];
/// Requests under way at most: more than are needed at this load, so that a stall shows as waiting.
pub const CONNECTIONS: usize = 32;
/// Requests a second where tests of other things run at the same time.
const TEST_RATE: f64 = 200.0;
/// The share of what the host can do at which everything is measured.
const SHARE: f64 = 0.4;
/// How long a host without load is left alone before it is looked at: tasks and connections end meanwhile.
const SETTLE: Duration = Duration::from_secs(2);

/// What is measured, and how much of it.
pub struct World {
    /// The command.
    pub hostel: PathBuf,
    /// The guest that is bent.
    pub guest: Guest,
    /// A guest that writes.
    pub keyvalue: PathBuf,
    /// How much of it.
    pub size: Size,
    /// What chance begins with.
    pub seed: u64,
}

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Everything that must be shown.
    Whole,
    /// Enough to see whether it works. Times and memory are told and not judged.
    Quick,
    /// So little that it runs with all the other tests.
    Test,
}

impl World {
    /// A number for each size, the largest first.
    pub fn of<T>(&self, whole: T, quick: T, test: T) -> T {
        let sizes = [(Size::Whole, whole), (Size::Quick, quick), (Size::Test, test)];
        let own = sizes.into_iter().find(|(size, _)| *size == self.size);
        own.expect("every size must have its number").1
    }

    /// Whether times and memory count: where little is done, or other programs run, they tell nothing.
    pub fn judges_figures(&self) -> bool {
        self.size == Size::Whole
    }
}

/// A host on a folder, with its two services.
pub struct Stand {
    /// The process.
    pub host: Host,
    /// Its admin plane.
    pub admin: Admin,
    /// Where it listens.
    pub address: SocketAddr,
    /// What may answer.
    pub board: Arc<Board>,
    /// Its folder.
    pub folder: PathBuf,
    _temporary: TempDir,
}

impl Stand {
    /// Starts a host whose services are these revisions.
    pub fn start(world: &World, revisions: [u32; 2]) -> Self {
        let (temporary, folder) = temporary();
        for (name, revision) in SERVICES.iter().zip(revisions) {
            drop_in(&folder, name, &world.guest.revision(revision));
        }
        let address = free_address();
        configure(&folder, address, "");
        let host = Host::up(&world.hostel, &folder);
        Self::around(host, address, Arc::new(Board::new(&revisions)), temporary)
    }

    /// Around a host that was started already, on a folder as [`temporary`] makes it.
    pub fn around(host: Host, address: SocketAddr, board: Arc<Board>, temporary: TempDir) -> Self {
        let folder = temporary.path().join(FOLDER);
        Self { admin: host.admin(), host, address, board, folder, _temporary: temporary }
    }

    /// Load on both services, so many requests a second.
    pub fn load(&self, per_second: f64) -> Load {
        Load::start(self.settings(Pace::Open(per_second)), Arc::clone(&self.board))
    }

    /// Measures what the host can do, and returns the share of it that everything else is measured at.
    pub fn usual_rate(&self, world: &World) -> f64 {
        if world.size == Size::Test {
            return TEST_RATE;
        }
        let load = Load::start(self.settings(Pace::Closed), Arc::clone(&self.board));
        pause(Duration::from_secs(1));
        load.cut();
        pause(Duration::from_secs(world.of(5, 1, 1)));
        let seen = load.stop();
        assert!(seen.faults().is_empty(), "before anything was done: {:?}", seen.faults());
        let rate = (seen.rate() * SHARE).round();
        progress(&format!("{:.0} requests a second at most; {}; load: {rate} a second", seen.rate(), seen.latencies()));
        rate
    }

    /// What the process holds while nobody asks anything.
    pub fn held_at_rest(&self, world: &World) -> Held {
        if world.judges_figures() {
            pause(SETTLE);
        }
        self.host.held()
    }

    /// Deploys what was uploaded, and lets it and nothing else answer from then on.
    #[track_caller]
    pub fn swap(&self, service: usize, revision: u32, digest: &str) {
        self.board.announce(service, revision);
        if let Err(refusal) = self.admin.deploy(&[(SERVICES[service], digest)], None) {
            panic!("revision {revision} of {}: {} {}", SERVICES[service], refusal.status, refusal.said);
        }
        self.board.confirm(service);
    }

    fn settings(&self, pace: Pace) -> Settings {
        let paths = SERVICES.iter().map(|name| format!("/{name}")).collect();
        Settings { address: self.address, paths, connections: CONNECTIONS, pace }
    }
}

/// A folder for services, in one that goes away in the end.
pub fn temporary() -> (TempDir, PathBuf) {
    let temporary = tempfile::tempdir().expect("there must be room for a folder");
    let folder = temporary.path().join(FOLDER);
    fs::create_dir(&folder).expect("the folder must be writable");
    (temporary, folder)
}

/// Puts a component into the folder as a deployment by copying does: in place, piece by piece.
pub fn drop_in(folder: &Path, name: &str, component: &[u8]) {
    fs::write(folder.join(format!("{name}.wasm")), component).expect("the folder must be writable");
}
