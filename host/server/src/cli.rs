//! The command line: what can be asked of `hostel`, and in which words.

use std::path::PathBuf;

use clap::{Args, ColorChoice, Parser, Subcommand};

use hostel_model::config::HostFlags;

use crate::hardening::Level;

pub use changes::{Backup, Conditions, Deploy, History, Kv, KvCommand, OneService, Restore, Rollback, Whom};
pub use token::{Token, TokenCommand};

mod changes;
mod token;

/// The page that `hostel --help` ends with.
const AFTER_HELP: &str = "\
Files:
  hostel.toml   what to run; see `examples/` and README.md
  *.wasm        without a table of its own, `users.wasm` answers at and below `/users`
  .hostel/      state beside the configuration: databases, components by digest, journal,
                `admin.sock` and, if `[admin]` gives an address, `admin.token`

Environment:
  HOSTEL_LOG            what is logged to standard error, as in `warn` or `hostel=debug,guest=off`
  HOSTEL_ADMIN          the host to ask, as `--admin` names it
  HOSTEL_ADMIN_TOKEN    what to show that host: its own token, or one of a tenant
  HOSTEL_MEMORY_BUDGET, HOSTEL_INSTANCES, HOSTEL_DRAIN
                        bounds of the host, over what the file says and below the flags
  NO_COLOR              no colours, if set to anything

Exit status:
  0   stopped cleanly, or nothing is wrong
  1   `explain`: no route takes the request; `deploy --wait`: the host took a revision back;
      `kv get`: the key has no value
  64  the configuration, a component or the command line is wrong
  69  an address is taken, the state folder is in use, or no host answers
  70  a bug in hostel
  74  reading or writing failed
  75  the host is busy, or the service has changed since `--if-version`; look again.
      `up`: swap was switched on, and slots may not be clean; start it again";

/// What a host starts itself with to have a component compiled.
pub const COMPILE_COMMAND: &str = "compile-for-host";

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
    ///
    /// Under systemd it takes the sockets of a socket unit for the listeners that have
    /// their addresses, as in `ListenStream=127.0.0.1:8080`, and says when it serves
    /// (`Type=notify`). They stay open while one host ends and the next one begins:
    /// clients wait, and a restart loses no connection.
    Up(Up),
    /// Build the services of a folder, then serve them.
    ///
    /// Runs the `build` command of each service, after installing the Rust target
    /// `wasm32-wasip2` if rustup is there and lacks it; then does what `up` does.
    Dev(Dev),
    /// Say what is wrong with a configuration, without serving it.
    ///
    /// Reports every problem in one run with its place and its remedy, components
    /// that cannot be services included. Then tells what the machine offers, and every
    /// limit that would hold with where its value comes from. Touches no state.
    Check(Check),
    /// Say how a running host stands.
    ///
    /// Asks its admin plane for its version, how long it has run, whether it is
    /// ready and what is missing, where it listens, how many connections are open,
    /// and how each service stands: which revision serves, which shares its requests,
    /// what the folder holds compared with it, and its counters.
    Status(Status),
    /// List the routes of a running host.
    ///
    /// Listener by listener, in the order of their precedence: of two routes that
    /// would take the same request, the first does.
    Routes(Asking),
    /// Say which route of a running host takes a request, and why.
    ///
    /// No request is made. The host answers by the rules it follows for a real one:
    /// how it spells the host and the path, whether it refuses them, which route is
    /// the most specific one that takes them, and what keeps each other route from it.
    /// Ends with status 0 if a route takes the request, and with 1 if none does.
    Explain(Explain),
    /// Put components in force on a running host.
    ///
    /// `hostel deploy users users.wasm` deploys one, `hostel deploy users=users.wasm
    /// orders=orders.wasm` several in one swap: all of them or none. Prints what
    /// changed, and what each asks for that the revision before did not. The folder
    /// has no say about a service from then on, until its file changes.
    Deploy(Deploy),
    /// Go back to the revision that served before, or to another one that is kept.
    ///
    /// If a newer revision shares the requests, that one is given up.
    Rollback(Rollback),
    /// Let the revision that shares the requests serve alone.
    Promote(OneService),
    /// Take a service away.
    ///
    /// Requests that have begun are finished. Its revisions and what it keeps stay,
    /// and `hostel deploy` brings it back.
    Undeploy(OneService),
    /// Make a service answer 503 `not-ready` until it is enabled.
    Disable(OneService),
    /// Make a service answer again.
    Enable(OneService),
    /// Put in force what waits because it asks for more than the revision before.
    Approve(OneService),
    /// Say what happened to a service, newest first.
    ///
    /// Who changed what and when, and which revisions are kept to go back to.
    History(History),
    /// Read and write what services keep in their buckets.
    Kv(Kv),
    /// Make, list and revoke tokens of tenants.
    Token(Token),
    /// Write everything that a running host keeps into one file.
    ///
    /// The host goes on serving. Every write that it had acknowledged before is in
    /// the file, which appears under its name only once it is whole.
    Backup(Backup),
    /// Fill the state folder from a backup, before a host is started there.
    ///
    /// The state folder that the configuration of DIR names must be missing or empty.
    /// It is filled wholly or not at all; components come with it, `hostel.toml` does not.
    Restore(Restore),
    /// Compile one component for a running host, which starts this command itself.
    #[command(name = COMPILE_COMMAND, hide = true)]
    CompileForHost(CompileForHost),
}

