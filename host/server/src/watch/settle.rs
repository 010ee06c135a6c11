//! When what was noticed about files is to be acted on, and which of them are not whole yet.
//!
//! A value without files and without a clock of its own, so that every order of
//! events can be tried. A file that is being written counts when it is closed; what
//! belongs together comes within moments, so one waits for a moment of quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hostel_model::platform::Monotonic;

use super::stamp::Stamp;

#[cfg(test)]
mod tests;

/// The quiet after which to act: `cp` needs less than that from one file to the next.
const QUIET: Duration = Duration::from_millis(20);
/// The same after a file has gone: what removes it often puts another in its place, and a service
/// that goes for a moment loses requests.
const GONE: Duration = Duration::from_millis(100);
/// Never wait longer than that for quiet: somebody waits for the first change.
const LATEST: Duration = Duration::from_millis(200);
/// How long it takes to see what is being written if signs of it may be missing: two looks.
const UNSURE: Duration = Duration::from_secs(2);
/// Files that are followed one by one; of more than that, all are looked at.
const FILES_MAX: usize = 1_000;

/// What was noticed about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Somebody has it open and wrote to it.
    Written,
    /// Somebody who could write to it has closed it.
    Closed,
    /// A file that is whole got this name: renamed, or linked.
    Placed,
    /// The name is new, and so is the file: it will be written now.
    Created,
    /// The name is gone.
    Gone,
    /// Permissions, owner or times.
    Touched,
}

/// What has changed, and what must not be read now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Nobody knows what changed: look at everything.
    pub all: bool,
    /// Files whose content may be another now.
    pub changed: BTreeSet<PathBuf>,
    /// Files that are still being written.
    pub unfinished: BTreeSet<PathBuf>,
}

/// How it is known that a file is being written.
#[derive(Clone, Copy, Debug)]
enum Writing {
    /// It was written to, and so will be closed.
    Begun,
    /// It is new. If nothing more is heard it was linked without a name before, which makes no
    /// other sign; so it counts once it was the same at two looks. The stamp is of the last one.
    Created(Option<Stamp>),
}

/// Gathers signs until it is time.
#[derive(Debug, Default)]
pub(super) struct Settling {
    writing: BTreeMap<PathBuf, Writing>,
    changed: BTreeSet<PathBuf>,
    gone: BTreeMap<PathBuf, Monotonic>,
    all: bool,
    pending: Option<Pending>,
    not_before: Option<Monotonic>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    first: Monotonic,
    last: Monotonic,
}

impl Settling {
    /// Everything has changed, to be acted on at once.
    pub(super) fn everything(now: Monotonic) -> Self {
        Self { all: true, pending: Some(Pending { first: now, last: now }), ..Self::default() }
    }

    /// One more sign.
    pub(super) fn note(&mut self, at: Monotonic, path: PathBuf, sign: Sign) {
        if sign != Sign::Touched {
            self.gone.remove(&path);
        }
        match sign {
            Sign::Written => {
                self.writing.insert(path, Writing::Begun);
            }
            Sign::Created => {
                self.writing.insert(path, Writing::Created(None));
            }
            Sign::Closed | Sign::Placed => {
                self.writing.remove(&path);
                self.change(at, path);
            }
            Sign::Gone => {
                self.writing.remove(&path);
                self.gone.insert(path.clone(), at);
                self.change(at, path);
            }
            // Closing it will say so too.
            Sign::Touched if self.writing.contains_key(&path) => {}
            Sign::Touched => self.change(at, path),
        }
        if self.writing.len() + self.changed.len() > FILES_MAX {
            self.lose(at);
        }
    }

    /// Signs were lost: anything may have changed, and what is being written is known only after
    /// two looks.
    pub(super) fn lose(&mut self, now: Monotonic) {
        let not_before = Some(self.not_before.unwrap_or_else(|| now.after(UNSURE)));
        *self = Self { not_before, ..Self::everything(now) };
    }

    /// Act at `at`, if nothing else comes.
    pub(super) fn act_at(&mut self, at: Monotonic) {
        self.pending.get_or_insert(Pending { first: at, last: at });
    }

    /// When to act, as far as is known now.
    pub(super) fn due(&self) -> Option<Monotonic> {
        let Pending { first, last } = self.pending?;
        let quiet = last.after(QUIET);
        let gone = self.gone.values().max().map_or(quiet, |last| last.after(GONE));
        let due = quiet.max(gone).min(first.after(LATEST));
        Some(self.not_before.map_or(due, |not_before| due.max(not_before)))
    }

    /// What to act on, if it is time.
    pub(super) fn take(&mut self, now: Monotonic) -> Option<Changes> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        (self.pending, self.not_before) = (None, None);
        self.gone.clear();
        let changed = std::mem::take(&mut self.changed);
        Some(Changes {
            all: std::mem::take(&mut self.all),
            changed,
            unfinished: self.writing.keys().cloned().collect(),
        })
    }

    /// Whether somebody is writing the file.
    pub(super) fn is_writing(&self, path: &Path) -> bool {
        self.writing.contains_key(path)
    }

    /// Forgets what is being written but is not of interest any more.
    pub(super) fn keep(&mut self, wanted: impl Fn(&Path) -> bool) {
        self.writing.retain(|path, _| wanted(path));
    }

    /// A look at the files that are new and were not heard of since; `stamp` says what one is now.
    pub(super) fn look(&mut self, now: Monotonic, stamp: impl Fn(&Path) -> Option<Stamp>) {
        let mut whole = Vec::new();
        for (path, writing) in &mut self.writing {
            if let Writing::Created(seen) = writing {
                let found = stamp(path);
                if found.is_some_and(|found| !found.is_empty()) && found == *seen {
                    whole.push(path.clone());
                }
                *seen = found;
            }
        }
        for path in whole {
            self.note(now, path, Sign::Placed);
        }
    }

    fn change(&mut self, at: Monotonic, path: PathBuf) {
        self.changed.insert(path);
        let first = self.pending.map_or(at, |pending| pending.first);
        self.pending = Some(Pending { first, last: at });
    }
}
