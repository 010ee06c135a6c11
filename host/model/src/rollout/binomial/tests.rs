//! The tails against plain sums, and the limits against what they are the limit of.

use super::*;

/// The same without logarithms, term by term: right as long as nothing underflows.
fn plain(successes: u64, trials: u64, chance: f64) -> f64 {
    let mut row = vec![1.0];
    for _ in 0..trials {
        let mut next = vec![0.0; row.len() + 1];
        for (count, probability) in row.iter().enumerate() {
            next[count] += probability * (1.0 - chance);
            next[count + 1] += probability * chance;
        }
        row = next;
    }
    row.iter().skip(usize::try_from(successes).expect("a small number")).sum()
}

fn close(found: f64, wanted: f64, what: &str) {
    assert!((found - wanted).abs() <= wanted.abs() * 1e-9 + 1e-15, "{what}: {found} instead of {wanted}");
}

#[test]
fn a_tail_is_the_sum_of_its_terms() {
    for trials in [1, 2, 15, 16, 17, 100, 400] {
        for chance in [0.0001, 0.01, 0.02, 0.3, 0.5, 0.97, 0.9999] {
            for successes in (0..=trials).step_by(1 + usize::try_from(trials).expect("a small number") / 40) {
                let what = format!("{successes} of {trials} by {chance}");
                close(at_least(successes, trials, chance), plain(successes, trials, chance), &what);
            }
        }
    }
}

#[test]
fn the_ends_are_certain() {
    assert_eq!((at_least(0, 10, 0.0), at_least(0, 0, 0.5), at_least(10, 10, 1.0)), (1.0, 1.0, 1.0));
    assert_eq!((at_least(11, 10, 0.5), at_least(1, 10, 0.0), at_least(1, 0, 0.5)), (0.0, 0.0, 0.0));
    assert_eq!((upper_limit(0, 0, 0.001), upper_limit(7, 7, 0.001)), (1.0, 1.0));
}

#[test]
fn numbers_far_beyond_any_watch_neither_underflow_nor_take_long() {
    // A million standard deviations away is nothing, the middle is a half.
    assert_eq!(at_least(900_000_000, 1_000_000_000, 0.5), 0.0);
    let middle = at_least(500_000_000, 1_000_000_000, 0.5);
    assert!((middle - 0.5).abs() < 1e-4, "{middle}");
    // Three standard deviations of a bell curve.
    let three = at_least(500_047_434, 1_000_000_000, 0.5);
    assert!((three - 0.001_349_9).abs() < 1e-5, "{three}");
}

#[test]
fn a_limit_is_where_chance_is_hardly_an_excuse_any_more() {
    // Nothing in n trials has a closed form: 1 - doubt^(1/n).
    for trials in [1, 10, 100, 10_000] {
        let exact = 1.0 - 0.001_f64.powf(1.0 / trials as f64);
        let found = upper_limit(0, trials, 0.001);
        assert!(found >= exact && found - exact < 2e-6, "{trials}: {found} instead of {exact}");
    }
    for (successes, trials) in [(1, 100), (5, 100), (50, 100), (99, 100), (300, 10_000)] {
        let limit = upper_limit(successes, trials, 0.001);
        let seen = 1.0 - at_least(successes + 1, trials, limit);
        assert!((seen - 0.001).abs() < 1e-4, "{successes} of {trials}: {limit} by {seen}");
    }
}
