//! Tables: with lines on a terminal, plain columns elsewhere, so that scripts can cut them.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{ContentArrangement, Table};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::admin_client::AskError;

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

/// Writes an answer to standard output. That nobody reads it is an error as well, which ends the
/// command quietly: see [`exit`](super::admin_client::exit).
pub(super) fn print(text: &[u8]) -> Result<(), AskError> {
    write(&mut io::stdout().lock(), text).map_err(AskError::Output)
}

/// Writes the host's own JSON to standard output, with a line end.
pub(super) fn print_json(json: &[u8]) -> Result<(), AskError> {
    print(&[json.trim_ascii_end(), b"\n"].concat())
}

/// Whether whoever read standard output has left. A pipe tells that only to those who write, or who ask.
pub(super) fn is_left() -> bool {
    left_by_its_reader(&io::stdout())
}

fn write(out: &mut dyn Write, text: &[u8]) -> io::Result<()> {
    out.write_all(text)?;
    out.flush()
}

fn left_by_its_reader(out: &impl AsFd) -> bool {
    let mut out = PollFd::new(out, PollFlags::empty());
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let asked = poll(std::slice::from_mut(&mut out), Some(&now));
    asked.is_ok() && out.revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::super::Exit;
    use super::super::admin_client::exit;
    use super::*;

    #[test]
    fn an_answer_that_cannot_be_written_is_an_error() {
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        let error = write(&mut full, b"answer").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(exit(Err(AskError::Output(error))), Exit::Io);
    }

    #[test]
    fn an_answer_that_nobody_reads_ends_the_command_quietly() {
        let (reader, mut writer) = io::pipe().unwrap();
        write(&mut writer, b"answer").unwrap();
        assert!(!left_by_its_reader(&writer));
        drop(reader);
        assert!(left_by_its_reader(&writer));
        let error = AskError::Output(write(&mut writer, b"more").unwrap_err());
        assert!(error.is_left());
        assert_eq!(exit(Err(error)), Exit::Clean);
        let folder = tempfile::tempfile().unwrap();
        assert!(!left_by_its_reader(&folder), "a file has no reader that could leave");
    }
}
