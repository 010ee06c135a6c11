//! The system's own word on changed files: inotify, by the crate `notify`, in terms of [`Sign`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hostel_model::platform::Clock;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::inbox::{Inbox, Note};
use super::settle::Sign;
use super::stamp::Identity;

/// Folders that the system watches for us.
pub(super) struct System {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeMap<PathBuf, Identity>,
    /// Folders whose watch has ended since they were last followed.
    past: Vec<PathBuf>,
    /// Folders whose refusal was told.
    refused: BTreeSet<PathBuf>,
}

impl System {
    /// From now on what happens in watched folders is put into `inbox`. Where the system has
    /// nothing of the kind a line in the log says so, and nothing ever comes.
    pub(super) fn start(inbox: Arc<Inbox>, clock: Arc<dyn Clock>) -> Self {
        let handler = move |event: notify::Result<Event>| match event {
            Ok(event) => deliver(&event, &inbox, &*clock),
            // Nobody knows what it would have been.
            Err(_) => inbox.lose(),
        };
        let watcher = notify::recommended_watcher(handler);
        let watcher = watcher.inspect_err(|error| {
            tracing::warn!(%error, "the system does not tell of changed files; they are looked at every second");
        });
        Self { watcher: watcher.ok(), watched: BTreeMap::new(), past: Vec::new(), refused: BTreeSet::new() }
    }

    /// One that tells nothing.
    #[cfg(test)]
    pub(super) fn deaf() -> Self {
        Self { watcher: None, watched: BTreeMap::new(), past: Vec::new(), refused: BTreeSet::new() }
    }

    /// Watches these folders and no others. Those that were replaced by another of the same name
    /// are watched anew. Gives back the folders of which nothing that was heard holds any more.
    pub(super) fn follow(&mut self, folders: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
        let Some(watcher) = &mut self.watcher else {
            return Vec::new();
        };
        let found = |folder: &PathBuf| Identity::at(folder);
        let past = self.watched.extract_if(.., |folder, was| !folders.contains(folder) || found(folder) != Some(*was));
        for (folder, _) in past.collect::<Vec<_>>() {
            // Fails if the folder itself is gone, and its watch with it.
            let _ = watcher.unwatch(&folder);
            self.past.push(folder);
        }
        for folder in folders {
            if self.watched.contains_key(folder) {
                continue;
            }
            // Asked first: if it is replaced in between, that is noticed the next time.
            let Some(identity) = found(folder) else { continue };
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder.clone(), identity);
                    self.refused.remove(folder);
                }
                Err(error) if self.refused.insert(folder.clone()) => tracing::warn!(
                    folder = %folder.display(),
                    %error,
                    "the system does not tell of changes in a folder; it is looked at every second"
                ),
                Err(_told_before) => {}
            }
        }
        self.refused.retain(|folder| folders.contains(folder));
        std::mem::take(&mut self.past)
    }

    /// Says that the name `path` is gone: if it was a folder's, what is watched in it and below is
    /// watched anew the next time, since those watches may have gone with it.
    pub(super) fn forget(&mut self, path: &Path) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for (folder, _) in self.watched.extract_if(.., |folder, _| folder.starts_with(path)) {
            let _ = watcher.unwatch(&folder);
            self.past.push(folder);
        }
    }
}

/// Puts what matters of an event into the inbox.
fn deliver(event: &Event, inbox: &Inbox, clock: &dyn Clock) {
    if event.need_rescan() {
        inbox.lose();
        return;
    }
    let Some(sign) = sign_of(event.kind) else {
        return;
    };
    for path in event.paths.iter().filter(|path| inbox.wants(path)) {
        let sign = if sign == Sign::Created && is_whole(path) { Sign::Placed } else { sign };
        inbox.put(Note { at: clock.now(), path: path.clone(), sign });
    }
}

/// What an event means for the file it names. Opening and reading mean nothing: we do that ourselves.
fn sign_of(kind: EventKind) -> Option<Sign> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Sign::Closed),
        EventKind::Create(CreateKind::Folder) => Some(Sign::Placed),
        EventKind::Create(_) => Some(Sign::Created),
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => Some(Sign::Gone),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Sign::Placed),
        EventKind::Modify(ModifyKind::Metadata(_)) => Some(Sign::Touched),
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => Some(Sign::Written),
        // Both ends of a renaming were told one by one.
        EventKind::Modify(ModifyKind::Name(_) | ModifyKind::Other)
        | EventKind::Access(_)
        | EventKind::Any
        | EventKind::Other => None,
    }
}

/// Whether a new name is for a file that was there before: a link of either kind.
fn is_whole(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink() || found.nlink() > 1)
}
