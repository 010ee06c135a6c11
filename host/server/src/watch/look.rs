//! Looking at files now and then: what events do not tell is noticed by comparing two looks.
//!
//! Some file systems send no events, queues overflow, and a folder can be replaced
//! above the one that is watched. A file that was changed counts as whole once it
//! was the same at two looks, as far as nobody is known to be writing it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::stamp::Stamp;

#[cfg(test)]
mod tests;

/// Files by path, with their stamps; those that are not there are left out.
pub(super) type Stamps = BTreeMap<PathBuf, Stamp>;

/// What was seen before.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// When the files were last acted on.
    acted_on: Stamps,
    /// At the last look.
    last: Stamps,
    /// Files that have changed since they were acted on and were not the same at two looks.
    restless: BTreeSet<PathBuf>,
}

impl Looks {
    /// The files that are another since they were acted on, and whole. Those for which `writing`
    /// holds are not.
    pub(super) fn compare(&mut self, seen: Stamps, writing: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let changed = |path: &&PathBuf| seen.get(*path) != self.acted_on.get(*path);
        let still = |path: &PathBuf| seen.get(path) == self.last.get(path) && !writing(path);
        let paths: BTreeSet<&PathBuf> = seen.keys().chain(self.acted_on.keys()).filter(changed).collect();
        let (whole, restless): (Vec<&PathBuf>, Vec<&PathBuf>) = paths.into_iter().partition(|path| still(path));
        let whole = whole.into_iter().cloned().collect();
        self.restless = restless.into_iter().cloned().collect();
        self.last = seen;
        whole
    }

    /// Files that may still be written, for all that is known here.
    pub(super) fn restless(&self) -> impl Iterator<Item = &PathBuf> {
        self.restless.iter()
    }

    /// What was `seen` is acted on now, but for what is `unfinished`.
    pub(super) fn act_on(&mut self, seen: Stamps, unfinished: &BTreeSet<PathBuf>) {
        let mut acted_on = seen;
        for path in unfinished {
            match self.acted_on.get(path) {
                Some(stamp) => acted_on.insert(path.clone(), *stamp),
                None => acted_on.remove(path),
            };
        }
        self.acted_on = acted_on;
        self.restless.retain(|path| unfinished.contains(path));
    }
}
