//! Every time has its bucket, and what is told of it is as exact as promised.

use super::*;
use crate::limits::Limits;
use crate::numbers::Numbers;

fn micros(count: u64) -> Duration {
    Duration::from_micros(count)
}

fn counts(times: &[Duration]) -> Vec<u64> {
    let mut counts = vec![0; BUCKETS];
    for time in times {
        counts[bucket(*time)] += 1;
    }
    counts
}

#[test]
fn buckets_meet_without_gap_from_the_shortest_to_the_longest_time() {
    assert_eq!(bucket(Duration::ZERO), 0);
    assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    for place in 0..BUCKETS - 1 {
        let end = upper(place);
        assert_eq!(bucket(end - Duration::from_nanos(1)), place, "just before {end:?}");
        assert_eq!(bucket(end), place + 1, "at {end:?}");
    }
    assert_eq!((upper(0), upper(1), upper(8), upper(9)), (micros(64), micros(72), micros(128), micros(144)));
    assert_eq!((upper(BUCKETS - 1), upper(usize::MAX)), (upper(BUCKETS - 2), upper(BUCKETS - 2)));
}

#[test]
fn a_bucket_tells_a_time_to_within_an_eighth() {
    let mut numbers = Numbers::of(1);
    for _ in 0..100_000 {
        // As many of each order of magnitude.
        let time = micros(numbers.below(usize::MAX) as u64 >> (27 + numbers.below(31)));
        let told = upper(bucket(time));
        assert!(told > time, "{time:?} is told as {told:?}");
        assert!(told <= time + time / 8 || told == micros(64), "{time:?} is told as {told:?}");
    }
}

#[test]
fn no_deadline_reaches_the_last_bucket() {
    let longest = Duration::from_hours(24);
    assert!(Limits::default().deadline < longest);
    assert!(bucket(longest) < BUCKETS - 1);
}

#[test]
fn a_quantile_is_never_too_short_and_an_eighth_too_long_at_most() {
    let mut numbers = Numbers::of(2);
    for size in [1_usize, 2, 10, 99, 100, 101, 1_000, 5_000] {
        let mut times: Vec<_> = (0..size).map(|_| micros(100 + numbers.below(2_000_000) as u64)).collect();
        let counts = counts(&times);
        times.sort_unstable();
        for (hundredths, rank) in [(0, 1), (50, size.div_ceil(2)), (99, (size * 99).div_ceil(100)), (100, size)] {
            let exact = times[rank - 1];
            let told = quantile(&counts, hundredths).expect("there are some");
            assert!(told > exact && told <= exact + exact / 8, "{hundredths} of {size}: {exact:?}, told {told:?}");
        }
    }
    assert_eq!(quantile(&[0; BUCKETS], 99), None);
    assert_eq!(quantile(&[], 99), None);
    assert_eq!(quantile(&[u64::MAX, u64::MAX], 99), Some(upper(1)));
}

#[test]
fn only_what_was_longer_for_certain_is_counted_as_longer() {
    let counts = counts(&[micros(10), micros(130), micros(140), micros(150), micros(1_000_000)]);
    assert_eq!(longer_than(&counts, micros(10)), 4);
    // 130 to 140 share the bucket that ends at 144.
    assert_eq!(longer_than(&counts, micros(129)), 2);
    assert_eq!(longer_than(&counts, Duration::MAX), 0);
    assert_eq!(longer_than(&[], Duration::ZERO), 0);
}
