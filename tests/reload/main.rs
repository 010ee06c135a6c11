//! Changes what a host serves again and again while it is under load, and counts what its clients notice.
//!
//! ```text
//! cargo build --release -p hostel -p hostel-tests --bins
//! target/release/hostel-reload all
//! ```
//!
//! Each scenario prints one row for `tests/RESULTS.md`. The exit code is 1 if a bound was broken.

mod admin;
mod backup;
mod bad;
mod broken;
mod canary;
mod chance;
mod client;
mod crash;
mod host;
mod latency;
mod load;
mod pause;
mod reloads;
mod report;
mod revision;
mod rollback;
mod sigterm;
mod stand;
mod steady;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use self::report::Row;
use self::revision::Guest;
use self::stand::{Size, World};

/// Paths of the components that `build.rs` built.
mod guest {
    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
}

/// Changes what a host serves under load, and counts what its clients notice.
#[derive(Parser)]
#[command(name = "hostel-reload")]
struct Options {
    /// What is to be shown.
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<Scenario>,
    /// The host; the one beside this program if not given.
    #[arg(long, value_name = "PATH")]
    hostel: Option<PathBuf>,
    /// The component that is bent into revisions; `revision_p2` if not given.
    #[arg(long, value_name = "PATH")]
    guest: Option<PathBuf>,
    /// Where all figures go as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Small numbers, for a look whether it works; times and memory are not judged.
    #[arg(long)]
    quick: bool,
    /// What chance begins with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Load while nothing changes.
    Steady,
    /// A thousand reloads: none lost, none mixed, nothing left behind.
    Reloads,
    /// A hundred bad deployments: none lost, each with its reason.
    Bad,
    /// A hundred SIGTERMs, each with a restart by socket activation: none lost.
    Sigterm,
    /// Two hundred times `kill -9` during deployments.
    Crash,
    /// From a copied file to its first answer.
    Latency,
    /// The way back.
    Rollback,
    /// A revision that fails 5 % of its requests.
    Canary,
    /// A backup under write load, restored elsewhere.
    Backup,
    /// All of them, one after the other.
    All,
}

impl Scenario {
    fn run(self, world: &World) -> Row {
        match self {
            Self::Steady => steady::run(world),
            Self::Reloads => reloads::run(world),
            Self::Bad => bad::run(world),
            Self::Sigterm => sigterm::run(world),
            Self::Crash => crash::run(world),
            Self::Latency => latency::run(world),
            Self::Rollback => rollback::run(world),
            Self::Canary => canary::run(world),
            Self::Backup => backup::run(world),
            Self::All => unreachable!("it stands for the others"),
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let beside = || std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join("hostel")));
    let world = World {
        hostel: options.hostel.or_else(beside).expect("this program must know where it is"),
        guest: Guest::read(&options.guest.unwrap_or_else(|| built("REVISION_P2"))),
        keyvalue: built("KEYVALUE_P2"),
        size: if options.quick { Size::Quick } else { Size::Whole },
        seed: options.seed,
    };
    assert!(world.hostel.is_file(), "there is no host at `{}`; name one with --hostel", world.hostel.display());
    let mut scenarios = options.scenarios;
    if scenarios.contains(&Scenario::All) {
        scenarios = Scenario::value_variants().iter().copied().filter(|one| *one != Scenario::All).collect();
    }
    let rows: Vec<Row> = scenarios.into_iter().map(|scenario| scenario.run(&world)).collect();
    table::print(&rows).expect("standard output must be writable");
    if let Some(path) = options.json {
        std::fs::write(path, format!("{:#}\n", table::json(&rows))).expect("the figures must be writable");
    }
    if rows.iter().all(|row| row.faults.is_empty()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The guest whose constant has this name.
fn built(name: &str) -> PathBuf {
    let found = guest::ALL.iter().find(|(own, _)| *own == name);
    Path::new(found.expect("the guest must be one of those that were built").1).to_path_buf()
}
