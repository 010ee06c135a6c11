//! What a load has seen.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::latency::Latencies;

/// Words about what went wrong that are kept; the rest is counted.
const NOTES: usize = 8;

/// Counts between two looks.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Requests that were due and sent.
    pub sent: u64,
    /// Answers that were whole, 200, of one revision, and of one that may answer.
    pub good: u64,
    /// Requests without a whole answer.
    pub lost: u64,
    /// Answers that are not exactly what one revision answers.
    pub mixed: u64,
    /// Answers of a revision that may not answer: it was replaced before the request was sent, or never asked for.
    pub stale: u64,
    /// Requests sent again because their connection closed before a byte of an answer.
    pub retried: u64,
    /// Whole answers with another status than 200.
    pub statuses: BTreeMap<u16, u64>,
    /// Good answers and failures on purpose, by revision.
    pub revisions: BTreeMap<u32, Share>,
    /// The first things that went wrong.
    pub notes: Vec<String>,
    /// From when a request was due until its answer was whole.
    pub latency: Latencies,
    /// How long this took.
    pub elapsed: Duration,
}

/// What one revision answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub good: u64,
    /// With the 500 that it was bent to give.
    pub failed: u64,
}

impl Figures {
    /// Keeps what went wrong, if there is room.
    pub fn remark(&mut self, note: impl FnOnce() -> String) {
        if self.notes.len() < NOTES {
            self.notes.push(note());
        }
    }

    /// Answers with another status than 200.
    pub fn wrong_status(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Whole answers in a second.
    pub fn rate(&self) -> f64 {
        self.latency.number() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// What must not be, in words; empty if nothing is wrong.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (number, what) in [
            (self.lost, "lost"),
            (self.mixed, "mixed"),
            (self.stale, "answered by a revision that was replaced"),
            (self.wrong_status(), "with another status than 200"),
        ] {
            if number > 0 {
                faults.push(format!("{number} {what}"));
            }
        }
        if !faults.is_empty() {
            faults.extend(self.notes.iter().cloned());
        }
        if self.good == 0 {
            faults.push("no request was answered".to_owned());
        }
        faults
    }

    /// For people.
    pub fn shown(&self) -> String {
        let statuses: Vec<String> =
            self.statuses.iter().map(|(status, number)| format!("{number} x {status}")).collect();
        let statuses = if statuses.is_empty() { String::new() } else { format!(", {}", statuses.join(", ")) };
        format!(
            "{} requests, {} lost, {} mixed, {} stale, {} retried{statuses}",
            self.sent, self.lost, self.mixed, self.stale, self.retried
        )
    }

    /// Latencies for people.
    pub fn latencies(&self) -> String {
        let [half, most, nearly, longest] = [
            self.latency.quantile(0.5),
            self.latency.quantile(0.99),
            self.latency.quantile(0.999),
            self.latency.longest(),
        ]
        .map(millis);
        format!("p50 {half}, p99 {most}, p99.9 {nearly}, longest {longest}")
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let revisions = self
            .revisions
            .iter()
            .map(|(revision, share)| (revision.to_string(), json!({ "good": share.good, "failed": share.failed })));
        let statuses = self.statuses.iter().map(|(status, number)| (status.to_string(), json!(number)));
        json!({
            "sent": self.sent,
            "good": self.good,
            "lost": self.lost,
            "mixed": self.mixed,
            "stale": self.stale,
            "retried": self.retried,
            "statuses": statuses.collect::<serde_json::Map<_, _>>(),
            "revisions": revisions.collect::<serde_json::Map<_, _>>(),
            "seconds": self.elapsed.as_secs_f64(),
            "p50_us": micros(self.latency.quantile(0.5)),
            "p99_us": micros(self.latency.quantile(0.99)),
            "p999_us": micros(self.latency.quantile(0.999)),
            "max_us": micros(self.latency.longest()),
            "notes": self.notes,
        })
    }
}

/// A time in milliseconds, for people.
pub fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if millis < 10.0 { format!("{millis:.2} ms") } else { format!("{millis:.0} ms") }
}
