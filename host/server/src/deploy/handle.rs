//! The deployer's queue: orders from everywhere, one after the other, on a thread of its own. What they need compiled
//! is compiled before, on threads of those who ask.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, mpsc};

use hostel_model::platform::Platform;
use tokio::sync::{Semaphore, oneshot};

use super::ahead::{Ahead, Errands, Prepared};
use super::order::{DeployError, Done, Order};
use super::{Deployer, Store};

/// Orders that may wait. Each is a person, a file that changed, or a watch: more than
/// that at once is a mistake somewhere.
const QUEUE_LENGTH: usize = 64;

/// Orders of the admin plane for which something is compiled, each on a thread: most of them wait for another.
const COMPILING_MAX: usize = 8;

/// Whom to ask for changes.
#[derive(Clone)]
pub struct DeployerHandle {
    queue: mpsc::SyncSender<Job>,
    store: Arc<Store>,
    ahead: Ahead,
    compiling: Arc<Semaphore>,
}

enum Job {
    Order(Box<(Order, Prepared)>, oneshot::Sender<Result<Done, DeployError>>),
    Hold(oneshot::Sender<()>, mpsc::Receiver<()>),
    Stop(oneshot::Sender<()>),
}

/// While it lives nothing is deployed.
pub struct Hold(#[expect(dead_code, reason = "its end is what counts")] mpsc::Sender<()>);

impl DeployerHandle {
    /// Starts the thread that carries out orders.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(mut deployer: Deployer, platform: &Platform) -> io::Result<Self> {
        let (queue, jobs) = mpsc::sync_channel(QUEUE_LENGTH);
        let (store, ahead) = (Arc::clone(&deployer.store), deployer.ahead());
        let work = move || {
            let mut stopping = None;
            for job in &jobs {
                match job {
                    Job::Order(order, answer) => {
                        let (order, prepared) = *order;
                        let carry_out = AssertUnwindSafe(|| deployer.carry_out_prepared(order, prepared));
                        let carried_out = std::panic::catch_unwind(carry_out);
                        // Nobody waits any more if the client has left.
                        let _ = answer.send(carried_out.unwrap_or(Err(DeployError::Bug)));
                    }
                    Job::Hold(held, released) => {
                        if held.send(()).is_ok() {
                            // Never a value: it ends when the other side is dropped.
                            let _ = released.recv();
                        }
                    }
                    Job::Stop(stopped) => {
                        stopping = Some(stopped);
                        break;
                    }
                }
            }
            // The journal is closed before anybody is told.
            drop((deployer, jobs));
            drop(stopping);
        };
        platform.spawn.thread("hostel-deploy", Box::new(work))?;
        Ok(Self { queue, store, ahead, compiling: Arc::new(Semaphore::new(COMPILING_MAX)) })
    }

    /// Has `order` carried out, and waits for what comes of it.
    ///
    /// # Errors
    /// As [`Deployer::carry_out`], and [`DeployError::Busy`] if too many wait.
    pub async fn ask(&self, order: Order) -> Result<Done, DeployError> {
        if !self.ahead.may_compile(&order) {
            return self.send(order, Prepared::default())?.await.unwrap_or(Err(DeployError::Busy));
        }
        let permit = Arc::clone(&self.compiling).try_acquire_owned().map_err(|_full| DeployError::Busy)?;
        let (ahead, store, (done, is_done)) = (self.ahead.clone(), Arc::clone(&self.store), oneshot::channel());
        let work = move || {
            let errands = ahead.errands(&order, &store);
            // Not held while it compiles: the host may end meanwhile.
            drop((ahead, store));
            let prepared = errands.map(|errands| errands.map(Errands::run).unwrap_or_default());
            drop(permit);
            // Fails if whoever asked has left.
            let _ = done.send((order, prepared));
        };
        let spawn = &self.ahead.platform.spawn;
        spawn.thread("hostel-prepare", Box::new(work)).map_err(|_no_thread| DeployError::Busy)?;
        let (order, prepared) = is_done.await.map_err(|_panicked| DeployError::Bug)?;
        let prepared = prepared?;
        self.send(order, prepared)?.await.unwrap_or(Err(DeployError::Busy))
    }

    /// The same for a thread that has nothing else to do.
    ///
    /// # Errors
    /// As [`DeployerHandle::ask`].
    pub fn ask_from_thread(&self, order: Order) -> Result<Done, DeployError> {
        let errands = self.ahead.errands(&order, &self.store)?;
        let prepared = errands.map(Errands::run).unwrap_or_default();
        self.send(order, prepared)?.blocking_recv().unwrap_or(Err(DeployError::Busy))
    }

    /// Nothing is deployed until what comes back is dropped; what is being deployed is finished first.
    ///
    /// # Errors
    /// [`DeployError::Busy`] if too many wait, or the host ends.
    pub async fn hold(&self) -> Result<Hold, DeployError> {
        let (held, is_held) = oneshot::channel();
        let (hold, released) = mpsc::channel();
        self.queue.try_send(Job::Hold(held, released)).map_err(|_full| DeployError::Busy)?;
        is_held.await.map_err(|_ended| DeployError::Busy)?;
        Ok(Hold(hold))
    }

    /// What is kept, to be read. Only the deployer writes journal entries.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Finishes what is being deployed, and takes no more orders.
    pub async fn stop(&self) {
        let (stopping, stopped) = oneshot::channel();
        if self.queue.try_send(Job::Stop(stopping)).is_ok() {
            // Dropped, not sent, once the thread is done.
            let _ = stopped.await;
        }
    }

    fn send(
        &self,
        order: Order,
        prepared: Prepared,
    ) -> Result<oneshot::Receiver<Result<Done, DeployError>>, DeployError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Job::Order(Box::new((order, prepared)), answer)).map_err(|_full| DeployError::Busy)?;
        Ok(answered)
    }
}
