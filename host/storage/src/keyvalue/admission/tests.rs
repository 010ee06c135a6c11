//! Tests of rates and shares.

use super::*;

fn at(millis: u64) -> Monotonic {
    Monotonic(Duration::from_millis(millis))
}

/// How many single writes are let through at `now`.
fn drain(admission: &Admission, now: Monotonic, rate: u32) -> u32 {
    let mut writes = 0;
    while admission.pay(now, 1, rate).is_ok() {
        writes += 1;
    }
    writes
}

#[test]
fn two_seconds_of_writes_can_be_saved_up_and_no_more() {
    for rate in [1, 3, 7, 100, 5_000] {
        let admission = Admission::default();
        assert_eq!(drain(&admission, at(0), rate), 2 * rate, "from the start");
        assert_eq!(drain(&admission, at(0), rate), 0, "at the same moment");
        assert_eq!(drain(&admission, at(1_000), rate), rate, "a second later");
        assert_eq!(drain(&admission, at(999_999), rate), 2 * rate, "after a pause");
    }
}

#[test]
fn a_batch_is_let_through_whole_or_not_at_all() {
    let admission = Admission::default();
    assert!(admission.pay(at(0), 201, 100).is_err());
    admission.pay(at(0), 150, 100).unwrap();
    assert!(admission.pay(at(0), 51, 100).is_err());
    admission.pay(at(0), 50, 100).unwrap();
    assert!(admission.pay(at(0), 1, 100).is_err());
    admission.pay(at(100), 10, 100).unwrap();
    assert!(admission.pay(at(100), 1, 100).is_err());
}

#[test]
fn impossible_rates_and_batches_are_refused() {
    for (writes, rate) in [(1, 0), (u64::MAX, 1), (u64::MAX, u32::MAX)] {
        let refused = Admission::default().pay(at(0), writes, rate).unwrap_err();
        assert!(matches!(refused, KeyValueError::WriteRate { limit } if limit == rate), "{refused:?}");
    }
}

#[test]
fn a_changed_rate_counts_from_now_on() {
    let admission = Admission::default();
    assert_eq!(drain(&admission, at(0), 10), 20);
    // The debt of two seconds stands, at whatever rate.
    assert_eq!(drain(&admission, at(1_000), 100), 100);
    assert_eq!(drain(&admission, at(2_000), 10), 10);
}

#[test]
fn a_clock_that_does_not_move_lets_nothing_more_through() {
    let admission = Admission::default();
    drain(&admission, at(5_000), 10);
    assert_eq!(drain(&admission, at(4_000), 10), 0);
}

#[test]
fn a_service_has_a_share_of_places_and_of_bytes() {
    let admission = Arc::new(Admission::default());
    let mut places: Vec<Place> = (0..SERVICE_SHARE).map(|_| admission.enter(1).unwrap()).collect();
    assert!(matches!(admission.enter(1), Err(KeyValueError::Busy)));
    places.pop();
    places.push(admission.enter(1).unwrap());
    places.clear();

    let huge = admission.enter(SERVICE_BYTES * 3).unwrap();
    assert!(matches!(admission.enter(0), Err(KeyValueError::Busy)));
    drop(huge);
    let half = admission.enter(SERVICE_BYTES / 2).unwrap();
    let rest = admission.enter(SERVICE_BYTES / 2).unwrap();
    assert!(matches!(admission.enter(1), Err(KeyValueError::Busy)));
    drop((half, rest));
    admission.enter(1).unwrap();
}
