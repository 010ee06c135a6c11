//! Whose end the kernel chooses when memory runs out: that of the child which compiles, not of the host which serves.
//!
//! The mark that says so is in a file of `/proc`, and a child has it from its
//! parent. A hardened host can open neither its own nor its child's, so it opens
//! its own before it is hardened, and bears the child's mark itself for the
//! moment in which a child begins. Going back to what it was takes no privileges.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the kernel keeps it.
const PLACE: &str = "/proc/self/oom_score_adj";
/// The mark of whoever is to end first.
pub(crate) const MARK: &str = "1000";

/// The process has one mark, whoever opened it: one child begins at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Marks the children of this process. Opened before anything keeps the process from that file.
#[derive(Clone, Debug)]
pub struct FirstToGo(Option<Arc<File>>);

impl FirstToGo {
    /// Opens what the mark is written to. Where there is none, nobody is marked.
    #[must_use]
    pub fn open() -> Self {
        Self(OpenOptions::new().read(true).write(true).open(PLACE).ok().map(Arc::new))
    }

    /// Does `begin`, whose children are marked.
    pub(crate) fn while_marked<T>(&self, begin: impl FnOnce() -> T) -> T {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let marked = self.0.as_deref().and_then(|file| Some(Marked { file, before: read(file).ok()? }));
        if let Some(marked) = &marked {
            // Where that is refused, the child has what the host has.
            let _ = write(marked.file, MARK);
        }
        let begun = begin();
        drop(marked);
        begun
    }
}

/// Puts back what was there before, whatever became of the work.
struct Marked<'a> {
    file: &'a File,
    before: String,
}

impl Drop for Marked<'_> {
    fn drop(&mut self) {
        if let Err(error) = write(self.file, &self.before) {
            tracing::warn!(%error, "the host stays marked as what ends first when memory runs out");
        }
    }
}

fn read(mut file: &File) -> io::Result<String> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

fn write(mut file: &File, mark: &str) -> io::Result<()> {
    file.rewind()?;
    file.write_all(mark.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_borne_for_a_moment_and_never_kept() {
        let read = || read(&File::open(PLACE).unwrap()).unwrap();
        let before = {
            let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            read()
        };
        // Several who opened it, as if at once: none takes the other's mark for what was before.
        let marks: Vec<FirstToGo> = (0..4).map(|_| FirstToGo::open()).collect();
        std::thread::scope(|scope| {
            for mark in &marks {
                scope.spawn(|| (0..50).for_each(|_| assert_eq!(mark.while_marked(read), MARK)));
            }
        });
        let panicked = std::panic::catch_unwind(|| marks[0].while_marked(|| panic!("on the way")));
        assert!(panicked.is_err());
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(read(), before);
    }
}
