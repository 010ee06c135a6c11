//! What each command does, and the status it ends with.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ColorChoice;

use crate::cli::{Cli, Command};
use hostel_model::platform::Platform;
use hostel_storage::StorageError;
use tokio::runtime::{Builder, Runtime};

use crate::admin::AdminError;
use crate::commands::serve::Beginning;
use crate::config::Environment;
use crate::deploy::DeployError;
use crate::hardening::Level;
use crate::host::{StartError, log_panics};
use crate::platform::real_platform;
use crate::sockets::{HandOverError, Inherited};

mod admin_client;
mod backup;
mod build;
mod change;
mod changed;
mod check;
mod compile;
mod deploy;
mod explain;
mod hardened;
mod history;
mod kv;
mod limits;
mod listing;
mod report;
mod restore;
mod routes;
mod serve;
mod status;
mod table;
mod token;
mod whole_file;

/// How the process ends, by sysexits' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Stopped cleanly.
    Clean,
    /// What was asked about is not there, or did not last.
    None,
    /// The configuration, a component or the command line is wrong.
    Configuration,
    /// An address or the state folder is taken.
    Taken,
    /// No host answers.
    Unavailable,
    /// A bug in the host.
    Bug,
    /// The disk or the system failed.
    Io,
    /// The host is busy, or things have changed: look again.
    Again,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::None => 1,
            Exit::Configuration => 64,
            Exit::Taken | Exit::Unavailable => 69,
            Exit::Bug => 70,
            Exit::Io => 74,
            Exit::Again => 75,
        })
    }
}

impl From<&StartError> for Exit {
    fn from(error: &StartError) -> Self {
        match error {
            StartError::AddressTaken { .. }
            | StartError::Storage(StorageError::InUse { .. })
            | StartError::Admin(AdminError::AddressTaken { .. } | AdminError::SocketTaken { .. }) => Self::Taken,
            StartError::Deploy(DeployError::Bug) | StartError::Admin(AdminError::Bug) => Self::Bug,
            StartError::Listen { .. }
            | StartError::HandOver(
                HandOverError::Count { .. } | HandOverError::Kind { .. } | HandOverError::Unclaimed { .. },
            )
            | StartError::Admin(
                AdminError::SocketPath { .. }
                | AdminError::NoSocket { .. }
                | AdminError::Address { .. }
                | AdminError::TokenReadable { .. }
                | AdminError::TokenBroken { .. }
                | AdminError::TokensReadable { .. }
                | AdminError::TokensBroken { .. },
            )
            | StartError::Deploy(
                DeployError::Rejected(_)
                | DeployError::RouteConflict { .. }
                | DeployError::Unchangeable { .. }
                | DeployError::NoService(_)
                | DeployError::NoRevision { .. }
                | DeployError::Outdated { .. },
            ) => Self::Configuration,
            StartError::Storage(_)
            | StartError::HandOver(HandOverError::Unusable { .. })
            | StartError::Deploy(DeployError::Storage(_) | DeployError::Busy)
            | StartError::Sandbox(_)
            | StartError::Admin(AdminError::Socket { .. } | AdminError::Token { .. } | AdminError::Thread(_))
            | StartError::Thread(_) => Self::Io,
        }
    }
}

/// Whether colours may be used on standard error.
static COLOR: AtomicBool = AtomicBool::new(false);

/// The data plane, and the platform on it.
fn start_platform() -> Result<(Runtime, Platform), StartError> {
    let data_plane = Builder::new_multi_thread().thread_name("hostel-data").enable_all().build();
    let data_plane = data_plane.map_err(StartError::Thread)?;
    let platform = real_platform(data_plane.handle().clone());
    Ok((data_plane, platform))
}

fn color() -> bool {
    COLOR.load(Ordering::Relaxed)
}

/// Does `work` with the sockets that were handed over to the process. They are taken
/// before it has threads or children, which would keep them open.
fn with_sockets(environment: Environment<'_>, work: impl FnOnce(Inherited) -> Exit) -> Exit {
    match Inherited::take_over(environment).map_err(StartError::from) {
        Ok(inherited) => work(inherited),
        Err(error) => {
            report::fail(&error);
            Exit::from(&error)
        }
    }
}

/// Does what the command line asks for.
#[must_use]
pub fn run(cli: Cli) -> Exit {
    // Before anything else: it has no environment, and its output is not for people.
    if let Command::CompileForHost(asked) = &cli.command {
        return compile::compile(asked);
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment; the rest gets it as an argument"
    )]
    let environment = |name: &str| std::env::var(name).ok();
    let wanted = match cli.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            std::io::stderr().is_terminal() && environment("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    };
    COLOR.store(wanted, Ordering::Relaxed);
    report::set_up();
    log_panics();
    match cli.command {
        Command::Check(asked) => check::check(&asked, &environment),
        Command::Up(up) => with_sockets(&environment, |inherited| {
            let (path, flags, hardening) = (&up.target.path, up.bounds.words(), up.hardening);
            serve::up(Beginning { path, flags, environment, inherited, tls: false, hardening })
        }),
        Command::Dev(dev) => with_sockets(&environment, |inherited| match build::build_all(&dev.target.path) {
            Ok(()) => {
                let (path, flags, tls) = (&dev.target.path, dev.bounds.words(), dev.tls);
                // What is built next may lie anywhere, and whoever writes it trusts it.
                serve::up(Beginning { path, flags, environment, inherited, tls, hardening: Level::Off })
            }
            Err(exit) => exit,
        }),
        Command::Status(asking) => status::status(&asking, &environment),
        Command::Routes(asking) => routes::routes(&asking, &environment),
        Command::Explain(asked) => explain::explain(&asked, &environment),
        Command::Deploy(asked) => deploy::deploy(&asked, &environment),
        Command::Rollback(asked) => change::rollback(&asked, &environment),
        Command::Promote(asked) => change::one_service("promote", &asked, &environment),
        Command::Undeploy(asked) => change::undeploy(&asked, &environment),
        Command::Disable(asked) => change::one_service("disable", &asked, &environment),
        Command::Enable(asked) => change::one_service("enable", &asked, &environment),
        Command::Approve(asked) => change::one_service("approve", &asked, &environment),
        Command::History(asked) => history::history(&asked, &environment),
        Command::Kv(asked) => kv::kv(&asked.command, &environment),
        Command::Token(asked) => token::token(&asked.command, &environment),
        Command::Backup(asked) => backup::backup(&asked, &environment),
        Command::Restore(asked) => restore::restore(&asked),
        Command::CompileForHost(asked) => compile::compile(&asked),
    }
}
