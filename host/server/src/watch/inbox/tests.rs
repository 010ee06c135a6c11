//! What events of the file system mean.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hostel_model::platform::Monotonic;

use super::{Inbox, Mail, NOTES_MAX, Note, Places, Sign};

/// Reached by a test that fails.
const PATIENCE: Duration = Duration::from_secs(30);

fn note(name: &str, sign: Sign, millis: u64) -> Note {
    Note { at: Monotonic(Duration::from_millis(millis)), path: PathBuf::from(name), sign }
}

#[test]
fn what_comes_wakes_whoever_waits() {
    let inbox = Arc::new(Inbox::default());
    let waiting = Arc::clone(&inbox);
    #[expect(clippy::disallowed_methods, reason = "a test may start a thread")]
    let waiter = std::thread::spawn(move || waiting.wait(PATIENCE));
    inbox.put(note("a", Sign::Closed, 1));
    let notes = vec![note("a", Sign::Closed, 1)];
    assert_eq!(waiter.join().unwrap(), Mail::Notes { notes, lost: false });
    assert_eq!(inbox.wait(Duration::ZERO), Mail::Notes { notes: Vec::new(), lost: false });
}

#[test]
fn the_pieces_of_one_file_are_one_sign() {
    let inbox = Inbox::default();
    for millis in 0..10_000 {
        inbox.put(note("a", Sign::Written, millis));
    }
    inbox.put(note("b", Sign::Written, 1));
    inbox.put(note("a", Sign::Written, 2));
    let notes = vec![note("a", Sign::Written, 9_999), note("b", Sign::Written, 1), note("a", Sign::Written, 2)];
    assert_eq!(inbox.wait(PATIENCE), Mail::Notes { notes, lost: false });
}

#[test]
fn more_than_can_be_kept_is_told_as_lost() {
    let inbox = Inbox::default();
    for number in 0..=NOTES_MAX {
        inbox.put(note(&number.to_string(), Sign::Closed, 0));
    }
    let Mail::Notes { notes, lost } = inbox.wait(PATIENCE) else { panic!("nobody stopped it") };
    assert_eq!((notes.len(), lost), (NOTES_MAX, true));
    assert_eq!(inbox.wait(Duration::ZERO), Mail::Notes { notes: Vec::new(), lost: false });
    inbox.lose();
    assert_eq!(inbox.wait(PATIENCE), Mail::Notes { notes: Vec::new(), lost: true });
}

#[test]
fn the_end_comes_before_what_is_left() {
    let inbox = Inbox::default();
    inbox.put(note("a", Sign::Closed, 0));
    inbox.stop();
    assert_eq!(inbox.wait(PATIENCE), Mail::Stop);
}

#[test]
fn only_places_that_matter_are_wanted() {
    let inbox = Inbox::default();
    assert!(!inbox.wants(Path::new("/x/a.wasm")));
    let folder = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(folder.path()).unwrap();
    inbox.want(Places::of(&root, &[]));
    assert!(inbox.wants(&root.join("a.wasm")) && !inbox.wants(&root.join("a.txt")));
    assert_eq!(inbox.folders().into_iter().collect::<Vec<_>>(), [root]);
}
