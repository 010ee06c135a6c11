//! Clients that are as slow as they may be, and a little slower.

use super::*;

const LIMITS: PaceLimits = PaceLimits { idle: Duration::from_secs(30), rate: 240, grace: Duration::from_secs(5) };

fn at(seconds: u64) -> Monotonic {
    Monotonic(Duration::from_secs(seconds))
}

#[test]
fn silence_from_the_start_ends_with_the_grace() {
    let mut pace = Pace::new(LIMITS);
    assert_eq!(pace.waits(at(1)), at(6));
    assert_eq!(pace.waits(at(3)), at(6), "a wait that goes on is one wait");
}

#[test]
fn a_fast_start_buys_one_silence_and_no_more() {
    let mut pace = Pace::new(LIMITS);
    pace.moved(at(0), 100_000_000);
    assert_eq!(pace.waits(at(0)), at(30));
    pace.moved(at(29), 1);
    assert!(pace.waits(at(29)) < at(31), "a byte for every silence is not enough");
}

#[test]
fn just_the_least_rate_is_kept_up_for_ever_and_a_little_less_is_not() {
    for (bytes, lasts) in [(240, true), (238, false)] {
        let mut pace = Pace::new(LIMITS);
        let mut second = 0;
        while second < 3_600 && pace.waits(at(second)) > at(second + 1) {
            second += 1;
            pace.moved(at(second), bytes);
        }
        assert_eq!(second == 3_600, lasts, "{bytes} bytes a second lasted {second} seconds");
    }
}

#[test]
fn time_in_which_the_host_does_not_wait_costs_nothing() {
    let mut pace = Pace::new(LIMITS);
    pace.waits(at(0));
    pace.moved(at(1), 0);
    assert_eq!(pace.ends(), None);
    assert_eq!(pace.waits(at(1_000)), at(1_004));
}

#[test]
fn without_a_rate_only_silence_counts() {
    let mut pace = Pace::new(PaceLimits { rate: 0, ..LIMITS });
    for second in 0..100 {
        assert_eq!(pace.waits(at(second * 29)), at(second * 29 + 30));
        pace.moved(at(second * 29 + 29), 1);
    }
}

#[test]
fn sizes_beyond_all_measure_do_not_overflow() {
    let mut pace = Pace::new(PaceLimits { rate: 0, ..LIMITS });
    pace.moved(at(0), u64::MAX);
    assert_eq!(pace.waits(at(0)), at(30));
}
