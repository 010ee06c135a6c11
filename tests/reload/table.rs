//! The rows of all scenarios, as a table for people and as JSON for programs.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::report::Row;

/// Prints the table, and below it what is wrong.
pub fn print(rows: &[Row]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "| what | command | seen |\n|---|---|---|")?;
    for row in rows {
        let verdict = if row.faults.is_empty() { "" } else { "**not kept**; " };
        writeln!(out, "| {} | `hostel-reload {}` | {verdict}{} |", row.what, row.scenario, row.seen)?;
    }
    for row in rows {
        for fault in &row.faults {
            writeln!(out, "{}: {fault}", row.scenario)?;
        }
    }
    out.flush()
}

/// All figures as one JSON object.
pub fn json(rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        let value = json!({ "seen": row.seen, "faults": row.faults, "figures": row.figures });
        (row.scenario.to_owned(), value)
    });
    Value::Object(rows.collect::<Map<_, _>>())
}
