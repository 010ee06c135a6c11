//! The one thread that writes guests' data: it takes all that waits, commits it once, answers all.
//!
//! A durable commit costs two syncs of the disk however much it holds, so committing in groups
//! is what makes many small writes affordable. While one group is being synced the next gathers
//! by itself; nobody waits for a group to fill. redb has one writer and blocks the thread, which
//! is why it is a thread of its own and never the event loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hostel_model::limits::KeyValueLimits;
use tokio::sync::{mpsc, oneshot};

use super::admission::Place;
use super::change::{Answer, Bounds, Change, Tables};
use super::error::KeyValueError;
use super::quota::SharedQuota;
use super::table::Space;
use crate::database::{Database, Verdict};
use crate::error::StorageError;

/// Writes in one commit: enough to share two syncs among many, few enough that the last of
/// them does not wait long for the first.
const GROUP_WRITES: usize = 512;
/// Bytes in one commit, so that its dirty pages stay well below the database's cache.
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// What arrives in the writer's queue.
pub(super) enum Command {
    Write(Job),
    /// Take no more, finish what waits, end.
    Close,
}

/// A write that waits.
pub(super) struct Job {
    pub(super) space: Space,
    pub(super) limits: KeyValueLimits,
    pub(super) quota: Option<Arc<SharedQuota>>,
    pub(super) change: Change,
    pub(super) answer: oneshot::Sender<Result<Answer, KeyValueError>>,
    pub(super) place: Place,
}

/// Counters that others read.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) queued: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) committed_writes: AtomicU64,
}

/// The writer's thread.
pub(super) struct Writer {
    pub(super) database: Arc<Database>,
    pub(super) counters: Arc<Counters>,
    pub(super) queue: mpsc::Receiver<Command>,
    /// The newest version given out, whether or not its commit succeeded.
    pub(super) newest: u64,
}

impl Writer {
    /// Writes until the queue is closed and empty, then closes the database.
    pub(super) fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let group = self.gather(first);
            if !group.is_empty() {
                self.commit(group);
            }
        }
        self.database.end();
    }

    /// All that waits, up to the bounds of a group.
    fn gather(&mut self, first: Command) -> Vec<Job> {
        let mut group = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Close => self.queue.close(),
                Command::Write(job) => {
                    self.counters.queued.fetch_sub(1, Ordering::Relaxed);
                    bytes += job.place.bytes();
                    group.push(job);
                }
            }
            let full = group.len() >= GROUP_WRITES || bytes >= GROUP_BYTES;
            next = if full { None } else { self.queue.try_recv().ok() };
        }
        group
    }

    /// Applies the group in one transaction, and answers only once that is durable.
    fn commit(&mut self, group: Vec<Job>) {
        match self.apply(&group) {
            Ok(answers) => {
                for (job, answer) in group.into_iter().zip(answers) {
                    job.reply(answer);
                }
            }
            Err(error) => {
                let error = KeyValueError::from(error);
                for job in group {
                    job.reply(Err(error.clone()));
                }
            }
        }
    }

    fn apply(&mut self, group: &[Job]) -> Result<Vec<Result<Answer, KeyValueError>>, StorageError> {
        let mut newest = self.newest;
        let outcome = self.database.write(|transaction| {
            let mut tables = Tables::open(transaction, newest)?;
            let mut answers = Vec::with_capacity(group.len());
            for job in group {
                let bounds = Bounds { limits: &job.limits, quota: job.quota.as_deref() };
                answers.push(tables.apply(&job.space, bounds, &job.change)?);
            }
            let written;
            (newest, written) = tables.finish()?;
            let verdict = if written == 0 { Verdict::Discard } else { Verdict::Commit };
            Ok((verdict, (answers, written)))
        });
        self.newest = newest;
        let (answers, written) = outcome?;
        if written > 0 {
            self.counters.commits.fetch_add(1, Ordering::Relaxed);
            self.counters.committed_writes.fetch_add(written, Ordering::Relaxed);
        }
        Ok(answers)
    }
}

impl Job {
    fn reply(self, answer: Result<Answer, KeyValueError>) {
        // Who asked may be gone, with its request; the write stands all the same.
        let _gone = self.answer.send(answer);
    }
}