/// How the host is held that starts it.
#[derive(Debug, Args)]
pub struct CompileForHost {
    /// With `require` nothing is compiled unless the kernel holds the process.
    #[arg(long, value_enum, default_value_t = Level::On)]
    pub hardening: Level,
}

/// How a running host stands.
#[derive(Debug, Args)]
pub struct Status {
    /// Show it again whenever something changes, until Ctrl-C.
    ///
    /// A terminal is redrawn every second, elsewhere a new block is printed for
    /// each change other than of counters.
    #[arg(long)]
    pub watch: bool,
    /// Whom to ask.
    #[command(flatten)]
    pub asking: Asking,
}

/// How to serve.
#[derive(Debug, Args)]
pub struct Up {
    /// Whether the kernel holds the process to what its configuration names.
    ///
    /// A second wall behind the sandbox, on Linux: no new privileges, Landlock (the state
    /// folder, the folder of the configuration, the files and ports that it names) and
    /// seccomp. A file elsewhere that is named later needs a restart, and the log says so.
    #[arg(long, value_name = "HOW", default_value = "on")]
    pub hardening: Level,
    /// What the machine grants.
    #[command(flatten)]
    pub bounds: Bounds,
    /// What to serve.
    #[command(flatten)]
    pub target: Target,
}

/// What the machine grants, where it is not what the file says.
///
/// A flag comes before its variable of the environment, and that before the file.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Bounds of the host")]
pub struct Bounds {
    /// Memory of all instances together, as in `2GiB`; HOSTEL_MEMORY_BUDGET.
    #[arg(long, value_name = "SIZE")]
    memory_budget: Option<String>,
    /// Instances at once; HOSTEL_INSTANCES.
    #[arg(long, value_name = "COUNT")]
    instances: Option<String>,
    /// How long what is in flight may go on at the end, as in `30s`; HOSTEL_DRAIN.
    #[arg(long, value_name = "TIME")]
    drain: Option<String>,
}

impl Bounds {
    /// In the words that they were given in.
    #[must_use]
    pub fn words(&self) -> HostFlags {
        let Self { memory_budget, instances, drain } = self.clone();
        HostFlags { memory_budget, instances, drain }
    }
}

/// What to look at, and how to tell of it.
#[derive(Debug, Args)]
pub struct Check {
    /// Print what the machine offers and every limit as JSON, instead of tables.
    #[arg(long)]
    pub json: bool,
    /// What the machine grants.
    #[command(flatten)]
    pub bounds: Bounds,
    /// What to look at.
    #[command(flatten)]
    pub target: Target,
}

/// How to serve while services are being written.
#[derive(Debug, Args)]
pub struct Dev {
    /// Serve HTTPS with a certificate of its own, made once and kept in the state folder.
    ///
    /// For listeners that have no `tls` in the configuration. Nobody trusts that
    /// certificate until told to, so it is for this machine only.
    #[arg(long)]
    pub tls: bool,
    /// What the machine grants.
    #[command(flatten)]
    pub bounds: Bounds,
    /// What to serve.
    #[command(flatten)]
    pub target: Target,
}

/// Which host to ask, and how to show what it says.
#[derive(Debug, Args)]
pub struct Asking {
    /// The configuration of the host.
    #[command(flatten)]
    pub target: Target,
    /// Where the host is asked: a socket's path, `unix:PATH` or `http://HOST:PORT`.
    ///
    /// Without it HOSTEL_ADMIN says where, else the configuration of DIR: the
    /// `socket` of `[admin]`, or `admin.sock` in its state folder. By `http://` the
    /// host wants a token, which comes from HOSTEL_ADMIN_TOKEN, else from
    /// `admin.token` in that state folder.
    #[arg(long, value_name = "ADDRESS")]
    pub admin: Option<String>,
    /// Print what the host answers, as JSON, instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// A request that is not made.
#[derive(Debug, Args)]
pub struct Explain {
    /// The method, as in `GET`.
    #[arg(value_name = "METHOD")]
    pub method: String,
    /// The whole URL, as in `http://localhost:8080/users`. Its port says which
    /// listener is meant; without one it is the first for `http` or `https`.
    #[arg(value_name = "URL")]
    pub url: String,
    /// Whom to ask.
    #[command(flatten)]
    pub asking: Asking,
}

/// What to work on.
#[derive(Debug, Args)]
pub struct Target {
    /// A folder, or a file like `hostel.toml`.
    #[arg(value_name = "DIR or FILE", default_value = ".")]
    pub path: PathBuf,
}
