//! `hostel up`: starts a host from a configuration and waits for the signal to stop it.

use std::path::Path;
use std::sync::Arc;

use hostel_model::config::Problem;
use hostel_model::name::ServiceName;
use hostel_model::plan::ServicePlan;
use hostel_sandbox::CompileError;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Exit;
use super::report::{fail, say, show};
use super::table::served;
use crate::config::{Environment, Loaded, load, problem_at, resolve};
use crate::deploy::DeployError;
use crate::host::{Host, HostSettings, StartError};
use crate::platform::real_platform;

/// Serves the configuration at `path` until a signal.
pub(super) fn up(path: &Path, environment: Environment<'_>) -> Exit {
    let mut loaded = load(path);
    let deploy = resolve(&mut loaded, environment);
    show(&loaded.problems);
    if !loaded.is_valid() {
        return Exit::Configuration;
    }
    let data_plane = match tokio::runtime::Builder::new_multi_thread().thread_name("hostel-data").enable_all().build() {
        Ok(data_plane) => data_plane,
        Err(error) => {
            fail(&StartError::Thread(error));
            return Exit::Io;
        }
    };
    let platform = real_platform(data_plane.handle().clone());
    let settings = HostSettings {
        limits: loaded.plan.host.clone(),
        listeners: loaded.plan.listeners.clone(),
        deploy,
        access_log: Box::new(std::io::stdout()),
    };
    let exit = data_plane.block_on(async {
        let signals = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => Signals { terminate, interrupt },
            (Err(error), _) | (_, Err(error)) => {
                fail(&StartError::Thread(error));
                return Exit::Io;
            }
        };
        let progress = Box::new(|name: &ServiceName| tracing::info!(service = %name, "compiling"));
        match Host::start(settings, &loaded.state(), platform, progress).await {
            Ok(host) => serve_until_told(host, signals).await,
            Err(error) => not_started(&loaded, &error),
        }
    });
    // Guests that would not end are left behind.
    data_plane.shutdown_background();
    exit
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

async fn serve_until_told(host: Host, mut signals: Signals) -> Exit {
    say(&served(&host));
    signals.next().await;
    say("stopping: finishing what is in flight (again to stop at once)");
    tokio::select! {
        () = host.shutdown() => {
            say("stopped");
            Exit::Clean
        }
        number = signals.next() => std::process::exit(128 + number),
    }
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
    } else {
        fail(error);
    }
    Exit::from(error)
}

/// A component that cannot be a service, at the place that names it.
pub(super) fn rejected(loaded: &Loaded, plan: Option<&ServicePlan>, name: &ServiceName, error: &CompileError) -> Problem {
    let text = error.to_string();
    // The texts are "what is wrong; what to do".
    let (wrong, remedy) = text.rsplit_once("; ").unwrap_or((text.as_str(), "build it again"));
    let file = plan.map(|plan| plan.component.clone()).unwrap_or_default();
    let message = format!("`{file}` cannot be the service `{name}`: {wrong}");
    let source = Arc::new(loaded.source.clone());
    problem_at(&source, plan.and_then(|plan| plan.component_span.as_ref()), message, "this component", remedy.to_owned())
}
