//! What is taken back and what is not, by many watches of made-up services.

use super::*;
use crate::latency::{BUCKETS, bucket, upper};
use crate::numbers::Numbers;

const MARGIN: Margin = Margin { failures: 200, p99: 200 };

/// A revision whose requests fail, or take long, by chance.
struct Service {
    numbers: Numbers,
    /// Failures in a thousand requests.
    fails: usize,
    /// What its fastest requests take.
    takes: Duration,
    requests: u64,
    failures: u64,
    latencies: Vec<u64>,
}

impl Service {
    fn of(fails: usize, takes: Duration, seed: u64) -> Self {
        let latencies = vec![0; BUCKETS];
        Self { numbers: Numbers::of(seed), fails, takes, requests: 0, failures: 0, latencies }
    }

    fn failing(fails: usize, seed: u64) -> Self {
        Self::of(fails, Duration::ZERO, seed)
    }

    fn serve(&mut self, requests: u64) -> &mut Self {
        self.requests += requests;
        for _ in 0..requests {
            self.failures += u64::from(self.numbers.below(1_000) < self.fails);
            if !self.takes.is_zero() {
                // One in a hundred takes ten times as long, one in ten thousand a hundred times.
                let lot = (self.numbers.below(1 << 30) + 1) as f64 / f64::from(1 << 30);
                self.latencies[bucket(self.takes.div_f64(lot.sqrt()))] += 1;
            }
        }
        self
    }

    fn seen(&self) -> Seen<'_> {
        Seen { requests: self.requests, failures: self.failures, latencies: &self.latencies }
    }
}

fn seen(failures: u64, requests: u64) -> Seen<'static> {
    Seen { requests, failures, latencies: &[] }
}

/// So many requests of each time.
fn timed(times: &[(u64, u64)]) -> Vec<u64> {
    let mut latencies = vec![0; BUCKETS];
    for (requests, millis) in times {
        latencies[bucket(Duration::from_millis(*millis))] += requests;
    }
    latencies
}

fn slower(old: &[u64], new: &[u64], p99: u32) -> bool {
    let seen = |latencies| Seen { requests: 0, failures: 0, latencies };
    judge(&seen(old), &seen(new), &Margin { failures: 200, p99 }).is_some()
}

/// Two equal revisions, judged every 50 requests of the new one up to 3,000, with
/// `before` of the old one at the start and `beside` for each of the new one.
fn is_taken_back(mut old: Service, mut new: Service, before: u64, beside: u64, margin: &Margin) -> bool {
    old.serve(before);
    (0..60).any(|_| {
        old.serve(50 * beside);
        new.serve(50);
        judge(&old.seen(), &new.seen(), margin).is_some()
    })
}

#[test]
fn of_ten_thousand_revisions_that_are_as_good_nearly_none_is_taken_back() {
    let mut taken_back = 0;
    for watch in 0..10_000 {
        let fails = [0, 1, 10, 50, 200][watch as usize % 5];
        let (before, beside) = [(100, 0), (1_000, 0), (0, 9)][watch as usize % 3];
        let (old, new) = (Service::failing(fails, watch * 2), Service::failing(fails, watch * 2 + 1));
        taken_back += u32::from(is_taken_back(old, new, before, beside, &MARGIN));
    }
    // None of these. Against the rate that was seen of the old one, as if it were exact, it was 170.
    assert!(taken_back <= 3, "{taken_back}");
}

#[test]
fn without_a_margin_chance_is_still_no_fault() {
    let margin = Margin { failures: 0, p99: 100 };
    let mut taken_back = 0;
    for watch in 0..2_000 {
        let fails = [1, 50, 200][watch as usize % 3];
        let takes = Duration::from_millis([20, 1_000][watch as usize % 2]);
        let (old, new) = (Service::of(fails, takes, watch * 2), Service::of(fails, takes, watch * 2 + 1));
        let (before, beside) = [(100, 0), (500, 1)][watch as usize % 2];
        taken_back += u32::from(is_taken_back(old, new, before, beside, &margin));
    }
    // One of these.
    assert!(taken_back <= 5, "{taken_back}");
}

#[test]
fn what_fails_one_in_twenty_is_found_within_some_hundred_requests() {
    // A tenth of the requests goes to the new one, as with `--weight 10`.
    let found: Vec<u64> = (0..1_000)
        .map(|seed| {
            let mut new = Service::failing(50, seed);
            while judge(&seen(0, new.requests * 9), &new.seen(), &MARGIN).is_none() {
                new.serve(10);
            }
            new.requests
        })
        .collect();
    let average = found.iter().sum::<u64>() / 1_000;
    // 398 on average, of which 20 failed; 1,520 at most.
    assert!((250..=450).contains(&average), "{average}");
    assert!(found.iter().all(|requests| (REQUESTS_MIN..=2_000).contains(requests)), "{:?}", found.iter().max());
}

