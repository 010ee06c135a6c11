//! When what happened is acted on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hostel_model::platform::Monotonic;

use super::super::stamp::Stamp;
use super::{Changes, Settling, Sign};

/// A settling with a clock in milliseconds.
#[derive(Default)]
struct Bench {
    settling: Settling,
}

fn at(millis: u64) -> Monotonic {
    Monotonic(Duration::from_millis(millis))
}

fn paths(names: &[&str]) -> std::collections::BTreeSet<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

impl Bench {
    fn sign(&mut self, millis: u64, name: &str, sign: Sign) {
        self.settling.note(at(millis), PathBuf::from(name), sign);
    }

    /// What is taken at this time.
    fn take(&mut self, millis: u64) -> Option<Changes> {
        self.settling.take(at(millis))
    }

    fn due(&self) -> Option<u128> {
        self.settling.due().map(|due| due.0.as_millis())
    }
}

#[test]
fn a_file_that_is_written_counts_when_it_is_closed() {
    let mut bench = Bench::default();
    bench.sign(0, "a", Sign::Created);
    for millis in 1..50 {
        bench.sign(millis, "a", Sign::Written);
    }
    assert_eq!(bench.due(), None);
    bench.sign(50, "a", Sign::Closed);
    assert_eq!(bench.take(69), None);
    let expected = Changes { changed: paths(&["a"]), ..Changes::default() };
    assert_eq!(bench.take(70), Some(expected));
    assert_eq!(bench.take(1_000), None);
}

#[test]
fn what_is_still_being_written_is_unfinished_when_something_else_is_whole() {
    let mut bench = Bench::default();
    bench.sign(0, "slow", Sign::Written);
    bench.sign(5, "quick", Sign::Placed);
    let expected = Changes { changed: paths(&["quick"]), unfinished: paths(&["slow"]), all: false };
    assert_eq!(bench.take(25), Some(expected));
    // However long it takes.
    bench.sign(3_600_000, "quick", Sign::Placed);
    assert_eq!(bench.take(3_600_020).map(|changes| changes.unfinished), Some(paths(&["slow"])));
    bench.sign(3_600_100, "slow", Sign::Closed);
    let expected = Changes { changed: paths(&["slow"]), ..Changes::default() };
    assert_eq!(bench.take(3_600_120), Some(expected));
}

#[test]
fn a_file_that_is_written_again_before_its_time_is_unfinished() {
    let mut bench = Bench::default();
    bench.sign(0, "a", Sign::Closed);
    bench.sign(10, "a", Sign::Written);
    assert_eq!(bench.take(20).map(|changes| changes.unfinished), Some(paths(&["a"])));
}

#[test]
fn what_comes_in_quick_succession_belongs_together_but_not_for_ever() {
    let mut bench = Bench::default();
    bench.sign(0, "users.wasm", Sign::Closed);
    bench.sign(15, "users.toml", Sign::Closed);
    assert_eq!(bench.due(), Some(35));
    assert_eq!(bench.take(35).map(|changes| changes.changed), Some(paths(&["users.toml", "users.wasm"])));
    for millis in (0..1_000).step_by(10) {
        bench.sign(5_000 + millis, "a", Sign::Closed);
    }
    assert_eq!(bench.due(), Some(5_200));
}

#[test]
fn a_file_that_is_gone_may_come_back_for_a_while() {
    let mut bench = Bench::default();
    bench.sign(0, "a", Sign::Gone);
    assert_eq!(bench.due(), Some(100));
    bench.sign(1, "a", Sign::Created);
    bench.sign(3, "a", Sign::Closed);
    assert_eq!(bench.due(), Some(23), "it is there again");
    bench.sign(4, "b", Sign::Gone);
    assert_eq!(bench.due(), Some(104));
    assert_eq!(bench.take(104).map(|changes| changes.changed), Some(paths(&["a", "b"])));
    bench.sign(200, "c", Sign::Closed);
    assert_eq!(bench.due(), Some(220), "what was gone before has been acted on");
}

