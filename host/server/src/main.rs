//! Parses the command line, does what it asks, and ends with its status.

use std::process::ExitCode;

use clap::Parser;
use hostel::cli::Cli;
use hostel::commands::{Exit, run};

fn main() -> ExitCode {
    match Cli::try_parse() {
        // A panic that reaches this far is told by the hook; here it gets its status.
        Ok(cli) => std::panic::catch_unwind(|| run(cli)).unwrap_or(Exit::Bug).into(),
        Err(error) => {
            // Help and version are asked for and go to standard output.
            let asked_for = error.exit_code() == 0;
            let printed = error.print().is_ok();
            if asked_for && printed { Exit::Clean.into() } else { Exit::Configuration.into() }
        }
    }
}
