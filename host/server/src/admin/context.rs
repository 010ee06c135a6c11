//! What the answers are made with: the state, the deployer, and threads for work that a disk can hold up.
//!
//! The admin plane has one thread, and probes are answered on it. So nothing on it
//! reads or writes a file: that is done apart, by a thread that ends with the work.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, Path};
use hostel_model::name::{BucketName, ServiceName};
use hostel_model::platform::Platform;
use http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::admin::AdminState;
use crate::admin::artifacts::room::Room;
use crate::admin::problem::Problem;
use crate::admin::reach::Reach;
use crate::admin::tokens::Tokens;
use crate::admin::uploaded::Uploaded;
use crate::deploy::DeployerHandle;

/// Uploads at once: an operator has one, a pipeline a few. Each holds a thread and
/// writes to the disk that guests write to.
pub(super) const UPLOADS_MAX: usize = 4;
/// Exports and imports at once, for the same reasons.
pub(super) const TRANSFERS_MAX: usize = 2;
/// Backups at once: they share one folder for what they need meanwhile.
const BACKUPS_MAX: usize = 1;

/// What every handler may ask for.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) state: Arc<AdminState>,
    pub(super) platform: Platform,
    /// For components that nobody has deployed yet.
    pub(super) room: Arc<Room>,
    /// Tokens of tenants.
    pub(super) tokens: Arc<Tokens>,
    /// What tenants have brought.
    pub(super) uploaded: Arc<Uploaded>,
    uploads: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
    backups: Arc<Semaphore>,
}

impl FromRef<Context> for Arc<AdminState> {
    fn from_ref(context: &Context) -> Self {
        Self::clone(&context.state)
    }
}

impl Context {
    pub(super) fn new(state: AdminState, tokens: Arc<Tokens>, platform: Platform) -> Self {
        Self {
            state: Arc::new(state),
            platform,
            room: Arc::default(),
            tokens,
            uploaded: Arc::default(),
            uploads: Arc::new(Semaphore::new(UPLOADS_MAX)),
            transfers: Arc::new(Semaphore::new(TRANSFERS_MAX)),
            backups: Arc::new(Semaphore::new(BACKUPS_MAX)),
        }
    }

    /// Who makes changes, once the host has deployed what it starts with.
    pub(super) fn deployer(&self) -> Result<&DeployerHandle, Problem> {
        let starting = "The host is still starting; ask again once `/readyz` says that it is ready.";
        self.state.deployer.get().ok_or_else(|| Problem::busy(starting))
    }

    /// A place for an upload.
    pub(super) fn upload(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let busy = |_| Problem::busy(format!("{UPLOADS_MAX} components are being uploaded already; try again."));
        Arc::clone(&self.uploads).try_acquire_owned().map_err(busy)
    }

    /// A place for an export or an import.
    pub(super) fn transfer(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let busy = |_| Problem::busy(format!("{TRANSFERS_MAX} exports or imports are under way already; try again."));
        Arc::clone(&self.transfers).try_acquire_owned().map_err(busy)
    }

    /// The place for a backup.
    pub(super) fn backup(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let busy = |_| Problem::busy("A backup is being made already; try again once it is done.");
        Arc::clone(&self.backups).try_acquire_owned().map_err(busy)
    }

    /// Begins `work` on a thread of its own; the future tells what came of it.
    /// Dropping that does not end the work.
    pub(super) fn apart<T, W>(
        &self,
        name: &'static str,
        work: W,
    ) -> impl Future<Output = Result<T, Problem>> + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let (done, outcome) = oneshot::channel();
        let body = Box::new(move || {
            // Nobody waits if the client has left.
            let _ = done.send(work());
        });
        let begun = self.platform.spawn.thread(name, body);
        async move {
            if let Err(error) = begun {
                tracing::error!(%error, "no thread for a request to the admin plane; raise the limit of threads");
                return Err(Problem::busy("The system has no thread to give; try again."));
            }
            // Fails if the thread has panicked, which the log tells about.
            outcome.await.map_err(|_panicked| Problem::internal())
        }
    }
}

/// What the path of a request says, by the names in its route.
pub(super) struct Params {
    named: BTreeMap<String, String>,
    reach: Reach,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = Path::<BTreeMap<String, String>>::from_request_parts(parts, state).await;
        // What is not UTF-8 is the name of nothing.
        let nothing = |_| Problem::not_found("There is nothing at this path; `/openapi.json` lists what there is.");
        // Every request has one. Without it nobody would know what may be shown.
        let reach = parts.extensions.get::<Reach>().cloned().ok_or_else(Problem::internal)?;
        found.map(|Path(named)| Self { named, reach }).map_err(nothing)
    }
}

impl Params {
    /// The service that is named, which whoever asks may see. Whether there is one is not asked.
    pub(super) fn service(&self) -> Result<ServiceName, Problem> {
        let service = ServiceName::parse(self.text("name")).ok().filter(|name| self.reach.includes(name));
        service.ok_or_else(no_service)
    }

    /// How far whoever asks reaches.
    pub(super) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The bucket that is named.
    pub(super) fn bucket(&self) -> Result<BucketName, Problem> {
        let none = "There is no such bucket; `/v1/services/{name}/keyvalue` lists those that there are.";
        BucketName::from_identifier(self.text("bucket")).map_err(|_| Problem::not_found(none))
    }

    /// Whatever stands there; nothing where the route has no such name.
    pub(super) fn text(&self, name: &str) -> &str {
        self.named.get(name).map_or("", String::as_str)
    }
}

/// What is answered for a service that was never there.
pub(super) fn no_service() -> Problem {
    Problem::not_found("There is no such service; `/v1/services` lists those that there are.")
}
