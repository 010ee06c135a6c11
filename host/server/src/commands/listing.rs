//! Tables: with lines on a terminal, plain columns elsewhere, so that scripts can cut them.

use std::io::{IsTerminal, Write};

use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{ContentArrangement, Table};

/// `rows` under `header`, for standard output.
pub(super) fn listing<const COLUMNS: usize>(header: [&str; COLUMNS], rows: Vec<[String; COLUMNS]>) -> String {
    drawn(header, rows, std::io::stdout().is_terminal())
}

/// The same for whatever output: with lines for a terminal.
pub(super) fn drawn<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
    terminal: bool,
) -> String {
    let mut table = Table::new();
    table.load_preset(if terminal { UTF8_FULL_CONDENSED } else { NOTHING });
    table.set_content_arrangement(if terminal { ContentArrangement::Dynamic } else { ContentArrangement::Disabled });
    table.set_header(header);
    table.add_rows(rows);
    let text = table.to_string();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Writes an answer to standard output. A closed one is nobody's concern.
pub(super) fn print(text: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text).and_then(|()| out.flush());
}

/// Writes the host's own JSON to standard output, with a line end.
pub(super) fn print_json(json: &[u8]) {
    print(&[json.trim_ascii_end(), b"\n"].concat());
}
