//! Every way in which a child can end, and what whoever deployed hears of it.

use std::process::ExitStatus;
use std::time::Duration;

use hostel_model::units::ByteSize;

use super::*;

const LIMITS: CompileLimits = CompileLimits {
    cpu: Duration::from_secs(7),
    memory: ByteSize::mib(300),
    wall: Duration::from_secs(9),
    code: ByteSize::mib(5),
};

fn judged(raw: i32, answer: &[u8], words: &str) -> Result<Vec<u8>, CompileError> {
    let ending = Ending::Itself(ExitStatus::from_raw(raw));
    judge(Heard { answer: answer.to_vec(), words: words.as_bytes().to_vec(), ending }, &LIMITS)
}

fn told(raw: i32, words: &str) -> String {
    judged(raw, b"", words).unwrap_err().to_string()
}

#[test]
fn an_answer_is_taken_only_from_a_child_that_ended_well() {
    assert_eq!(judged(0, b"Cartifact", "").unwrap(), b"artifact");
    // Exit status 1, and signal 11.
    for raw in [256, 11] {
        let refused = judged(raw, b"Cartifact", "").unwrap_err().to_string();
        assert!(refused.contains("`compile-crash`"), "{refused}");
    }
}

#[test]
fn what_a_child_refuses_is_told_in_its_words_without_letters_that_move_a_cursor() {
    let invalid = judged(0, b"Ibad\x1b[2J type", "").unwrap_err();
    assert!(matches!(&invalid, CompileError::NotWasm { reason } if reason == "bad[2J type"), "{invalid}");
    let refused = judged(0, b"Rno", "").unwrap_err();
    assert!(matches!(&refused, CompileError::Refused { reason } if reason == "no"), "{refused}");
    let unfit = judged(0, b"Uno limits", "").unwrap_err();
    assert!(matches!(&unfit, CompileError::Unavailable { reason } if reason == "no limits"), "{unfit}");
    let long = judged(0, &[b"R", "ä".repeat(10_000).as_bytes()].concat(), "").unwrap_err().to_string();
    assert!(long.chars().count() < 1_000, "{long}");
}

#[test]
fn no_answer_and_one_of_no_kind_are_crashes() {
    for answer in [&b""[..], b"?", b"\xff artifact"] {
        let refused = judged(0, answer, "").unwrap_err().to_string();
        assert!(refused.contains("`compile-crash`"), "{refused}");
    }
}

#[test]
fn each_death_has_a_word_and_names_the_limit() {
    let xcpu = Signal::XCPU.as_raw();
    assert!(
        told(xcpu, "").contains("`compile-timeout`: it took more than 7 s of processor time"),
        "{}",
        told(xcpu, "")
    );
    assert!(told(9, "").contains("`compile-killed`: the compiler was killed"), "{}", told(9, ""));
    let exhausted = "memory allocation of 16 bytes failed";
    assert!(told(6, exhausted).contains("`compile-memory`: it took more than 300MiB"), "{}", told(6, exhausted));
    assert!(judged(0, b"M", "").unwrap_err().to_string().contains("`compile-memory`"));
    assert!(told(6, "thread 'main' has overflowed its stack").contains("`compile-crash`"));
    assert!(told(101 << 8, "panicked at").contains("by a panic"));
    let no_threads = "IOError(Os { code: 11, kind: WouldBlock, message: \"Resource temporarily unavailable\" })";
    assert!(told(101 << 8, no_threads).contains("`compile-threads`"), "{}", told(101 << 8, no_threads));
    assert!(told(127 << 8, "").contains("`compile-load`"), "{}", told(127 << 8, ""));
    let ended = |ending| {
        judge(Heard { answer: b"Cartifact".to_vec(), words: Vec::new(), ending }, &LIMITS).unwrap_err().to_string()
    };
    let late = ended(Ending::Late);
    assert!(late.contains("`compile-timeout`: it was not done after 9 s by the clock"), "{late}");
    assert!(ended(Ending::TooLong).contains("`compile-output`: its code has more than 5MiB"));
}

#[test]
fn the_words_of_a_child_that_died_reach_nobody_who_deployed() {
    let marker = "component-says-marker";
    for raw in [6, 9, 11, 101 << 8] {
        assert!(!told(raw, marker).contains(marker));
    }
}
