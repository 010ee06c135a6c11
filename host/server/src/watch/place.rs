//! Which names in which folders say that a file is another: its own, and those of every link on the way to it.
//!
//! A link that is swapped changes nothing in the folder that it leads to, so the
//! folder the link itself is in has to be watched as well.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Component, Path, PathBuf};

#[cfg(test)]
mod tests;

/// Links on the way to a file: as many as the system itself follows.
const LINKS_MAX: usize = 40;
/// Folders that are watched; files in more than that are looked at from time to time.
const FOLDERS_MAX: usize = 256;

/// Names that matter, by the folder they are in. Folders are free of links.
#[derive(Debug, Default)]
pub(super) struct Places {
    root: Option<PathBuf>,
    folders: BTreeMap<PathBuf, Names>,
}

#[derive(Debug, Default)]
struct Names {
    /// Whether every component and every table matters, whatever its name.
    dropped: bool,
    names: BTreeSet<OsString>,
}

impl Places {
    /// Of the folder `root` with all that may be dropped in there, and of `files`.
    pub(super) fn of(root: &Path, files: &[PathBuf]) -> Self {
        let mut places = Self::default();
        let inside = fs::canonicalize(root).ok();
        for file in files.iter().map(PathBuf::as_path).chain([root]) {
            places.follow(file, inside.as_deref());
        }
        if let Some(root) = inside {
            places.folders.entry(root.clone()).or_default().dropped = true;
            places.root = Some(root);
        }
        places
    }

    /// The folders, at most so many as may be watched.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        self.root.iter().chain(self.folders.keys()).take(FOLDERS_MAX).cloned().collect()
    }

    /// Whether a change of `path` matters: a name that does, or one of the folders.
    pub(super) fn want(&self, path: &Path) -> bool {
        if self.folders.contains_key(path) {
            return true;
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return false;
        };
        self.folders.get(folder).is_some_and(|names| names.names.contains(name) || names.dropped && is_dropped(name))
    }

    /// Adds every name that decides where `path` leads. Of plain folders those below `root`:
    /// further up too much else happens, and looking at the file tells as well.
    fn follow(&mut self, path: &Path, root: Option<&Path>) {
        let Ok(path) = std::path::absolute(path) else {
            return;
        };
        let mut folder = PathBuf::from("/");
        let mut rest = names(&path);
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                folder.pop();
                continue;
            }
            let next = folder.join(&name);
            let found = fs::symlink_metadata(&next);
            let is_folder = found.as_ref().is_ok_and(fs::Metadata::is_dir);
            if !is_folder || root.is_some_and(|root| folder.starts_with(root)) {
                self.folders.entry(folder.clone()).or_default().names.insert(name);
            }
            match found {
                Ok(found) if found.is_symlink() => {
                    links += 1;
                    let Ok(target) = fs::read_link(&next) else { return };
                    if links > LINKS_MAX {
                        return;
                    }
                    if target.is_absolute() {
                        folder = PathBuf::from("/");
                    }
                    let mut way = names(&target);
                    way.append(&mut rest);
                    rest = way;
                }
                Ok(found) if found.is_dir() => folder = next,
                // The end of the way, or nothing there yet.
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// The parts of a path that are names, and the ways up between them.
fn names(path: &Path) -> VecDeque<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    parts.collect()
}

/// Whether a file in the folder of `hostel.toml` may be a component or a table for one.
pub(super) fn is_dropped(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    !name.starts_with('.') && (name.ends_with(".wasm") || name.ends_with(".toml"))
}
