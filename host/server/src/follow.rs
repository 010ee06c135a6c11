//! Keeps a running host in step with its folder: whatever changes there becomes an order to the deployer.
//!
//! A thread waits for the watcher, reads what has changed, and asks for all that the
//! folder says now; the deployer finds out what that changes. What happens
//! meanwhile waits and is one more round. Nothing that is wrong with a file ends
//! anything: what cannot be understood is logged and changes nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hostel_model::config::{FILE_NAME, Problem};
use hostel_model::plan::Plan;
use hostel_model::platform::Platform;

use crate::config::{Files, LastGood, Loaded, Moment, load_from, resolve_running, root};
use crate::deploy::order::{tell_rejected, with_causes};
use crate::deploy::{Author, DeployError, DeployRequest, Done, Order, ServiceRequest, What};
use crate::hardening::is_kept_out;
use crate::watch::{Changes, Stopper, Watcher};
use restart::Reachable;
use said::Said;

mod restart;
mod said;
#[cfg(test)]
mod tests;

/// When to try again after the deployer had no time: soon, somebody waits.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// The same after the disk failed, which will not pass within moments.
const DISK_PAUSE: Duration = Duration::from_secs(10);

/// The same for a component that was not compiled because the machine had no room for that, the first time ...
const MOMENT_PAUSE: Duration = Duration::from_secs(15);
/// ... and after it has failed so often that it will hardly pass soon.
const MOMENT_PAUSE_MAX: Duration = Duration::from_mins(10);

/// Reads a variable of the environment, whenever a secret is to be read again.
pub type Variables = Box<dyn Fn(&str) -> Option<String> + Send>;

/// Carries out an order and waits for what comes of it.
pub type Orders = Box<dyn FnMut(Order) -> Result<Done, DeployError> + Send>;

/// A folder that is watched and not followed yet: from before anything in it is read, so that
/// nothing is missed, and what is half-written is known.
pub struct Watched {
    path: PathBuf,
    watcher: Watcher,
    stopper: Stopper,
}

impl Watched {
    /// Watches the folder of the configuration at `path`.
    #[must_use]
    pub fn at(path: &Path, platform: &Platform) -> Self {
        let (watcher, stopper) = Watcher::start(&root(path), Arc::clone(&platform.clock));
        Self { path: path.to_owned(), watcher, stopper }
    }

    /// Watches the files that the configuration names as well. What it names can be read now.
    pub fn watch(&mut self, loaded: &Loaded) {
        self.watcher.watch(loaded.files());
    }
}

/// What a host has started with.
pub struct Started {
    files: Vec<PathBuf>,
    tables: Vec<(PathBuf, Arc<str>)>,
    plan: Plan,
    has_file: bool,
    last: LastGood,
    said: Said,
    incomplete: bool,
}

impl Started {
    /// From what was `loaded`, with the plan as it is `written` there, and became `services`.
    #[must_use]
    pub fn with(loaded: &Loaded, written: Plan, services: &[ServiceRequest]) -> Self {
        Self {
            files: loaded.files(),
            tables: loaded.tables(),
            plan: written,
            has_file: loaded.file.is_some(),
            last: LastGood::of(services),
            said: Said::already(&loaded.problems),
            incomplete: false,
        }
    }

    /// Whether a service of the folder could not be made for a reason of the moment: it is tried again soon.
    #[must_use]
    pub fn incomplete(mut self, incomplete: bool) -> Self {
        self.incomplete = incomplete;
        self
    }
}

/// A thread that follows the folder; it ends when this is dropped, after the deployment it may be
/// waiting for.
pub struct Follow {
    _stopper: Stopper,
}

