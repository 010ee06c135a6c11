//! One redb file that survives its own failures: opened with a checked format, reopened when an
//! error has latched.
//!
//! After any input or output error redb answers every later operation with the same refusal
//! until the file is closed and opened again, because what is on the disk is then unknown. So
//! every error here leads to a reopening, which reads the truth back from the disk. If the disk
//! takes no writes the file is opened so that at least reads go on.
//!
//! All writes commit in two phases with the allocator's state (`set_quick_repair`): keys and
//! values come from guests that are not trusted, and recovery after a crash is near instant.

mod backing;
mod copy;
mod format;
mod frozen;
mod table;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redb::{Durability, ReadTransaction, ReadableDatabase, WriteTransaction};

#[cfg(test)]
pub(crate) use self::backing::builder;
pub(crate) use self::backing::{Backing, FileBacking};
pub(crate) use self::format::{Layout, Step};
use crate::error::StorageError;

/// What a write makes of its transaction.
pub(crate) enum Verdict {
    /// Make it durable.
    Commit,
    /// Nothing was changed: spare the disk two syncs.
    Discard,
}

/// A database file with the format of its [`Layout`].
pub(crate) struct Database {
    backing: Box<dyn Backing>,
    layout: Layout,
    path: PathBuf,
    slot: RwLock<Slot>,
}

struct Slot {
    /// Counts reopenings, so that of all who saw one failure only the first acts on it.
    generation: u64,
    opened: Opened,
}

enum Opened {
    Writable(redb::Database),
    /// The disk takes no writes; reads go on.
    Frozen(redb::Database),
    /// The last attempt to open it failed; the next operation tries again.
    Broken,
    /// Closed on purpose and for good.
    Ended,
}

/// An operation's failure, with the generation that it saw.
struct Failed {
    generation: u64,
    error: StorageError,
    /// The change was never begun, so doing it again cannot do it twice.
    untouched: bool,
}

impl Database {
    /// Opens or creates the file behind `backing`; `path` is for the messages.
    pub(crate) fn open(path: &Path, layout: Layout, backing: Box<dyn Backing>) -> Result<Self, StorageError> {
        // What another host wrote is refused before the opening writes to it. What cannot be read so
        // is for the opening to judge.
        if let Ok(Ok(frozen)) = catch_unwind(AssertUnwindSafe(|| backing::open_frozen(backing.as_ref()))) {
            layout.judge(path, &frozen)?;
        }
        let opened = open_writable(path, &layout, backing.as_ref())?;
        Ok(Self { backing, layout, path: path.to_path_buf(), slot: RwLock::new(Slot { generation: 0, opened }) })
    }

    /// Runs `look` on a snapshot of everything committed so far.
    ///
    /// `look` runs a second time if the first failed and the file could be opened again.
    pub(crate) fn read<T>(&self, look: impl Fn(&ReadTransaction) -> Result<T, redb::Error>) -> Result<T, StorageError> {
        let failed = match self.try_read(&look) {
            Ok(value) => return Ok(value),
            Err(failed) => failed,
        };
        // Whatever recovery says, the file may be readable now, which is all that is asked.
        let recovered = self.recover(failed.generation);
        self.try_read(&look).map_err(|second| recovered.err().unwrap_or(second.error))
    }

    /// Runs `change` in a transaction; what it did is durable when this returns `Ok`.
    ///
    /// After an error the change may or may not be on the disk, but later operations see only
    /// what is.
    pub(crate) fn write<T>(
        &self,
        mut change: impl FnMut(&WriteTransaction) -> Result<(Verdict, T), redb::Error>,
    ) -> Result<T, StorageError> {
        let failed = match self.try_write(&mut change) {
            Ok(value) => return Ok(value),
            Err(failed) => failed,
        };
        let recovered = self.recover(failed.generation);
        if !failed.untouched {
            return Err(failed.error);
        }
        recovered?;
        self.try_write(&mut change).map_err(|second| second.error)
    }

    /// Writes a moment of the whole database to the new file `path`, durably: everything committed
    /// before, and of every transaction all or nothing. Neither reads nor writes wait for it.
    /// `between` runs as soon as the moment has passed.
    ///
    /// Pages that writes replace meanwhile are not used again before it is done, so the file may grow.
    pub(crate) fn copy_to(
        &self,
        path: &Path,
        between: impl Fn() -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let failed = match self.try_copy(path, &between) {
            Ok(outcome) => return outcome,
            Err(failed) => failed,
        };
        let recovered = self.recover(failed.generation);
        let second = self.try_copy(path, &between);
        second.unwrap_or_else(|second| Err(recovered.err().unwrap_or(second.error)))
    }

    /// Opens the file of a backup, and reads all of it to see that it is whole.
    pub(crate) fn verify(path: &Path, layout: Layout) -> Result<(), StorageError> {
        let backing = FileBacking(path.to_path_buf());
        let Opened::Writable(mut database) = open_writable(path, &layout, &backing)? else {
            return Err(StorageError::Unavailable { path: path.to_path_buf() });
        };
        if guarded(path, || Ok(database.check_integrity()?))? {
            return Ok(());
        }
        Err(StorageError::Corrupt { path: path.to_path_buf(), detail: "a checksum does not fit".to_owned() })
    }

    /// Closes the file and gives up its lock; every later operation is refused.
    pub(crate) fn end(&self) {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        slot.opened = Opened::Ended;
    }

