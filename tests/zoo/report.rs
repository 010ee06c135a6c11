//! What was seen of a row, and what broke its assertions.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::load::figures::{Figures, millis};

/// Faults of one kind that are told in full; of the rest the number.
const TOLD: usize = 4;

/// What was seen of one row.
#[derive(Default)]
pub struct Seen {
    /// In a few words.
    pub seen: String,
    /// What must not be; empty if the row holds.
    pub faults: Vec<String>,
    pub canaries: Option<Canaries>,
    /// The most by which a limit was passed: alone, and at all.
    pub overshoot: Option<(Duration, Duration)>,
    /// Resident memory in bytes, before and after.
    pub memory: Option<(u64, u64)>,
    /// Everything that was counted.
    pub figures: Value,
}

/// What clients of the canaries saw while a row was tried.
#[derive(Clone, Debug, Default)]
pub struct Canaries {
    pub errors: u64,
    pub requests: u64,
    /// Their p99 when nothing else was asked.
    pub baseline: Duration,
    /// Their p99 meanwhile, and what it may be.
    pub phases: Vec<Phase>,
}

/// Canaries during one way of asking.
#[derive(Clone, Debug)]
pub struct Phase {
    pub name: &'static str,
    pub requests: u64,
    pub p99: Duration,
    pub bound: Duration,
}

/// Collects what breaks an assertion, and tells the same thing once.
#[derive(Default)]
pub struct Faults {
    counts: BTreeMap<String, (u64, Vec<String>)>,
}

impl Faults {
    /// Something that must be so.
    pub fn unless(&mut self, so: bool, what: &str, detail: impl FnOnce() -> String) {
        if !so {
            let (count, details) = self.counts.entry(what.to_owned()).or_default();
            *count += 1;
            if details.len() < TOLD {
                let detail = detail();
                if !details.contains(&detail) {
                    details.push(detail);
                }
            }
        }
    }

    /// All of them, in words.
    pub fn all(self) -> Vec<String> {
        let told = |(what, (count, details)): (String, (u64, Vec<String>))| {
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            format!("{what}{times}: {}", details.join("; "))
        };
        self.counts.into_iter().map(told).collect()
    }
}

impl Canaries {
    /// Adds what a load has seen during one phase.
    pub fn note(&mut self, name: &'static str, seen: &Figures, bound: Duration, faults: &mut Faults) {
        let errors = seen.lost + seen.mixed + seen.stale + seen.wrong_status();
        self.errors += errors;
        self.requests += seen.sent;
        faults.unless(errors == 0, "canary errors", || format!("{name}: {}: {:?}", seen.shown(), seen.notes));
        let p99 = seen.latency.quantile(0.99);
        faults.unless(p99 <= bound, "canary p99", || {
            format!("{name}: {} of {} requests, bound {}", millis(p99), seen.sent, millis(bound))
        });
        self.phases.push(Phase { name, requests: seen.sent, p99, bound });
    }

    /// The largest p99 as a multiple of the one without anything else.
    pub fn ratio(&self) -> f64 {
        let worst = self.phases.iter().map(|phase| phase.p99).max().unwrap_or_default();
        worst.as_secs_f64() / self.baseline.as_secs_f64().max(1e-6)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let phases = self.phases.iter().map(|phase| {
            json!({
                "phase": phase.name, "requests": phase.requests,
                "p99_ms": ms(phase.p99), "bound_ms": ms(phase.bound),
            })
        });
        json!({
            "errors": self.errors, "requests": self.requests, "baseline_p99_ms": ms(self.baseline),
            "p99_ratio": self.ratio(), "phases": phases.collect::<Vec<_>>(),
        })
    }
}

impl Seen {
    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "seen": self.seen,
            "holds": self.faults.is_empty(),
            "faults": self.faults,
            "canaries": self.canaries.as_ref().map(Canaries::json),
            "overshoot_alone_ms": self.overshoot.map(|(alone, _)| ms(alone)),
            "overshoot_most_ms": self.overshoot.map(|(_, most)| ms(most)),
            "memory_before_bytes": self.memory.map(|(before, _)| before),
            "memory_after_bytes": self.memory.map(|(_, after)| after),
            "figures": self.figures,
        })
    }
}

/// A time as a number.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Says how far the zoo is, on standard error.
pub fn progress(text: &str) {
    eprintln!("-- {text}");
}
