//! `hostel up`: starts a host from a configuration and waits for the signal to stop it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use hostel_model::config::{HostFlags, Problem, overrule};
use hostel_model::name::ServiceName;
use hostel_model::plan::ServicePlan;
use hostel_model::platform::Platform;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::compile::compile_with;
use super::hardened::harden;
use super::report::{fail, say, show};
use super::table::served;
use super::{Exit, color, start_platform};
use crate::config::{Loaded, load, problem_at, resolve};
use crate::deploy::{DeployError, RejectReason};
use crate::follow::{Follow, Started, Watched};
use crate::hardening::{Level, Report, Unclean};
use crate::host::{Host, HostSettings, StartError};
use crate::line_writer::LineWriter;
use crate::service_manager::{ServiceManager, State};
use crate::sockets::Inherited;
use crate::telemetry::start_logging;
use crate::tls::development::development_tls;

/// How long a log that nobody reads may hold up the end.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

/// What a host is started with.
pub(super) struct Beginning<'a> {
    /// The configuration.
    pub(super) path: &'a Path,
    /// What the command line says of the bounds of the host.
    pub(super) flags: HostFlags,
    /// Variables of the process.
    pub(super) environment: fn(&str) -> Option<String>,
    /// Sockets that were handed over to it.
    pub(super) inherited: Inherited,
    /// Whether listeners that have no certificate get one made for them.
    pub(super) tls: bool,
    /// Whether the kernel holds the process.
    pub(super) hardening: Level,
}

/// Serves until a signal.
pub(super) fn up(beginning: Beginning<'_>) -> Exit {
    let Beginning { path, flags, environment, inherited, tls, hardening } = beginning;
    // Before the process is held, which keeps it from some of what this opens.
    let compile_with = compile_with(hardening);
    // Before anything that starts a thread.
    let hardened = match harden(hardening, path, &environment) {
        Ok(hardened) => hardened,
        Err(exit) => return exit,
    };
    let (data_plane, platform) = match start_platform() {
        Ok(started) => started,
        Err(error) => return failed(&error),
    };
    let log = match start_logging(environment("HOSTEL_LOG").as_deref(), color(), &platform) {
        Ok(log) => log,
        Err(error) => return failed(&StartError::Thread(error)),
    };
    hardened.iter().for_each(Report::log);
    let mut watched = Watched::at(path, &platform);
    let mut loaded = load(path);
    watched.watch(&loaded);
    let written = loaded.plan.clone();
    loaded.problems.extend(overrule(&mut loaded.plan.host, &flags, &environment));
    if tls && loaded.is_valid() {
        secure(&mut loaded, &platform);
    }
    let resolved = resolve(&mut loaded, &environment);
    // What was logged so far comes before.
    log.flush(LOG_PATIENCE);
    if !loaded.is_valid() {
        // Nothing will be deployed, so that what is missing will not be told later.
        loaded.problems.extend(resolved.missing.into_values());
        show(&loaded.problems);
        return Exit::Configuration;
    }
    if hardened.is_none() {
        return changed_meanwhile();
    }
    show(&loaded.problems);
    let started = Started::with(&loaded, written, &resolved.deploy.services);
    let settings = HostSettings {
        limits: loaded.plan.host.clone(),
        listeners: resolved.listeners,
        admin_socket: loaded.plan.admin.socket.as_ref().map(|socket| loaded.root.join(socket)),
        admin_address: loaded.plan.admin.address,
        deploy: resolved.deploy,
        egress: resolved.egress,
        access_log: Box::new(std::io::stdout()),
        inherited,
        compile_with,
    };
    let audience = Audience { manager: ServiceManager::of(&environment), log };
    let plans = Plans { loaded, missing: resolved.missing, watched, started, environment };
    let exit = data_plane.block_on(run(settings, plans, platform, &audience));
    audience.log.flush(LOG_PATIENCE);
    // Guests that would not end are left behind.
    data_plane.shutdown_background();
    exit
}

/// The configuration was wrong when the process should have been held by it, and is right now: somebody was writing
/// it. Nothing holds the process, so it serves nobody.
fn changed_meanwhile() -> Exit {
    say("the configuration was written while the host began, so that it is not hardened for it; start it again");
    Exit::Again
}

/// Gives every listener without TLS the certificate for development.
fn secure(loaded: &mut Loaded, platform: &Platform) {
    match development_tls(&loaded.state(), platform.clock.wall()) {
        Ok(tls) => {
            if let Some(certificate) = tls.certificates.first() {
                say(&format!("HTTPS with a certificate of its own; clients trust it with `{}`", certificate.cert.path));
            }
            for listener in loaded.plan.listeners.iter_mut().filter(|listener| listener.tls.is_none()) {
                listener.tls = Some(tls.clone());
                listener.h2c = false;
            }
        }
        Err(error) => {
            let problem = Problem::error(&loaded.source, error.to_string(), "or leave out `--tls`");
            loaded.problems.push(problem);
        }
    }
}

