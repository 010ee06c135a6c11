//! When it opens, when one may try, when it closes.

use std::num::NonZeroU32;

use super::*;

const LIMITS: BreakerLimits = BreakerLimits {
    failures: NonZeroU32::new(3).unwrap(),
    within: Duration::from_secs(10),
    open_min: Duration::from_secs(1),
    open_max: Duration::from_secs(4),
};

fn at(ms: u64) -> Monotonic {
    Monotonic(Duration::from_millis(ms))
}

/// Runs a request at `ms`; whether it was let in.
fn runs(breaker: &Arc<Breaker>, ms: u64, fails: bool) -> bool {
    breaker.admit(at(ms)).map(|pass| pass.settle(fails, at(ms))).is_ok()
}

fn open() -> Arc<Breaker> {
    let breaker = Breaker::new(LIMITS);
    for ms in 0..3 {
        assert!(runs(&breaker, ms, true));
    }
    breaker
}

#[test]
fn it_opens_after_a_row_of_failures_and_not_before() {
    let breaker = Breaker::new(LIMITS);
    for (ms, fails) in [(0, true), (1, true), (2, false), (3, true), (4, true)] {
        assert!(runs(&breaker, ms, fails) && !breaker.is_open());
    }
    assert!(runs(&breaker, 5, true) && breaker.is_open());
    assert!(!runs(&breaker, 6, false));
}

#[test]
fn failures_too_far_apart_are_no_row() {
    let breaker = Breaker::new(LIMITS);
    for ms in [0, 6_000, 10_001, 16_000] {
        assert!(runs(&breaker, ms, true) && !breaker.is_open());
    }
}

#[test]
fn one_at_a_time_tries_and_a_success_closes_it() {
    let breaker = open();
    assert_eq!(breaker.admit(at(502)).err(), Some(Duration::from_secs(1)));
    let trial = breaker.admit(at(1_002)).unwrap();
    assert!(breaker.admit(at(1_003)).is_err());
    trial.settle(false, at(1_010));
    assert!(!breaker.is_open() && runs(&breaker, 1_011, false));
}

#[test]
fn the_pause_doubles_up_to_its_most_and_begins_anew() {
    let breaker = open();
    let mut now = 2;
    for pause in [1_000, 2_000, 4_000, 4_000] {
        assert!(!runs(&breaker, now + pause - 1, true), "{pause}");
        now += pause;
        assert!(runs(&breaker, now, true), "{pause}");
    }
    assert!(runs(&breaker, now + 4_000, false) && !breaker.is_open());
    let now = now + 4_000;
    (1..=3).for_each(|ms| assert!(runs(&breaker, now + ms, true)));
    assert!(!runs(&breaker, now + 1_002, true) && runs(&breaker, now + 1_003, true));
}

#[test]
fn a_trial_that_never_ran_leaves_the_next_one_its_turn() {
    let breaker = open();
    drop(breaker.admit(at(1_002)).unwrap());
    assert!(breaker.admit(at(1_003)).is_ok());
}

#[test]
fn an_old_request_that_succeeds_does_not_close_it() {
    let breaker = Breaker::new(LIMITS);
    let old = breaker.admit(at(0)).unwrap();
    (0..3).for_each(|ms| assert!(runs(&breaker, ms, true)));
    old.settle(false, at(4));
    assert!(breaker.is_open());
}

#[test]
fn an_answer_that_begins_is_a_success_that_may_fail_later() {
    let breaker = Breaker::new(LIMITS);
    // Streams that never end: what fails between them is no row.
    let mut streams = Vec::new();
    for ms in 0..9 {
        let mut stream = breaker.admit(at(ms)).unwrap();
        stream.answers();
        streams.push(stream);
        assert!(runs(&breaker, ms, true) && !breaker.is_open(), "{ms}");
    }
    // But what always breaks off after its head is one.
    for ms in 10..12 {
        let mut stream = breaker.admit(at(ms)).unwrap();
        stream.answers();
        stream.settle(true, at(ms));
    }
    assert!(breaker.is_open());
}

#[test]
fn a_trial_that_takes_long_keeps_nobody_waiting() {
    let breaker = open();
    let mut slow = breaker.admit(at(1_002)).unwrap();
    assert!(breaker.admit(at(2_001)).is_err());
    // Neither before its answer begins ...
    let another = breaker.admit(at(2_002)).unwrap();
    another.settle(true, at(2_003));
    // ... nor after.
    slow.answers();
    assert!(!breaker.is_open() && runs(&breaker, 2_004, false));
    slow.settle(true, at(5_000));
    assert!(breaker.is_open(), "it was no success after all");
}
