//! Kills a process while it writes keys and values, again and again, and counts what was acknowledged and is not there.
//!
//! ```text
//! cargo build --release -p hostel-tests --bin hostel-crash
//! target/release/hostel-crash --rounds 1000
//! ```
//!
//! The process that is killed is this program once more; it writes through the storage of the host. It prints a row for
//! `tests/RESULTS.md`. The exit code is 1 if anything was lost or torn, or recovery was slow.

#[path = "../reload/chance.rs"]
mod chance;
mod child;
mod expect;
mod plan;
mod rounds;
mod said;
mod shared;
mod storage;
mod tally;
mod value;
mod writer;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::plan::Plan;
use self::rounds::Settings;

/// Rounds with `--quick`.
const QUICK: usize = 100;

/// Kills a process while it writes keys and values, and counts what is lost.
#[derive(Parser)]
#[command(name = "hostel-crash", args_conflicts_with_subcommands = true)]
struct Options {
    /// How often.
    #[arg(long, default_value_t = 1000)]
    rounds: usize,
    /// Fewer rounds, for a look whether it works.
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// What chance begins with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the databases are made: on the kind of disk that matters.
    #[arg(long, value_name = "PATH", default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Where all figures go as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Has the writers acknowledge before they have written, to see that this is noticed.
    #[arg(long)]
    early: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program does when it is started by itself.
#[derive(Subcommand)]
enum Role {
    /// Writes until it is killed.
    #[command(hide = true)]
    Write {
        state: PathBuf,
        #[arg(long)]
        seed: u64,
        #[arg(long, value_delimiter = ',')]
        from: Vec<u64>,
        #[arg(long)]
        early: bool,
    },
    /// Opens the database and waits.
    #[command(hide = true)]
    Recover { state: PathBuf },
}

fn main() -> ExitCode {
    let options = Options::parse();
    match options.role {
        Some(Role::Write { state, seed, from, early }) => writer::write(&state, Plan { seed }, &from, early),
        Some(Role::Recover { state }) => writer::recover(&state),
        None => return kill(options),
    }
    ExitCode::SUCCESS
}

fn kill(options: Options) -> ExitCode {
    let tally = rounds::run(&Settings {
        program: std::env::current_exe().expect("this program must know where it is"),
        rounds: if options.quick { QUICK } else { options.rounds },
        seed: options.seed,
        folder: options.folder,
        early: options.early,
    });
    if let Some(path) = options.json {
        std::fs::write(path, format!("{:#}\n", tally.json())).expect("the figures must be writable");
    }
    let printed = std::io::stdout().lock().write_all(tally.markdown().as_bytes());
    printed.expect("standard output must be writable");
    if tally.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