/// What was asked for, and what is needed to follow it.
struct Plans {
    loaded: Loaded,
    /// Why components are not there that the host may have from before.
    missing: BTreeMap<ServiceName, Problem>,
    watched: Watched,
    started: Started,
    environment: fn(&str) -> Option<String>,
}

#[expect(clippy::disallowed_methods, reason = "before anything is served there is nothing to finish")]
async fn run(settings: HostSettings, plans: Plans, platform: Platform, audience: &Audience) -> Exit {
    let mut signals = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => Signals { terminate, interrupt },
        (Err(error), _) | (_, Err(error)) => return failed(&StartError::Thread(error)),
    };
    let state = plans.loaded.state();
    let host = tokio::select! {
        host = Host::start(settings, &state, platform.clone()) => host,
        // Nothing is served yet, so there is nothing to finish.
        number = signals.next() => std::process::exit(128 + number),
    };
    let host = match host {
        Ok(host) => host,
        Err(error) => {
            audience.log.flush(LOG_PATIENCE);
            return not_started(&plans, &error);
        }
    };
    let unclean = host.unclean();
    let deployer = host.deployer().clone();
    let orders = Box::new(move |order| deployer.ask_from_thread(order));
    let started = plans.started.incomplete(host.is_incomplete());
    match Follow::start(plans.watched, started, Box::new(plans.environment), orders, &platform) {
        Ok(follow) => serve_until_told(host, follow, Told { signals, unclean }, audience).await,
        Err(error) => {
            host.shutdown().await;
            failed(&StartError::Thread(error))
        }
    }
}

/// Who is told how the host stands.
struct Audience {
    /// People.
    log: LineWriter,
    /// Whoever started the process, if it wants to know.
    manager: ServiceManager,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// The number of the next signal that means "stop".
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        }
    }
}

/// What ends a host.
struct Told {
    signals: Signals,
    unclean: Unclean,
}

#[expect(clippy::disallowed_methods, reason = "a second signal means at once, whatever is still at work")]
async fn serve_until_told(host: Host, follow: Follow, mut told: Told, audience: &Audience) -> Exit {
    let Audience { log, manager } = audience;
    // What was logged so far comes before the table.
    log.flush(LOG_PATIENCE);
    say(&served(&host));
    manager.tell(State::Ready);
    let exit = tokio::select! {
        _ = told.signals.next() => Exit::Clean,
        () = told.unclean.wait() => Exit::Again,
    };
    manager.tell(State::Stopping);
    drop(follow);
    // Through the log's thread: nobody waits here for a terminal that is not read.
    log.write(b"stopping: finishing what is in flight (again to stop at once)\n".to_vec());
    tokio::select! {
        () = host.shutdown() => {
            log.write(b"stopped\n".to_vec());
            exit
        }
        number = told.signals.next() => std::process::exit(128 + number),
    }
}

fn failed(error: &StartError) -> Exit {
    fail(error);
    Exit::from(error)
}

fn not_started(plans: &Plans, error: &StartError) -> Exit {
    if let StartError::Deploy(DeployError::Rejected(rejections)) = error {
        let loaded = &plans.loaded;
        let problem = |(name, reason): &(ServiceName, RejectReason)| match (reason, plans.missing.get(name)) {
            (RejectReason::NoFile, Some(missing)) => missing.clone(),
            (reason, _) => {
                let plan = loaded.plan.services.iter().find(|plan| plan.name == *name);
                rejected(loaded, plan, name, reason)
            }
        };
        show(&rejections.iter().map(problem).collect::<Vec<_>>());
        return Exit::from(error);
    }
    failed(error)
}

/// A component that cannot be a service, at the place that names it.
pub(super) fn rejected(
    loaded: &Loaded,
    plan: Option<&ServicePlan>,
    name: &ServiceName,
    reason: &dyn fmt::Display,
) -> Problem {
    let text = reason.to_string();
    // The texts are "what is wrong; what to do".
    let (wrong, remedy) = text.rsplit_once("; ").unwrap_or((text.as_str(), "build it again"));
    let file = plan.map(|plan| plan.component.clone()).unwrap_or_default();
    let message = format!("`{file}` cannot be the service `{name}`: {wrong}");
    problem_at(
        plan.and_then(|plan| plan.source.as_ref()).unwrap_or(&loaded.source),
        plan.and_then(|plan| plan.component_span.as_ref()),
        message,
        "this component",
        remedy.to_owned(),
    )
}

#[cfg(test)]
mod tests;