#[test]
fn what_is_renamed_away_while_it_is_written_is_not_waited_for() {
    let mut bench = Bench::default();
    bench.sign(0, "a.part", Sign::Written);
    bench.sign(1, "a.part", Sign::Gone);
    bench.sign(1, "a", Sign::Placed);
    assert_eq!(bench.take(500).map(|changes| changes.unfinished), Some(paths(&[])));
}

#[test]
fn permissions_count_unless_the_file_is_being_written() {
    let mut bench = Bench::default();
    bench.sign(0, "a", Sign::Written);
    bench.sign(1, "a", Sign::Touched);
    assert_eq!(bench.due(), None);
    bench.sign(2, "b", Sign::Touched);
    assert_eq!(bench.due(), Some(22));
}

#[test]
fn a_new_file_of_which_nothing_more_is_heard_counts_once_two_looks_were_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    let mut bench = Bench::default();
    bench.settling.note(at(0), file.clone(), Sign::Created);
    std::fs::write(&file, "").unwrap();
    let look = |bench: &mut Bench, millis| bench.settling.look(at(millis), Stamp::at);
    for millis in [1_000, 2_000, 3_000] {
        look(&mut bench, millis);
        assert_eq!(bench.due(), None, "an empty file is yet to be written");
    }
    std::fs::write(&file, "whole").unwrap();
    look(&mut bench, 4_000);
    assert_eq!(bench.due(), None);
    look(&mut bench, 5_000);
    assert_eq!(bench.due(), Some(5_020));
    assert!(!bench.settling.is_writing(&file));
}

#[test]
fn a_file_that_was_written_to_counts_only_when_it_is_closed_however_often_one_looks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    std::fs::write(&file, "half").unwrap();
    let mut bench = Bench::default();
    bench.settling.note(at(0), file.clone(), Sign::Created);
    bench.settling.note(at(1), file.clone(), Sign::Written);
    for second in 1..100 {
        bench.settling.look(at(second * 1_000), Stamp::at);
    }
    assert_eq!(bench.due(), None);
    assert!(bench.settling.is_writing(&file));
}

#[test]
fn after_lost_signs_everything_counts_once_two_looks_could_be_taken() {
    let mut bench = Bench::default();
    bench.sign(0, "a", Sign::Written);
    bench.sign(0, "b", Sign::Closed);
    bench.settling.lose(at(10));
    bench.settling.lose(at(1_000));
    bench.sign(1_500, "c", Sign::Written);
    bench.sign(1_500, "b", Sign::Closed);
    assert_eq!(bench.take(2_009), None);
    let expected = Changes { all: true, changed: paths(&["b"]), unfinished: paths(&["c"]) };
    assert_eq!(bench.take(2_010), Some(expected));
    bench.sign(3_000, "b", Sign::Closed);
    assert_eq!(bench.take(3_020).map(|changes| changes.all), Some(false));
}

#[test]
fn more_files_than_can_be_followed_are_lost_signs() {
    let mut bench = Bench::default();
    for number in 0..=1_000 {
        bench.sign(0, &number.to_string(), Sign::Written);
    }
    assert!(!bench.settling.is_writing(Path::new("0")));
    assert_eq!(bench.take(2_000).map(|changes| changes.all), Some(true));
}

#[test]
fn what_was_put_off_comes_at_its_time_or_with_the_next_change() {
    let mut bench = Bench::default();
    bench.settling.act_at(at(1_000));
    assert_eq!(bench.take(1_000), None);
    assert_eq!(bench.take(1_020), Some(Changes::default()));
    bench.settling.act_at(at(3_000));
    bench.sign(2_000, "a", Sign::Placed);
    assert_eq!(bench.take(2_020).map(|changes| changes.changed), Some(paths(&["a"])));
    assert_eq!(bench.take(9_000), None);
}

#[test]
fn what_is_of_no_interest_any_more_is_forgotten() {
    let mut bench = Bench::default();
    bench.sign(0, "a", Sign::Written);
    bench.sign(0, "b", Sign::Written);
    bench.settling.keep(|path| path == Path::new("b"));
    bench.sign(0, "c", Sign::Closed);
    assert_eq!(bench.take(20).map(|changes| changes.unfinished), Some(paths(&["b"])));
}
