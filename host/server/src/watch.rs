//! Notices that files have changed, and waits until they are whole.
//!
//! The system tells of changes within a millisecond (`system`), but not on every
//! file system and not of everything, so the same files are looked at every
//! second as well (`look`). What comes of both is gathered until it is quiet
//! (`settle`). `place` says which names in which folders matter.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hostel_model::platform::{Clock, Monotonic};

use inbox::{Inbox, Mail, Note};
use look::{Looks, Stamps};
use place::{Places, is_dropped};
use settle::{Settling, Sign};
use system::System;

pub use settle::Changes;
pub use stamp::Stamp;

mod inbox;
mod look;
mod place;
mod settle;
mod stamp;
mod system;
#[cfg(test)]
mod tests;

/// How often files are looked at: soon enough where nothing else tells, and a hundredth of a
/// percent of a processor for a folder of usual size.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Files in the folder that are looked at, and entries among which they are sought; of more only
/// events tell.
const LISTED_MAX: usize = 1_000;
const ENTRIES_MAX: usize = 10_000;

/// Watches a folder and the files that its configuration names.
pub struct Watcher {
    root: PathBuf,
    files: Vec<PathBuf>,
    clock: Arc<dyn Clock>,
    inbox: Arc<Inbox>,
    system: System,
    settling: Settling,
    looks: Looks,
    next_look: Monotonic,
}

/// Ends the waiting of a [`Watcher`] when it is dropped.
pub struct Stopper(Arc<Inbox>);

impl Drop for Stopper {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Watcher {
    /// Watches the folder `root`. The first wait ends at once and says that all may have changed:
    /// what is read in between may be half-written, and what is half-written is known then.
    #[must_use]
    pub fn start(root: &Path, clock: Arc<dyn Clock>) -> (Self, Stopper) {
        let inbox = Arc::new(Inbox::default());
        let system = System::start(Arc::clone(&inbox), Arc::clone(&clock));
        let stopper = Stopper(Arc::clone(&inbox));
        let now = clock.now();
        let settling = Settling::everything(now);
        let (looks, next_look) = (Looks::default(), now.after(LOOK_EVERY));
        let (root, files) = (root.to_owned(), Vec::new());
        let mut watcher = Self { root, files, clock, inbox, system, settling, looks, next_look };
        watcher.follow();
        (watcher, stopper)
    }

    /// From now on these are the files besides those in the folder. What happens to a file before
    /// it is watched is noticed by the next look, so read it afterwards.
    pub fn watch(&mut self, files: Vec<PathBuf>) {
        self.files = files;
        self.follow();
        let inbox = &self.inbox;
        self.settling.keep(|path| inbox.wants(path));
    }

    /// Ends the next wait after `time`, whatever happens until then.
    pub fn again_after(&mut self, time: Duration) {
        self.settling.act_at(self.clock.now().after(time));
    }

    /// Waits until something has changed and is whole; nothing once the [`Stopper`] is gone.
    pub fn wait(&mut self) -> Option<Changes> {
        loop {
            let now = self.clock.now();
            if self.next_look <= now {
                self.look(now);
            }
            let until = self.settling.due().map_or(self.next_look, |due| due.min(self.next_look));
            match self.inbox.wait(until.since(now)) {
                Mail::Stop => return None,
                Mail::Notes { notes, lost } => self.hear(notes, lost),
            }
            // After all that came was heard: it says what must not be read.
            if let Some(changes) = self.settling.take(self.clock.now()) {
                return Some(self.act_on(changes));
            }
        }
    }

    fn hear(&mut self, notes: Vec<Note>, lost: bool) {
        for note in notes {
            if note.sign == Sign::Gone {
                self.system.forget(&note.path);
            }
            self.settling.note(note.at, note.path, note.sign);
        }
        if lost {
            let now = self.clock.now();
            self.settling.lose(now);
            self.next_look = now;
        }
    }

    /// Has the system watch what leads to the files now: links may lead elsewhere than before.
    fn follow(&mut self) {
        let places = Places::of(&self.root, &self.files);
        let folders = places.folders();
        self.inbox.want(places);
        self.renew(&folders);
    }

    /// What was being written in a folder that is another now is of no interest any more.
    fn renew(&mut self, folders: &BTreeSet<PathBuf>) {
        let past = self.system.follow(folders);
        self.settling.keep(|path| path.parent().is_none_or(|folder| !past.iter().any(|past| past == folder)));
    }

    fn look(&mut self, now: Monotonic) {
        self.next_look = now.after(LOOK_EVERY);
        self.renew(&self.inbox.folders());
        self.settling.look(now, Stamp::at);
        let settling = &self.settling;
        let writing = |path: &Path| settling.is_writing(path) || settling.is_writing(&end_of(path));
        let whole = self.looks.compare(self.stamps(), writing);
        for path in whole {
            self.settling.note(now, end_of(&path), Sign::Placed);
        }
    }

    /// The stamps come before the reading: what changes in between is noticed by the next look.
    fn act_on(&mut self, mut changes: Changes) -> Changes {
        let seen = self.stamps();
        let restless = self.looks.restless().filter(|path| !changes.changed.contains(&end_of(path)));
        let mut unfinished: BTreeSet<PathBuf> = restless.cloned().collect();
        unfinished.extend(seen.keys().filter(|path| self.settling.is_writing(&end_of(path))).cloned());
        self.looks.act_on(seen, &unfinished);
        changes.unfinished.append(&mut unfinished);
        changes
    }

    fn stamps(&self) -> Stamps {
        let stamped = |path: PathBuf| Stamp::at(&path).map(|stamp| (path, stamp));
        listed(&self.root).into_iter().chain(self.files.iter().cloned()).filter_map(stamped).collect()
    }
}

/// Where a path leads, links followed; the path itself if it leads nowhere.
fn end_of(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Components and tables in a folder, whether anything names them or not.
fn listed(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let names = entries.take(ENTRIES_MAX).filter_map(|entry| entry.ok().map(|entry| entry.file_name()));
    names.filter(|name| is_dropped(name)).map(|name| root.join(name)).take(LISTED_MAX).collect()
}
