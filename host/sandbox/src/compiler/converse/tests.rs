//! Children of every kind: those that listen, those that do not, and those that would never end.

use std::process::{Command, Stdio};
use std::sync::Arc;

use super::*;
use crate::testing::platform;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// A shell that does this, told `told`, for as long as `time`. Also its number.
fn shell(script: &str, told: &[&[u8]], time: Duration) -> (Heard, u32) {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let id = child.id();
    let clock = Arc::clone(&platform().clock);
    let bounds =
        Bounds { clock: clock.as_ref(), until: clock.now().after(time), answer_bytes: 3 << 20, words_bytes: 100 };
    (converse(child, told, &bounds).unwrap(), id)
}

/// Whether the process is there, be it as a zombie.
fn is_there(id: u32) -> bool {
    std::path::Path::new(&format!("/proc/{id}")).exists()
}

#[test]
fn what_is_told_and_what_is_answered_may_cross() {
    // Far more than a pipe holds, in both directions at once.
    let told = vec![7; 1 << 20];
    let (heard, id) = shell("cat; echo words >&2", &[b"head", &[], &told], LONG);
    assert_eq!(heard.answer.len(), 4 + (1 << 20));
    assert_eq!(heard.answer[..5], *b"head\x07");
    assert_eq!((heard.words.as_slice(), is_there(id)), (&b"words\n"[..], false));
    assert!(matches!(heard.ending, Ending::Itself(status) if status.success()));
}

#[test]
fn a_child_that_does_not_listen_is_heard_all_the_same() {
    let (heard, _) = shell("exec <&-; echo answer; exit 3", &[&vec![7; 1 << 20]], LONG);
    assert_eq!(heard.answer, b"answer\n");
    assert!(matches!(heard.ending, Ending::Itself(status) if status.code() == Some(3)));
}

#[test]
fn what_it_says_for_people_is_read_to_its_end_and_kept_in_part() {
    let (heard, _) = shell("yes words | head -c 1000000 >&2; echo answer", &[], LONG);
    assert_eq!((heard.words.len(), heard.answer.as_slice()), (100, &b"answer\n"[..]));
}

#[test]
fn an_answer_that_is_too_long_ends_its_child() {
    let (heard, id) = shell("exec yes", &[], LONG);
    assert_eq!((heard.ending, heard.answer.len(), is_there(id)), (Ending::TooLong, 3 << 20, false));
}

#[test]
fn a_child_that_never_ends_is_killed_in_time_whatever_it_does_with_its_pipes() {
    for script in
        ["exec sleep 100", "exec sleep 100 >&- 2>&-", "exec sleep 100 <&-", "exec yes >&2", "while :; do :; done"]
    {
        let (heard, id) = shell(script, &[&vec![7; 1 << 20]], SHORT);
        assert_eq!((heard.ending, is_there(id)), (Ending::Late, false), "{script}");
    }
}

#[test]
fn a_child_that_is_killed_by_somebody_else_is_no_zombie_either() {
    let (heard, id) = shell("kill -9 $$", &[], LONG);
    assert!(matches!(heard.ending, Ending::Itself(status) if !status.success()));
    assert!(!is_there(id));
}
