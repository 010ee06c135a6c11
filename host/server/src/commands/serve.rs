//! `hostel up`: starts a host from a configuration and waits for the signal to stop it.

use std::path::Path;
use std::time::Duration;

use hostel_model::config::Problem;
use hostel_model::name::ServiceName;
use hostel_model::plan::ServicePlan;
use hostel_model::platform::Platform;
use hostel_sandbox::CompileError;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::report::{fail, say, show};
use super::table::served;
use super::{Exit, color, start_platform};
use crate::config::{Environment, Loaded, load, problem_at, resolve};
use crate::deploy::DeployError;
use crate::host::{Host, HostSettings, StartError};
use crate::line_writer::LineWriter;
use crate::telemetry::start_logging;
use crate::tls::development::development_tls;

/// How long a log that nobody reads may hold up the end.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

/// Serves the configuration at `path` until a signal. With `tls`, listeners that
/// have no certificate get one made for them.
pub(super) fn up(path: &Path, environment: Environment<'_>, tls: bool) -> Exit {
    let mut loaded = load(path);
    let (data_plane, platform) = match start_platform() {
        Ok(started) => started,
        Err(error) => return failed(&error),
    };
    if tls && loaded.is_valid() {
        secure(&mut loaded, &platform);
    }
    let resolved = resolve(&mut loaded, environment);
    show(&loaded.problems);
    if !loaded.is_valid() {
        return Exit::Configuration;
    }
    let log = match start_logging(environment("HOSTEL_LOG").as_deref(), color(), &platform) {
        Ok(log) => log,
        Err(error) => return failed(&StartError::Thread(error)),
    };
    let settings = HostSettings {
        limits: loaded.plan.host.clone(),
        listeners: resolved.listeners,
        admin_socket: loaded.plan.admin.socket.as_ref().map(|socket| loaded.root.join(socket)),
        admin_address: loaded.plan.admin.address,
        deploy: resolved.deploy,
        access_log: Box::new(std::io::stdout()),
    };
    let exit = data_plane.block_on(run(settings, &loaded, platform, &log));
    log.flush(LOG_PATIENCE);
    // Guests that would not end are left behind.
    data_plane.shutdown_background();
    exit
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

#[expect(clippy::disallowed_methods, reason = "before anything is served there is nothing to finish")]
async fn run(settings: HostSettings, loaded: &Loaded, platform: Platform, log: &LineWriter) -> Exit {
    let mut signals = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => Signals { terminate, interrupt },
        (Err(error), _) | (_, Err(error)) => return failed(&StartError::Thread(error)),
    };
    let progress = Box::new(|name: &ServiceName| tracing::info!(service = %name, "compiling"));
    let state = loaded.state();
    let started = tokio::select! {
        started = Host::start(settings, &state, platform, progress) => started,
        // Nothing is served yet, so there is nothing to finish.
        number = signals.next() => std::process::exit(128 + number),
    };
    match started {
        Ok(host) => serve_until_told(host, signals, log).await,
        Err(error) => {
            log.flush(LOG_PATIENCE);
            not_started(loaded, &error)
        }
    }
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

#[expect(clippy::disallowed_methods, reason = "a second signal means at once, whatever is still at work")]
async fn serve_until_told(host: Host, mut signals: Signals, log: &LineWriter) -> Exit {
    // What was logged so far comes before the table.
    log.flush(LOG_PATIENCE);
    say(&served(&host));
    signals.next().await;
    // Through the log's thread: nobody waits here for a terminal that is not read.
    log.write(b"stopping: finishing what is in flight (again to stop at once)\n".to_vec());
    tokio::select! {
        () = host.shutdown() => {
            log.write(b"stopped\n".to_vec());
            Exit::Clean
        }
        number = signals.next() => std::process::exit(128 + number),
    }
}

fn failed(error: &StartError) -> Exit {
    fail(error);
    Exit::from(error)
}

fn not_started(loaded: &Loaded, error: &StartError) -> Exit {
    if let StartError::Deploy(DeployError::Rejected(rejections)) = error {
        let problems: Vec<Problem> = rejections
            .iter()
            .map(|(name, error)| {
                let plan = loaded.plan.services.iter().find(|plan| plan.name == *name);
                rejected(loaded, plan, name, error)
            })
            .collect();
        show(&problems);
        return Exit::from(error);
    }
    failed(error)
}

/// A component that cannot be a service, at the place that names it.
pub(super) fn rejected(
    loaded: &Loaded,
    plan: Option<&ServicePlan>,
    name: &ServiceName,
    error: &CompileError,
) -> Problem {
    let text = error.to_string();
    // The texts are "what is wrong; what to do".
    let (wrong, remedy) = text.rsplit_once("; ").unwrap_or((text.as_str(), "build it again"));
    let file = plan.map(|plan| plan.component.clone()).unwrap_or_default();
    let message = format!("`{file}` cannot be the service `{name}`: {wrong}");
    problem_at(
        &loaded.source,
        plan.and_then(|plan| plan.component_span.as_ref()),
        message,
        "this component",
        remedy.to_owned(),
    )
}