    /// An outer error is this database's, an inner one that of the copy.
    fn try_copy(
        &self,
        path: &Path,
        between: &impl Fn() -> Result<(), StorageError>,
    ) -> Result<Result<(), StorageError>, Failed> {
        // The lock is not kept: a copy takes long, and must not keep the file from being opened
        // again after a failure. The copy fails then.
        let (moment, generation) = {
            let slot = self.slot();
            (self.begin_read(&slot)?, slot.generation)
        };
        if let Err(error) = between() {
            return Ok(Err(error));
        }
        match copy::of_moment(&self.layout, (&self.path, &moment), path) {
            Ok(()) => Ok(Ok(())),
            Err(copy::Failed::To(error)) => Ok(Err(error)),
            Err(copy::Failed::From(error)) => Err(Failed { generation, error, untouched: true }),
        }
    }

    fn try_read<T>(&self, look: impl Fn(&ReadTransaction) -> Result<T, redb::Error>) -> Result<T, Failed> {
        let slot = self.slot();
        let transaction = self.begin_read(&slot)?;
        guarded(&self.path, || look(&transaction)).map_err(|error| slot.failed(error))
    }

    fn begin_read(&self, slot: &Slot) -> Result<ReadTransaction, Failed> {
        let begun = match &slot.opened {
            Opened::Writable(database) | Opened::Frozen(database) => database.begin_read(),
            Opened::Broken => return Err(slot.failed(self.unavailable())),
            Opened::Ended => return Err(slot.failed(self.closed())),
        };
        begun.map_err(|error| slot.failed(StorageError::database(&self.path, error.into())))
    }

    fn try_write<T>(
        &self,
        change: &mut impl FnMut(&WriteTransaction) -> Result<(Verdict, T), redb::Error>,
    ) -> Result<T, Failed> {
        let slot = self.slot();
        let begun = match &slot.opened {
            Opened::Writable(database) => database.begin_write(),
            Opened::Frozen(_) | Opened::Broken => {
                return Err(slot.failed(self.unavailable()));
            }
            Opened::Ended => return Err(slot.failed(self.closed())),
        };
        let transaction = begun.map_err(|error| slot.failed(StorageError::database(&self.path, error.into())))?;
        guarded(&self.path, || run(transaction, change))
            .map_err(|error| Failed { untouched: false, ..slot.failed(error) })
    }

    /// Opens the file again unless somebody already did since generation `seen`.
    fn recover(&self, seen: u64) -> Result<(), StorageError> {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        if slot.generation != seen {
            return Ok(());
        }
        if matches!(slot.opened, Opened::Ended) {
            return Err(self.closed());
        }
        slot.generation += 1;
        // Dropping the old handle gives up its lock, without which nothing can be opened.
        slot.opened = Opened::Broken;
        let error = match open_writable(&self.path, &self.layout, self.backing.as_ref()) {
            Ok(opened) => {
                slot.opened = opened;
                return Ok(());
            }
            Err(error) => error,
        };
        if let Ok(frozen) = backing::open_frozen(self.backing.as_ref()) {
            slot.opened = Opened::Frozen(frozen);
        }
        Err(error)
    }

    /// Says that something in the file cannot be.
    pub(crate) fn corrupt(&self, detail: &dyn fmt::Display) -> StorageError {
        StorageError::Corrupt { path: self.path.clone(), detail: detail.to_string() }
    }

    fn slot(&self) -> RwLockReadGuard<'_, Slot> {
        self.slot.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn unavailable(&self) -> StorageError {
        StorageError::Unavailable { path: self.path.clone() }
    }

    fn closed(&self) -> StorageError {
        StorageError::Closed { path: self.path.clone() }
    }
}

impl Slot {
    /// A failure before anything was done.
    fn failed(&self, error: StorageError) -> Failed {
        Failed { generation: self.generation, error, untouched: true }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

fn open_writable(path: &Path, layout: &Layout, backing: &dyn Backing) -> Result<Opened, StorageError> {
    let database = match catch_unwind(AssertUnwindSafe(|| backing.open())) {
        Ok(opened) => opened.map_err(|error| backing::opening_failed(path, error))?,
        Err(_panic) => return Err(gave_up(path)),
    };
    layout.check(path, &database, backing)?;
    Ok(Opened::Writable(database))
}

/// Runs an operation of the database, whose panic over a damaged page must cost that operation
/// and neither the caller nor the thread that everyone's writes go through.
fn guarded<T>(path: &Path, operation: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StorageError> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(outcome) => outcome.map_err(|error| StorageError::database(path, error)),
        Err(_panic) => Err(gave_up(path)),
    }
}

fn gave_up(path: &Path) -> StorageError {
    StorageError::GaveUp { path: path.to_path_buf() }
}

fn run<T>(
    mut transaction: WriteTransaction,
    change: &mut impl FnMut(&WriteTransaction) -> Result<(Verdict, T), redb::Error>,
) -> Result<T, redb::Error> {
    configure(&mut transaction)?;
    match change(&transaction)? {
        (Verdict::Commit, value) => {
            transaction.commit()?;
            Ok(value)
        }
        (Verdict::Discard, value) => {
            transaction.abort()?;
            Ok(value)
        }
    }
}

/// What every write has in common, see the top of this file.
fn configure(transaction: &mut WriteTransaction) -> Result<(), redb::Error> {
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    Ok(())
}

#[cfg(test)]
mod tests;
