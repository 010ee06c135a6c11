//! Where a restored state goes: a folder that is not there yet, or an empty one.
//!
//! The first is made beside its place under another name, and put there in one step. The second may be
//! a mount point, as the volume of a container is: it cannot be replaced, and beside it is another
//! file system, if that may be written to at all. So that one is filled where it is. Until it is whole
//! its file `format` says so, and no host takes it for a state.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::{create, sweep};
use crate::durable::{self, UNFINISHED};
use crate::error::StorageError;
use crate::state::{ARTIFACTS_FOLDER, CONTROL_FILE, FORMAT, FORMAT_FILE, GUESTS_FILE, StateFolder};

/// What `format` says in a folder that is being filled. A host that finds it repeats it: short enough
/// that nothing of it is cut off there.
const MARK: &str = "hostel-restore unfinished, restore again";
/// The folder in a place that is there already, in which the files come together.
const INSIDE: &str = ".restore.unfinished";
/// What a new ext4 volume holds: nobody's data.
const LOST_AND_FOUND: &str = "lost+found";

/// A place for a state.
pub(super) enum Place {
    /// There is nothing; the folder that it will be in is there.
    Missing(PathBuf),
    /// An empty folder, or one that holds what a killed attempt left.
    Empty(PathBuf),
}

impl Place {
    /// The place that `state` names.
    pub(super) fn find(state: &Path) -> Result<Self, StorageError> {
        let reading = StorageError::io("read", state);
        match fs::read_dir(state) {
            Ok(entries) => {
                let place = fs::canonicalize(state).map_err(reading)?;
                let marked = is_marked(&place);
                for entry in entries {
                    let entry = entry.map_err(StorageError::io("read", state))?;
                    let (name, is_folder) = (entry.file_name(), entry.file_type().is_ok_and(|kind| kind.is_dir()));
                    let nobodys = is_folder && name == LOST_AND_FOUND;
                    let ours = marked && name.to_str().is_some_and(is_ours);
                    if !nobodys && !ours {
                        return Err(StorageError::NotEmpty { path: state.to_path_buf() });
                    }
                }
                Ok(Self::Empty(place))
            }
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                Err(StorageError::NotEmpty { path: state.to_path_buf() })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let Some(name) = state.file_name() else {
                    return Err(reading(error));
                };
                let parent = match state.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => parent,
                    _ => Path::new("."),
                };
                durable::create_folder(parent)?;
                let parent = fs::canonicalize(parent).map_err(StorageError::io("read", parent))?;
                Ok(Self::Missing(parent.join(name)))
            }
            Err(error) => Err(reading(error)),
        }
    }
}

/// The folder while it is not whole. Taken away when dropped.
pub(super) struct Half {
    /// Where the files come together.
    path: PathBuf,
    place: Place,
    /// It stands in its place: there is nothing to take away.
    done: bool,
}

impl Half {
    /// Makes the folder, in the place of one that an earlier attempt left.
    pub(super) fn make(place: Place) -> Result<Self, StorageError> {
        let path = match &place {
            Place::Missing(place) => beside(place),
            Place::Empty(place) => place.join(INSIDE),
        };
        let half = Self { path, place, done: false };
        match &half.place {
            Place::Missing(_) => sweep(&half.path)?,
            Place::Empty(place) => {
                // Of an attempt before the folder was there. It is in nobody's way, and may be out of reach.
                let _unimportant = sweep(&beside(place));
                clear(place)?;
                durable::write_file(place, FORMAT_FILE, format!("{MARK}\n").as_bytes())?;
            }
        }
        create(&half.path)?;
        create(&half.folder().artifacts())?;
        Ok(half)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn folder(&self) -> StateFolder {
        StateFolder::at(&self.path)
    }

    /// Makes it the state, durably.
    pub(super) fn put_in(mut self) -> Result<(), StorageError> {
        durable::sync_folder(&self.folder().artifacts())?;
        durable::sync_folder(&self.path)?;
        match &self.place {
            Place::Missing(place) => {
                // What came there meanwhile does not give way, unless it is an empty folder.
                fs::rename(&self.path, place).map_err(StorageError::io("put the restored state at", place))?;
                self.done = true;
                place.parent().map_or(Ok(()), durable::sync_folder)
            }
            Place::Empty(place) => {
                move_up(&self.path, place)?;
                sweep(&self.path)?;
                // The moment from which it is a state: the mark gives way in one step.
                durable::write_file(place, FORMAT_FILE, format!("{FORMAT}\n").as_bytes())?;
                self.done = true;
                Ok(())
            }
        }
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // What stays is swept by the next attempt.
        let _swept_later = match &self.place {
            Place::Missing(_) => sweep(&self.path),
            Place::Empty(place) => clear(place),
        };
    }
}

/// The folder beside `place` that becomes the one there.
fn beside(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{name}.{UNFINISHED}"))
}

/// Everything but the format, which says that the rest is there.
fn move_up(from: &Path, place: &Path) -> Result<(), StorageError> {
    for entry in fs::read_dir(from).map_err(StorageError::io("read", from))? {
        let name = entry.map_err(StorageError::io("read", from))?.file_name();
        if name != FORMAT_FILE {
            let to = place.join(&name);
            fs::rename(from.join(&name), &to).map_err(StorageError::io("put the restored state at", &to))?;
        }
    }
    durable::sync_folder(place)
}

/// Takes away what an attempt has put into `place`, and its mark last. Nothing if there is no mark:
/// then it is a state, or somebody else's.
fn clear(place: &Path) -> Result<(), StorageError> {
    if !is_marked(place) {
        return Ok(());
    }
    for entry in fs::read_dir(place).map_err(StorageError::io("read", place))? {
        let entry = entry.map_err(StorageError::io("read", place))?;
        let (path, name) = (entry.path(), entry.file_name());
        if name == FORMAT_FILE || !name.to_str().is_some_and(is_ours) {
            continue;
        }
        let removed = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        removed.map_err(StorageError::io("remove", &path))?;
    }
    durable::sync_folder(place)?;
    let mark = place.join(FORMAT_FILE);
    fs::remove_file(&mark).map_err(StorageError::io("remove", &mark))?;
    durable::sync_folder(place)
}

fn is_marked(place: &Path) -> bool {
    fs::read(place.join(FORMAT_FILE)).is_ok_and(|found| found.trim_ascii_end() == MARK.as_bytes())
}

/// Whether an attempt makes files of that name: the state's, copies of its databases that a migration
/// keeps, and those that are not whole.
fn is_ours(name: &str) -> bool {
    let plain = name.strip_prefix('.').unwrap_or(name);
    name == INSIDE
        || name == ARTIFACTS_FOLDER
        || [FORMAT_FILE, CONTROL_FILE, GUESTS_FILE].iter().any(|ours| plain.starts_with(ours))
}

#[cfg(test)]
mod tests;
