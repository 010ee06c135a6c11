//! What `hostel-crash` shows, in so few rounds that it runs with all other tests; and that it would notice a loss.

mod child;
mod expect;
mod host;
mod plan;
mod rounds;
mod said;
mod shared;
mod storage;
mod tally;
mod value;

use crate::reload::chance;

use self::rounds::Settings;
use self::tally::Tally;

/// The program, built together with the tests.
const PROGRAM: &str = env!("CARGO_BIN_EXE_hostel-crash");

fn run(rounds: usize, seed: u64, early: bool) -> Tally {
    let folder = tempfile::tempdir().unwrap();
    rounds::run(&Settings { program: PROGRAM.into(), rounds, seed, folder: folder.path().to_path_buf(), early })
}

#[test]
fn kill_9_during_writes_and_recoveries_loses_and_tears_nothing() {
    let tally = run(25, 7, false);
    assert!(tally.is_kept(), "{}\n{:#}", tally.markdown(), tally.json());
    assert_eq!(tally.rounds, 25);
    assert!(tally.acknowledged > 100, "{}", tally.markdown());
    assert!(tally.killed_in_recovery + tally.killed_after_recovery > 5, "{}", tally.markdown());
}

#[test]
fn a_write_that_is_acknowledged_before_it_is_durable_is_seen_to_be_lost() {
    let tally = run(25, 7, true);
    assert!(tally.lost > 0 && !tally.is_kept(), "{}", tally.markdown());
    assert!(tally.faults.iter().any(|fault| fault.contains("acknowledged")), "{}", tally.markdown());
}

#[test]
fn values_tell_whether_they_are_whole() {
    use self::value::{BYTES_MAX, Origin, is_whole};

    let mut lengths = Vec::new();
    for index in 0..2_000 {
        let bytes = Origin { seed: 3, lane: 2, index, slot: 5 }.bytes();
        assert!(is_whole(&bytes), "{index}");
        lengths.push(bytes.len());
        if bytes.len() > 64 {
            let mut torn = bytes.clone();
            let middle = torn.len() / 2;
            torn[middle..].fill(0);
            assert!(!is_whole(&torn), "{index}");
            assert!(!is_whole(&bytes[..bytes.len() - 1]), "{index}");
        }
    }
    assert!(lengths.contains(&1) && lengths.contains(&BYTES_MAX), "{:?}", lengths.iter().max());
}
