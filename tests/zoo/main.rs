//! Lets hostile guests at a host, and looks whether anybody else notices.
//!
//! ```text
//! cargo build --release -p hostel -p hostel-tests --bins
//! target/release/hostel-zoo
//! ```
//!
//! Each guest is asked alone, fifty at once, and all the time, beside four services at a steady
//! rate of requests. One row of a table says what came of it. The exit code is 1 if a row does
//! not hold; what was broken stands below the table.

mod ask;
mod bench;
mod bombs;
mod client;
mod host;
mod http2;
mod journal;
mod judge;
mod refused;
mod report;
mod row;
mod rows;
mod spin;
mod table;
#[expect(dead_code, reason = "the tests use what this program does not")]
mod text;
mod trial;
mod wasmtime;

/// What it has in common with `hostel-reload`: the load, the admin plane, revisions of one guest.
#[path = "../reload"]
#[expect(dead_code, reason = "the other program uses what this one does not")]
mod reload {
    pub mod admin;
    pub mod broken;
    pub mod chance;
    pub mod load;
    pub mod pause;
    pub mod revision;
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;

use self::ask::Ask;
use self::bench::{Bench, Settled};
use self::load::figures::millis;
use self::reload::{admin, broken, chance, load, pause, revision};
use self::report::progress;
use self::row::{Expect, Row, Service};
use self::table::Line;

/// Services whose requests take every slot once.
const WARM: [&str; 4] = ["warm-p2", "warms-p2", "warm-p3", "warms-p3"];
/// Each of them calls another: together they are the 256 instances that a host has.
const WARM_AT_ONCE: usize = 128;

/// Paths of the components that `build.rs` built.
mod guest {
    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
}

/// Lets hostile guests at a host, and looks whether anybody else notices.
#[derive(Parser)]
#[command(name = "hostel-zoo")]
struct Options {
    /// The host; the one beside this program if not given.
    #[arg(long, value_name = "PATH")]
    hostel: Option<PathBuf>,
    /// `wasmtime`, to see the same guests under `wasmtime serve`.
    #[arg(long, value_name = "PATH")]
    wasmtime: Option<PathBuf>,
    /// Only these rows, as in `G01,G05`.
    #[arg(long, value_name = "ROWS", value_delimiter = ',')]
    only: Vec<String>,
    /// Where all figures go as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Small numbers, for every change.
    #[arg(long)]
    quick: bool,
    /// What chance begins with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let beside = || std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join("hostel")));
    let hostel = options.hostel.or_else(beside).expect("this program must know where it is");
    assert!(hostel.is_file(), "there is no host at `{}`; name one with --hostel", hostel.display());
    let missing = guest::ALL.iter().find(|(_, path)| !Path::new(path).is_file());
    assert!(missing.is_none(), "a guest was not built: {missing:?}");
    let settled = Settled { hostel, quick: options.quick, seed: options.seed };
    let mut rows = rows::all();
    rows.retain(|row| {
        let named = |only: &String| row.number.eq_ignore_ascii_case(only);
        options.only.is_empty() || options.only.iter().any(named)
    });
    assert!(!rows.is_empty(), "there is no row {:?}", options.only);
    let guest = Arc::new(revision::Guest::read(Path::new(guest::REVISION_P2)));
    let mut bench = Bench::start(&settled, &guest, &services(&rows), "");
    warm(&bench);
    bench.quiet = quiet(&bench);
    progress(&format!("canaries alone: p99 {}", millis(bench.quiet)));
    let mut lines = Vec::new();
    for row in &rows {
        let began = Instant::now();
        let seen = trial::run(&mut bench, row);
        let took = began.elapsed();
        let what = format!("{:.1} s, {} {}: {}", took.as_secs_f64(), row.number, row.guest, seen.seen);
        progress(&format!("{what}{}", told(&seen.faults)));
        lines.push(Line { row, seen, took, compared: None });
        if !bench.host.is_alive() {
            progress("the host has ended, and the rows after this one are not tried");
            break;
        }
    }
    drop(bench);
    if let Some(wasmtime) = &options.wasmtime {
        for line in &mut lines {
            line.compared = wasmtime::compare(wasmtime, line.row);
        }
    }
    table::print(&lines, options.wasmtime.is_some()).expect("standard output must be writable");
    if let Some(path) = options.json {
        std::fs::write(path, format!("{:#}\n", table::json(&lines))).expect("the figures must be writable");
    }
    let holds = lines.len() == rows.len() && lines.iter().all(|line| line.seen.faults.is_empty());
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The services of all rows, each once, and those that take every slot of the pools once.
fn services(rows: &[Row]) -> Vec<Service> {
    let warm = [
        (WARM[0], guest::SLEEPS_P2),
        (WARM[1], guest::CALLER_P2),
        (WARM[2], guest::SLEEPS_P3),
        (WARM[3], guest::CALLER_P3),
    ];
    let warm = warm.map(|(name, path)| {
        let service = Service::of(name, path).limits("concurrency = 256");
        if let Some(callee) = callee(name) { service.with(&format!("calls = [\"{callee}\"]")) } else { service }
    });
    let all = rows.iter().flat_map(|row| &row.services).chain(&warm);
    let by_name: BTreeMap<&str, &Service> = all.map(|service| (service.name.as_str(), service)).collect();
    by_name.into_values().cloned().collect()
}

/// Whom a service that warms calls.
fn callee(name: &str) -> Option<&str> {
    let caller = WARM.iter().position(|own| *own == name).filter(|place| place % 2 == 1);
    caller.map(|place| WARM[place - 1])
}

/// As many at once as the pools have slots, of either kind: what a slot keeps after its first use is there
/// before anything is compared.
fn warm(bench: &Bench) {
    for (caller, callee) in WARM.iter().filter_map(|name| Some((name, callee(name)?))) {
        let query = format!("scheme=http&authority={callee}.internal&path=/{callee}%3Fms%3D700");
        let ask = Ask::get(caller, &query, Expect::ok(|_| true));
        std::thread::scope(|scope| {
            for _ in 0..WARM_AT_ONCE {
                scope.spawn(|| ask.send(bench.address, false, None));
            }
        });
    }
}

/// How long canaries take while nothing has been tried yet.
fn quiet(bench: &Bench) -> Duration {
    let load = bench.canaries();
    pause::pause(Duration::from_millis(500));
    load.cut();
    pause::pause(bench.of(Duration::from_secs(10), Duration::from_secs(3)));
    let seen = load.stop();
    assert!(seen.faults().is_empty(), "before anything was tried: {:?}", seen.faults());
    seen.latency.quantile(0.99)
}

fn told(faults: &[String]) -> String {
    if faults.is_empty() { String::new() } else { format!("\n   does not hold: {}", faults.join("\n   ")) }
}

/// Where `wanted` begins in `bytes`.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
