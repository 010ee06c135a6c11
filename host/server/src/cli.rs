//! The command line: what can be asked of `hostel`, and in which words.

use std::path::PathBuf;

use clap::{Args, ColorChoice, Parser, Subcommand};

/// The page that `hostel --help` ends with.
const AFTER_HELP: &str = "\
Files:
  hostel.toml   what to run; see `examples/` and README.md
  *.wasm        without a table of its own, `users.wasm` answers at and below `/users`
  .hostel/      state beside the configuration: databases, components by digest, journal

Environment:
  HOSTEL_LOG    what is logged to standard error, as in `warn` or `hostel=debug,guest=off`
  NO_COLOR      no colours, if set to anything

Exit status:
  0   stopped cleanly, or nothing is wrong
  64  the configuration, a component or the command line is wrong
  69  an address is taken, or the state folder is in use
  70  a bug in hostel
  74  reading or writing failed";

/// A host for WebAssembly services.
///
/// One process serves HTTP and hands each route to a sandboxed component.
/// Services call each other only through the host, and touch nothing they were
/// not granted.
#[derive(Debug, Parser)]
#[command(name = "hostel", version, after_help = AFTER_HELP, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// When to use colours. `auto` means on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the services of a folder.
    ///
    /// Reads `hostel.toml` and the components beside it, compiles what is new,
    /// and serves until it is told to stop: Ctrl-C or SIGTERM finishes what is in
    /// flight, a second one exits at once. One JSON line per request goes to
    /// standard output, everything else to standard error.
    Up(Target),
    /// Build the services of a folder, then serve them.
    ///
    /// Runs the `build` command of each service, after installing the Rust target
    /// `wasm32-wasip2` if rustup is there and lacks it; then does what `up` does.
    Dev(Target),
    /// Say what is wrong with a configuration, without serving it.
    ///
    /// Reports every problem in one run with its place and its remedy, components
    /// that cannot be services included. Touches no state.
    Check(Target),
}

/// What to work on.
#[derive(Debug, Args)]
pub struct Target {
    /// A folder, or a file like `hostel.toml`.
    #[arg(value_name = "DIR or FILE", default_value = ".")]
    pub path: PathBuf,
}