#[test]
fn what_always_fails_is_found_at_once_whatever_is_known_of_the_old_one() {
    for old in [seen(0, 0), seen(0, 5), seen(0, 100), seen(0, 1_000_000), seen(300, 1_000)] {
        assert!(judge(&old, &seen(100, 100), &MARGIN).is_some(), "{old:?}");
        assert!(judge(&old, &seen(99, 99), &MARGIN).is_none(), "too few to judge by");
    }
    // Of a service that is known to fail as often it says nothing.
    assert!(judge(&seen(1_000, 1_000), &seen(100, 100), &MARGIN).is_none());
}

#[test]
fn what_is_not_known_of_the_old_one_does_not_condemn_the_new_one() {
    assert!(judge(&seen(0, 0), &seen(30, 100), &MARGIN).is_none());
    assert!(judge(&seen(0, 20), &seen(15, 100), &MARGIN).is_none());
    assert!(judge(&seen(0, 1_000), &seen(15, 100), &MARGIN).is_some());
    // More that was seen of it never makes the judgement milder.
    let condemned: Vec<bool> =
        (0..2_000).map(|requests| judge(&seen(0, requests), &seen(15, 100), &MARGIN).is_some()).collect();
    assert!(condemned.is_sorted() && condemned.last() == Some(&true));
}

#[test]
fn a_margin_is_what_a_revision_may_fail_more() {
    let old = seen(100, 10_000);
    assert!(judge(&old, &seen(300, 10_000), &MARGIN).is_none());
    assert!(judge(&old, &seen(400, 10_000), &MARGIN).is_some());
    assert!(judge(&old, &seen(400, 10_000), &Margin { failures: 400, ..MARGIN }).is_none());
    assert!(judge(&old, &seen(10_000, 10_000), &Margin { failures: 10_000, ..MARGIN }).is_none());
}

#[test]
fn a_revision_that_takes_longer_by_more_than_the_factor_is_found() {
    let old = timed(&[(980, 20), (20, 100)]);
    assert!(slower(&old, &timed(&[(90, 20), (10, 300)]), 200));
    assert!(!slower(&old, &timed(&[(90, 20), (10, 200)]), 200));
    assert!(slower(&old, &timed(&[(90, 20), (10, 200)]), 150));
    // One in a hundred may always take so long.
    assert!(!slower(&old, &timed(&[(990, 20), (10, 10_000)]), 200));
    assert!(!slower(&old, &old, 100));
}

#[test]
fn some_milliseconds_more_are_never_slow() {
    let old = timed(&[(1_000, 1)]);
    assert!(!slower(&old, &timed(&[(1_000, 10)]), 100));
    assert!(slower(&old, &timed(&[(1_000, 15)]), 100));
}

#[test]
fn slowness_is_judged_from_a_hundred_requests_of_both() {
    let (fast, slow) = (|requests| timed(&[(requests, 1)]), |requests| timed(&[(requests, 1_000)]));
    assert!(slower(&fast(100), &slow(100), 200));
    assert!(!slower(&fast(99), &slow(1_000), 200));
    assert!(!slower(&fast(1_000), &slow(99), 200));
}

#[test]
fn a_reason_is_one_that_people_understand() {
    let fails = judge(&seen(3, 2_310), &seen(16, 231), &MARGIN).expect("it is worse").to_string();
    assert_eq!(fails, "6.9 % of 231 requests failed, 0.1 % of 2,310 before (margin 2 %)");
    let fails = judge(&seen(1, 12_000), &seen(101, 1_000), &MARGIN).expect("it is worse").to_string();
    assert_eq!(fails, "10.1 % of 1,000 requests failed, under 0.1 % of 12,000 before (margin 2 %)");
    let fails = judge(&seen(0, 0), &seen(1_000, 1_000), &Margin { failures: 25, p99: 100 });
    assert_eq!(
        fails.expect("it is worse").to_string(),
        "100 % of 1,000 requests failed, none were seen before (margin 0.25 %)"
    );
    let (old, new) = (timed(&[(1_234_567, 4)]), timed(&[(100, 1_500)]));
    let [old, new] = [&old, &new].map(|latencies| Seen { requests: 0, failures: 0, latencies });
    let slow = judge(&old, &new, &MARGIN).expect("it is slower");
    assert_eq!(
        slow.to_string(),
        "the slowest hundredth of 100 requests took 1573 ms or more, 4.1 ms of 1,234,567 before (allowed 14 ms)"
    );
    let Worse::Slow { p99, allowed, .. } = slow else { panic!("{slow:?}") };
    assert_eq!((p99, allowed), (upper(bucket(Duration::from_millis(1_500))), Duration::from_micros(14_096)));
}

#[test]
fn counters_that_were_read_one_after_the_other_do_no_harm() {
    assert!(judge(&seen(0, 1_000), &seen(101, 100), &MARGIN).is_some());
    assert!(judge(&seen(5, 3), &seen(0, 100), &MARGIN).is_none());
    let full = vec![u64::MAX; BUCKETS];
    assert!(!slower(&full, &full, 200));
}
