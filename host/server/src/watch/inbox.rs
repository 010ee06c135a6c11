//! What the system tells, kept until the watching thread takes it: bounded, and filtered at the door.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostel_model::platform::Monotonic;

use super::place::Places;
use super::settle::Sign;

#[cfg(test)]
mod tests;

/// Signs that may wait while a deployment is under way. More of them say only that all must be looked at.
const NOTES_MAX: usize = 4_096;

/// A sign, with the file it is of and when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) at: Monotonic,
    pub(super) path: PathBuf,
    pub(super) sign: Sign,
}

/// What came, or that it is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mail {
    /// Nobody wants to know any more.
    Stop,
    /// What came, in order; nothing if the time was up.
    Notes {
        notes: Vec<Note>,
        /// Whether more came than could be kept.
        lost: bool,
    },
}

/// Where signs wait.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    places: Places,
    notes: Vec<Note>,
    lost: bool,
    stopped: bool,
}

impl Inbox {
    /// From now on only these places matter.
    pub(super) fn want(&self, places: Places) {
        self.lock().places = places;
    }

    /// Whether `path` matters.
    pub(super) fn wants(&self, path: &Path) -> bool {
        self.lock().places.want(path)
    }

    /// The folders in which something matters.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        self.lock().places.folders()
    }

    /// One more sign.
    pub(super) fn put(&self, note: Note) {
        let mut state = self.lock();
        let full = state.notes.len() >= NOTES_MAX;
        match state.notes.last_mut() {
            // A large file makes one such sign for each of its pieces.
            Some(last) if last.path == note.path && last.sign == note.sign => last.at = note.at,
            _ if full => state.lost = true,
            _ => state.notes.push(note),
        }
        self.woken.notify_one();
    }

    /// The system itself lost signs.
    pub(super) fn lose(&self) {
        self.lock().lost = true;
        self.woken.notify_one();
    }

    /// Whoever waits is to end.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.woken.notify_one();
    }

    /// What came, as soon as something has, but after `at_most` in any case.
    pub(super) fn wait(&self, at_most: Duration) -> Mail {
        let idle = |state: &mut State| state.notes.is_empty() && !state.lost && !state.stopped;
        let waited = self.woken.wait_timeout_while(self.lock(), at_most, idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.stopped {
            return Mail::Stop;
        }
        Mail::Notes { notes: std::mem::take(&mut state.notes), lost: std::mem::take(&mut state.lost) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
