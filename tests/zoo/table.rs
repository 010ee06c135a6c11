//! The rows as a table for people and as JSON for programs.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::load::figures::millis;
use super::report::Seen;
use super::row::Row;
use super::wasmtime::Compared;

/// A row with what was seen of it.
pub struct Line<'r> {
    pub row: &'r Row,
    pub seen: Seen,
    pub took: Duration,
    pub compared: Option<Compared>,
}

/// Prints the table, and below it what is wrong.
pub fn print(lines: &[Line<'_>], compares: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let more = if compares { " `wasmtime serve` |" } else { "" };
    let rule = if compares { "---|" } else { "" };
    writeln!(
        out,
        "| | guest | expected | seen | canary errors | canary p99, of its baseline | kill overshoot, alone and most | \
         memory before and after, MiB |{more}\n|---|---|---|---|---|---|---|---|{rule}"
    )?;
    for line in lines {
        let Seen { seen, faults, canaries, overshoot, memory, .. } = &line.seen;
        let verdict = if faults.is_empty() { "" } else { "**does not hold**; " };
        let errors = canaries.as_ref().map_or("-".to_owned(), |seen| seen.errors.to_string());
        let ratio = canaries.as_ref().map_or("-".to_owned(), |seen| {
            let phases: Vec<String> = seen
                .phases
                .iter()
                .map(|phase| format!("{} (bound {})", millis(phase.p99), millis(phase.bound)))
                .collect();
            format!("{:.1}: {}", seen.ratio(), phases.join(", "))
        });
        let over = overshoot.map_or("-".to_owned(), |(alone, most)| format!("{}, {}", millis(alone), millis(most)));
        let memory = memory.map_or("-".to_owned(), |(before, after)| format!("{:.1}, {:.1}", mib(before), mib(after)));
        write!(
            out,
            "| {} | {} | {} | {verdict}{} | {errors} | {ratio} | {over} | {memory} |",
            line.row.number,
            line.row.guest,
            line.row.expected,
            seen.replace('|', "/")
        )?;
        if compares {
            write!(out, " {} |", line.compared.as_ref().map_or("-".to_owned(), Compared::shown))?;
        }
        writeln!(out)?;
    }
    for line in lines {
        for fault in &line.seen.faults {
            writeln!(out, "{} ({}): {fault}", line.row.number, line.row.guest)?;
        }
    }
    out.flush()
}

/// All figures.
pub fn json(lines: &[Line<'_>]) -> Value {
    let rows = lines.iter().map(|line| {
        json!({
            "number": line.row.number, "guest": line.row.guest, "expected": line.row.expected,
            "seconds": line.took.as_secs_f64(), "host": line.seen.json(),
            "wasmtime": line.compared.as_ref().map(Compared::json),
        })
    });
    json!({ "rows": rows.collect::<Vec<_>>() })
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
