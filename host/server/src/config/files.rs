//! Reads files whole or not at all, and does not read again what has not changed.
//!
//! A file is read from one open handle, whose stamp must be the same before and
//! after: else somebody writes to it, and what was read before stands. The same goes
//! for files of which the watcher says that they are being written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hostel_model::units::ByteSize;
use thiserror::Error;

use crate::watch::{Changes, Stamp};

#[cfg(test)]
mod tests;

/// What is kept of files so that they need not be read again: some hundred components of usual size.
const KEPT_BYTES_MAX: u64 = 64 << 20;

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub(super) enum Unreadable {
    /// Nothing is there.
    #[error("it does not exist")]
    Missing,
    /// A folder, a pipe or the like.
    #[error("it is not a file")]
    NotAFile,
    /// More than anybody would need.
    #[error("it is larger than {0}")]
    TooLarge(ByteSize),
    /// Somebody writes to it, and it was never read before.
    #[error("it is being written")]
    Unfinished,
    /// Bytes that are no text.
    #[error("it is not text in UTF-8")]
    NotText,
    /// The system says no.
    #[error("{0}")]
    Io(io::Error),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error),
        }
    }
}

/// What was read, by path.
#[derive(Default)]
pub struct Files {
    kept: BTreeMap<PathBuf, Kept>,
    unfinished: BTreeSet<PathBuf>,
}

struct Kept {
    /// Of the file when it was read; none if it is to be read again.
    stamp: Option<Stamp>,
    bytes: Arc<[u8]>,
    /// Text is small, and what it said last is needed while it is written.
    text: bool,
    used: bool,
}

impl Files {
    /// Files of text that was read before: what they said holds while they are written.
    pub(crate) fn knowing(texts: impl IntoIterator<Item = (PathBuf, Arc<str>)>) -> Self {
        let kept = |text: Arc<str>| Kept { stamp: None, bytes: Arc::from(text), text: true, used: true };
        Self { kept: texts.into_iter().map(|(path, text)| (path, kept(text))).collect(), ..Self::default() }
    }

    /// Begins a new round of reading: what has changed is read again, what is unfinished is not.
    pub(crate) fn begin(&mut self, changes: Changes) {
        for (path, kept) in &mut self.kept {
            kept.used = false;
            if changes.all || changes.changed.contains(path) || changes.changed.contains(&end_of(path)) {
                kept.stamp = None;
            }
        }
        self.unfinished = changes.unfinished;
    }

    /// Ends a round: what was not asked for is forgotten, and of the rest what is too much.
    pub(crate) fn end(&mut self) {
        let mut room = KEPT_BYTES_MAX;
        self.kept.retain(|_, kept| {
            let bytes = kept.bytes.len() as u64;
            let stays = kept.used && (kept.text || bytes <= room);
            room = room.saturating_sub(if stays { bytes } else { 0 });
            stays
        });
    }

    /// All of a file of at most `most`.
    pub(super) fn read(&mut self, path: &Path, most: ByteSize) -> Result<Arc<[u8]>, Unreadable> {
        let end = fs::canonicalize(path)?;
        let before = self.kept.get_mut(path).map(|kept| {
            kept.used = true;
            (kept.stamp, Arc::clone(&kept.bytes))
        });
        let (stamp, last) = before.map_or((None, None), |(stamp, bytes)| (stamp, Some(bytes)));
        if self.unfinished.contains(path) || self.unfinished.contains(&end) {
            return last.ok_or(Unreadable::Unfinished);
        }
        match Found::read(&end, most, stamp)? {
            Found::Same => last.ok_or(Unreadable::Unfinished),
            Found::Unfinished => {
                // Whatever its stamp says next time.
                self.kept.entry(path.to_owned()).and_modify(|kept| kept.stamp = None);
                last.ok_or(Unreadable::Unfinished)
            }
            Found::Whole(stamp, bytes) => {
                let kept = Kept { stamp: Some(stamp), bytes: Arc::clone(&bytes), text: false, used: true };
                self.kept.insert(path.to_owned(), kept);
                Ok(bytes)
            }
        }
    }

    /// The same for text.
    pub(super) fn read_text(&mut self, path: &Path, most: ByteSize) -> Result<Arc<str>, Unreadable> {
        let bytes = self.read(path, most)?;
        self.kept.entry(path.to_owned()).and_modify(|kept| kept.text = true);
        std::str::from_utf8(&bytes).map(Arc::from).map_err(|_| Unreadable::NotText)
    }
}

/// What was found in the place of a file.
enum Found {
    /// What it was at the stamp that is known.
    Same,
    Whole(Stamp, Arc<[u8]>),
    /// Somebody wrote to it while it was read.
    Unfinished,
}

impl Found {
    fn read(path: &Path, most: ByteSize, known: Option<Stamp>) -> Result<Self, Unreadable> {
        // Asked before opening: a pipe would wait for somebody to write into it.
        if !fs::metadata(path)?.is_file() {
            return Err(Unreadable::NotAFile);
        }
        let mut file = File::open(path)?;
        let found = file.metadata()?;
        let stamp = Stamp::of(&found);
        if known == Some(stamp) {
            return Ok(Self::Same);
        }
        if found.len() > most.0 {
            return Err(Unreadable::TooLarge(most));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default());
        Self::content(&mut file, most, &mut bytes)?;
        let whole = bytes.len() as u64 == found.len() && Stamp::of(&file.metadata()?) == stamp;
        Ok(if whole { Self::Whole(stamp, Arc::from(bytes)) } else { Self::Unfinished })
    }

    /// One byte more than there may be, so that more is noticed.
    fn content(file: &mut File, most: ByteSize, bytes: &mut Vec<u8>) -> io::Result<()> {
        file.take(most.0.saturating_add(1)).read_to_end(bytes).map(drop)
    }
}

/// Where a path leads, links followed; the path itself if it leads nowhere.
fn end_of(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
