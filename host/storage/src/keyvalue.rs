//! Guests' key-value data: every service has its own keys, and a write is acknowledged only when
//! it is durable.
//!
//! ```text
//! guest ── Bucket ── reads ───────────────────────────────> Database (snapshot)
//!             └───── writes ── Admission ── queue ── Writer ── Database (one commit a group)
//! ```
//!
//! Quotas are sums over all buckets of a service, kept in a table that changes in the same
//! transactions as the data, so they are right after any crash.

mod admission;
mod bucket;
mod change;
mod error;
mod operator;
mod quota;
mod table;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use hostel_model::limits::KeyValueLimits;
use hostel_model::name::{BucketName, ServiceName};
use hostel_model::platform::{Clock, Monotonic, Platform};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::bucket::{Bucket, KeyedValue, Swap};
pub use self::error::KeyValueError;
pub use self::operator::BucketUsage;
pub use self::quota::SharedQuota;
pub(crate) use self::table::LAYOUT;
pub use self::table::{KeyPage, Usage, Version, Versioned};

use self::admission::{Admission, Place, QUEUE_LENGTH};
use self::change::{Answer, Change};
use self::table::Space;
use self::writer::{Command, Counters, Job, Writer};
use crate::database::{Backing, Database, FileBacking};
use crate::error::StorageError;

/// The guests' database. Clones are the same database.
///
/// When the last clone and the last [`Bucket`] are gone the writer finishes what waits and its
/// thread ends; [`KeyValue::close`] also waits for that.
#[derive(Clone, Debug)]
pub struct KeyValue {
    front: Arc<Front>,
}

/// Figures for metrics and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Writes waiting for the writer now.
    pub queued: u64,
    /// Commits made since the start.
    pub commits: u64,
    /// Keys written or deleted by those commits.
    pub committed_writes: u64,
}

/// What callers hold: everything but the writer.
struct Front {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    queue: mpsc::Sender<Command>,
    counters: Arc<Counters>,
    /// Grows by the services of the configuration, which are few.
    services: Mutex<HashMap<Arc<str>, Arc<Admission>>>,
    /// Changes, by its sender's end, when the writer's thread is done.
    ended: watch::Receiver<()>,
}

impl KeyValue {
    /// Opens or creates the database in the file at `path` and starts its writer.
    ///
    /// # Errors
    /// [`StorageError::InUse`] if another host has it, [`StorageError::Format`] and
    /// [`StorageError::NotADatabase`] if it is something else, otherwise I/O.
    pub fn open(path: &Path, platform: &Platform) -> Result<Self, StorageError> {
        Self::start(path, Box::new(FileBacking(path.to_path_buf())), platform)
    }

    /// The keys of `service` under the name `bucket`. Whether it may have them is not asked here.
    #[must_use]
    pub fn bucket(&self, service: &ServiceName, bucket: &BucketName, limits: &KeyValueLimits) -> Bucket {
        let space = Space { service: Arc::from(service.as_str()), bucket: Arc::from(bucket.as_str()) };
        let admission = self.front.admission(&space.service);
        Bucket::new(Arc::clone(&self.front), admission, space, limits.clone())
    }

    /// What `service` keeps in all its buckets.
    ///
    /// # Errors
    /// I/O.
    pub fn usage(&self, service: &ServiceName) -> Result<Usage, StorageError> {
        self.front.database.read(|transaction| {
            let table = transaction.open_table(table::USAGE)?;
            table::usage(&table, service.as_str())
        })
    }

    /// Writes all of it to a new database at `path`, durable when this returns. Every write that was
    /// acknowledged before is in the copy; guests go on reading and writing meanwhile.
    ///
    /// # Errors
    /// I/O; there is no file then, or one that no host takes for guests' data.
    pub fn copy_to(&self, path: &Path) -> Result<(), StorageError> {
        self.front.database.copy_to(path, || Ok(()))
    }

    /// Figures for metrics and tests.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let counters = &self.front.counters;
        Gauges {
            queued: counters.queued.load(Ordering::Relaxed),
            commits: counters.commits.load(Ordering::Relaxed),
            committed_writes: counters.committed_writes.load(Ordering::Relaxed),
        }
    }

    /// Takes no more writes, and returns once those that wait are answered and the file's lock
    /// is given up. Every later operation fails with [`KeyValueError::Closed`].
    pub async fn close(&self) {
        // Fails only if the writer has ended already.
        let _ended = self.front.queue.send(Command::Close).await;
        let mut ended = self.front.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    fn start(path: &Path, backing: Box<dyn Backing>, platform: &Platform) -> Result<Self, StorageError> {
        let database = Arc::new(Database::open(path, table::LAYOUT, backing)?);
        let counters = Arc::new(Counters::default());
        let (queue, waiting) = mpsc::channel(QUEUE_LENGTH);
        let (end, ended) = watch::channel(());
        let writer =
            Writer { database: Arc::clone(&database), counters: Arc::clone(&counters), queue: waiting, newest: 0 };
        let body = Box::new(move || {
            writer.run();
            drop(end);
        });
        platform.spawn.thread("keyvalue-writer", body).map_err(|source| StorageError::Thread { source })?;
        let front =
            Front { database, clock: Arc::clone(&platform.clock), queue, counters, services: Mutex::default(), ended };
        Ok(Self { front: Arc::new(front) })
    }
}

impl Front {
    fn now(&self) -> Monotonic {
        self.clock.now()
    }

    fn admission(&self, service: &Arc<str>) -> Arc<Admission> {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(services.entry(Arc::clone(service)).or_default())
    }

    /// Queues a write and waits until it is durable.
    async fn write(
        &self,
        space: &Space,
        (limits, quota): (&KeyValueLimits, Option<&Arc<SharedQuota>>),
        change: Change,
        place: Place,
    ) -> Result<Answer, KeyValueError> {
        let (answer, answered) = oneshot::channel();
        let slot = self.queue.try_reserve().map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(()) => KeyValueError::Busy,
            mpsc::error::TrySendError::Closed(()) => KeyValueError::Closed,
        })?;
        self.counters.queued.fetch_add(1, Ordering::Relaxed);
        let (space, limits, quota) = (space.clone(), limits.clone(), quota.cloned());
        slot.send(Command::Write(Job { space, limits, quota, change, answer, place }));
        answered.await.unwrap_or(Err(KeyValueError::Closed))
    }
}

impl std::fmt::Debug for Front {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Front").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
