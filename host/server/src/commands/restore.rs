//! `hostel restore`: a state folder from a backup, before a host is started there.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use hostel_storage::StorageError;
use hostel_storage::backup::{Summary, restore as restored};

use super::Exit;
use super::admin_client::{AskError, exit};
use super::report::{fail, number, say, show};
use crate::admin::view::moment;
use crate::cli;
use crate::config::load;

/// Fills the state folder.
pub(super) fn restore(asked: &cli::Restore) -> Exit {
    let cli::Restore { file, target } = asked;
    let loaded = load(&target.path);
    // A folder without a configuration keeps its state where every such folder does.
    let has_text = !loaded.source.text.is_empty();
    if (has_text && !loaded.is_valid()) || !loaded.root.is_dir() {
        show(&loaded.problems);
        return Exit::Configuration;
    }
    let input = match input(file) {
        Ok(input) => input,
        Err(source) => return exit(Err(AskError::File { action: "read", path: file.clone(), source })),
    };
    let state = loaded.state();
    match restored(input, &state) {
        Ok(summary) => {
            say(&told(&summary, &state));
            Exit::Clean
        }
        Err(error) => {
            fail(&error);
            ended(&error)
        }
    }
}

fn input(file: &Path) -> io::Result<Box<dyn Read>> {
    Ok(if file == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(file)?) })
}

fn told(summary: &Summary, state: &Path) -> String {
    let made = humantime::format_rfc3339_seconds(moment(summary.at_unix_ms));
    let components = number(usize::try_from(summary.artifacts).unwrap_or(usize::MAX), "component");
    format!("restored into `{}` what was backed up at {made}: {components} and all records", state.display())
}

fn ended(error: &StorageError) -> Exit {
    match error {
        StorageError::NotEmpty { .. } | StorageError::NotABackup { .. } | StorageError::Format { .. } => {
            Exit::Configuration
        }
        StorageError::InUse { .. } => Exit::Taken,
        StorageError::NotADatabase { .. }
        | StorageError::Corrupt { .. }
        | StorageError::Missing { .. }
        | StorageError::TooLarge { .. }
        | StorageError::Io { .. }
        | StorageError::Database { .. }
        | StorageError::GaveUp { .. }
        | StorageError::Unavailable { .. }
        | StorageError::Closed { .. }
        | StorageError::Stream { .. }
        | StorageError::Thread { .. } => Exit::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_may_claim_to_be_of_any_time() {
        let told = |at_unix_ms| told(&Summary { at_unix_ms, artifacts: 1, ..Summary::default() }, Path::new("state"));
        let expected = "restored into `state` what was backed up at 2026-01-01T00:00:00Z: 1 component and all records";
        assert_eq!(told(1_767_225_600_000), expected);
        for claimed in [253_402_300_800_000, u64::MAX] {
            assert!(told(claimed).contains(" at 9999-12-31T23:59:59Z: "), "{}", told(claimed));
        }
    }
}