impl Follow {
    /// Follows the folder from now on. What has changed since it is watched counts as well.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(
        watched: Watched,
        started: Started,
        variables: Variables,
        orders: Orders,
        platform: &Platform,
    ) -> io::Result<Self> {
        let Watched { path, mut watcher, stopper } = watched;
        if started.incomplete {
            watcher.again_after(MOMENT_PAUSE);
        }
        let reachable = started.plan.listeners.iter().map(|listener| listener.services.clone()).collect();
        // One that is half-written just now says what it said when the host started.
        let files = Files::knowing(started.tables.iter().cloned());
        let pause = MOMENT_PAUSE;
        let mut follower = Follower { path, started, watcher, files, variables, orders, reachable, pause };
        let work = move || {
            while let Some(changes) = follower.watcher.wait() {
                follower.round(changes);
            }
        };
        platform.spawn.thread("hostel-follow", Box::new(work))?;
        Ok(Self { _stopper: stopper })
    }
}

/// What the thread works with.
struct Follower {
    path: PathBuf,
    started: Started,
    watcher: Watcher,
    files: Files,
    variables: Variables,
    orders: Orders,
    reachable: Reachable,
    /// How long to wait when a component was not compiled for a reason of the moment.
    pause: Duration,
}

impl Follower {
    fn round(&mut self, changes: Changes) {
        self.files.begin(changes);
        let mut loaded = load_from(&self.path, &mut self.files, Moment::Running);
        self.expect_file(&mut loaded);
        if loaded.is_valid() {
            self.started.files = loaded.files();
        }
        // Before anything is read that may not have been watched so far.
        self.watcher.watch(self.started.files.clone());
        let kept_out = loaded.files().into_iter().filter(|file| is_kept_out(file)).collect();
        self.started.said.out_of_reach(kept_out);
        if !loaded.is_valid() {
            self.started.said.problems(&loaded.problems);
            return;
        }
        self.started.has_file |= loaded.file.is_some();
        let services = resolve_running(&mut loaded, &*self.variables, &mut self.files, &mut self.started.last);
        self.files.end();
        self.started.said.problems(&loaded.problems);
        self.started.said.need_restart(restart::keys(&self.started.plan, &loaded.plan));
        let request = self.request(services, &loaded.plan);
        let order = Order {
            what: What::Folder { request, strict: false },
            by: Author::Folder,
            dry_run: false,
            if_version: None,
        };
        let outcome = (self.orders)(order);
        self.tell(outcome);
    }

    /// That a `hostel.toml` is gone is a mistake, not the wish for a host without grants.
    fn expect_file(&self, loaded: &mut Loaded) {
        if self.started.has_file && loaded.file.is_none() && loaded.is_valid() {
            let message = format!("`{FILE_NAME}` is gone");
            let help = "put it back, or restart the host to serve the components alone";
            loaded.problems.push(Problem::error(&loaded.source, message, help));
        }
    }

    /// What is asked for, as far as the host that runs can do it.
    fn request(&mut self, mut services: Vec<ServiceRequest>, plan: &Plan) -> DeployRequest {
        for service in &mut services {
            // The slots of the pool are no larger.
            service.limits.fit_into(&self.started.plan.host);
        }
        self.reachable = restart::reachable(&self.started.plan.listeners, &plan.listeners, &self.reachable);
        DeployRequest { services, listeners: self.reachable.clone(), tenants: plan.tenants.clone() }
    }

    /// The deployer itself tells what is live now.
    fn tell(&mut self, outcome: Result<Done, DeployError>) {
        match outcome {
            Ok(done) => {
                self.started.said.success();
                tell_rejected(&done.rejected);
                if done.rejected.iter().any(|(_, reason)| reason.is_of_the_moment()) {
                    self.watcher.again_after(self.pause);
                    self.pause = (self.pause * 2).min(MOMENT_PAUSE_MAX);
                } else {
                    self.pause = MOMENT_PAUSE;
                }
            }
            Err(DeployError::Busy) => self.watcher.again_after(BUSY_PAUSE),
            Err(error) => {
                // What is in the way may go by command, which is no change of the folder.
                if matches!(error, DeployError::Storage(_) | DeployError::RouteConflict { .. }) {
                    self.watcher.again_after(DISK_PAUSE);
                }
                self.started.said.failure(with_causes(&error));
            }
        }
    }
}
