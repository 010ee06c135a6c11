//! The deployer's queue: orders from everywhere, one after the other, on a thread of its own.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, mpsc};

use hostel_model::platform::Platform;
use tokio::sync::oneshot;

use super::order::{DeployError, Done, Order};
use super::{Deployer, Store};

/// Orders that may wait. Each is a person, a file that changed, or a watch: more than
/// that at once is a mistake somewhere.
const QUEUE_LENGTH: usize = 64;

/// Whom to ask for changes.
#[derive(Clone)]
pub struct DeployerHandle {
    queue: mpsc::SyncSender<Job>,
    store: Arc<Store>,
}

enum Job {
    Order(Box<Order>, oneshot::Sender<Result<Done, DeployError>>),
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
        let store = Arc::clone(&deployer.store);
        let work = move || {
            let mut stopping = None;
            for job in &jobs {
                match job {
                    Job::Order(order, answer) => {
                        let carried_out = std::panic::catch_unwind(AssertUnwindSafe(|| deployer.carry_out(*order)));
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
        Ok(Self { queue, store })
    }

    /// Has `order` carried out, and waits for what comes of it.
    ///
    /// # Errors
    /// As [`Deployer::carry_out`], and [`DeployError::Busy`] if too many wait.
    pub async fn ask(&self, order: Order) -> Result<Done, DeployError> {
        self.send(order)?.await.unwrap_or(Err(DeployError::Busy))
    }

    /// The same for a thread that has nothing else to do.
    ///
    /// # Errors
    /// As [`DeployerHandle::ask`].
    pub fn ask_from_thread(&self, order: Order) -> Result<Done, DeployError> {
        self.send(order)?.blocking_recv().unwrap_or(Err(DeployError::Busy))
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

    fn send(&self, order: Order) -> Result<oneshot::Receiver<Result<Done, DeployError>>, DeployError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Job::Order(Box::new(order), answer)).map_err(|_full| DeployError::Busy)?;
        Ok(answered)
    }
}
