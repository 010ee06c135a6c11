//! What was counted: a row for people, figures for programs, and what must not be.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::expect::Fault;
use super::plan::{LANES, SERVICES};

/// How long the slowest of a hundred recoveries may take.
const RECOVERY_P99: Duration = Duration::from_secs(1);
/// Faults that are told in full; more of one kind say nothing more.
const TOLD: usize = 20;

/// All that was counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub seed: u64,
    pub rounds: usize,
    /// Databases that were begun with, besides the first.
    pub databases: usize,
    /// Operations that were acknowledged.
    pub acknowledged: u64,
    /// Operations under way that were there afterwards, all of each.
    pub tails_there: u64,
    /// Those of which nothing was there.
    pub tails_missing: u64,
    /// Writers that were killed before their database was open.
    pub killed_before_open: usize,
    /// Processes that were killed while they opened the database after another had been killed.
    pub killed_in_recovery: usize,
    /// Those that had it open by then.
    pub killed_after_recovery: usize,
    /// From the opening to the end of the first read, after each round.
    pub recoveries: Vec<Duration>,
    /// The largest file of a database.
    pub bytes_most: u64,
    /// Keys whose acknowledged value was not there.
    pub lost: usize,
    /// Values and operations that were there in part.
    pub torn: usize,
    /// Whatever else was not as it must be.
    pub wrong: usize,
    /// The faults in words.
    pub faults: Vec<String>,
}

impl Tally {
    /// Counts the faults of a round.
    pub fn blame(&mut self, round: usize, faults: &[Fault]) {
        for fault in faults {
            let (kind, count, words) = match fault {
                Fault::Lost(words) => ("lost", &mut self.lost, words),
                Fault::Torn(words) => ("torn", &mut self.torn, words),
                Fault::Wrong(words) => ("wrong", &mut self.wrong, words),
            };
            *count += 1;
            if self.faults.len() < TOLD {
                self.faults.push(format!("round {round}: {kind}: {words}"));
            }
        }
    }

    /// The time that so many of all recoveries took at most.
    pub fn recovery(&self, share: f64) -> Option<Duration> {
        let mut times = self.recoveries.clone();
        times.sort_unstable();
        let place = (times.len() as f64 * share).ceil() as usize;
        times.get(place.saturating_sub(1)).copied()
    }

    /// Whether nothing was lost, torn or wrong, and recovery was as quick as it must be.
    pub fn is_kept(&self) -> bool {
        self.lost + self.torn + self.wrong == 0 && self.recovery(0.99).is_some_and(|time| time < RECOVERY_P99)
    }

    /// A table for people.
    pub fn markdown(&self) -> String {
        let verdict = if self.is_kept() { "" } else { "**not kept**; " };
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| millis(self.recovery(share)));
        let mut text = String::from("| what | command | seen |\n|---|---|---|\n");
        let seen = format!(
            "{verdict}{} rounds (seed {}, {} databases, {} lanes in {} services): {} writes acknowledged, {} lost, \
             {} torn, {} wrong; of the operations under way {} were there, {} were not; {} killed before the database \
             was open, {} during recovery, {} right after it; recovery p50 {p50:.1} ms, p99 {p99:.1} ms, slowest \
             {most:.1} ms; largest file {:.1} MiB",
            self.rounds,
            self.seed,
            self.databases + 1,
            LANES,
            SERVICES.len(),
            self.acknowledged,
            self.lost,
            self.torn,
            self.wrong,
            self.tails_there,
            self.tails_missing,
            self.killed_before_open,
            self.killed_in_recovery,
            self.killed_after_recovery,
            self.bytes_most as f64 / f64::from(1 << 20),
        );
        let command = format!("hostel-crash --rounds {} --seed {}", self.rounds, self.seed);
        for line in [format!("| `kill -9` during key-value writes | `{command}` | {seen} |")].iter().chain(&self.faults)
        {
            // Fails only without memory.
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// All figures.
    pub fn json(&self) -> Value {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| millis(self.recovery(share)));
        json!({
            "kept": self.is_kept(), "seed": self.seed, "rounds": self.rounds, "databases": self.databases + 1,
            "acknowledged": self.acknowledged, "lost": self.lost, "torn": self.torn, "wrong": self.wrong,
            "under_way": { "there": self.tails_there, "missing": self.tails_missing },
            "killed": {
                "before_open": self.killed_before_open,
                "in_recovery": self.killed_in_recovery,
                "after_recovery": self.killed_after_recovery,
            },
            "recovery_ms": { "p50": p50, "p99": p99, "max": most },
            "bytes_most": self.bytes_most, "faults": self.faults,
        })
    }
}

fn millis(time: Option<Duration>) -> f64 {
    time.unwrap_or_default().as_secs_f64() * 1000.0
}
