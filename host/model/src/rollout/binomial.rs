//! How likely it is that so many of so many trials turn out one way by chance alone.
//!
//! Exact tails and not the usual approximation by a bell curve: the question is
//! about three failures among a hundred, where that is wrong by a factor of ten.
//! Products are sums of logarithms, so that no number of trials underflows.

#[cfg(test)]
mod tests;

/// What adds less than this part of a sum is left out.
const NEGLIGIBLE: f64 = 1e-12;

/// Below this a factorial is multiplied out; from it on Stirling's series is exact to the last digits.
const STIRLING_MIN: u64 = 16;

/// Halvings of the interval in which a chance is looked for: a millionth remains of it.
const HALVINGS: u32 = 20;

/// The probability that of `trials`, each a success by `chance`, at least
/// `successes` are. Takes about as many steps as the square root of `trials`.
pub(super) fn at_least(successes: u64, trials: u64, chance: f64) -> f64 {
    if successes == 0 || chance >= 1.0 {
        return 1.0;
    }
    if successes > trials || chance <= 0.0 {
        return 0.0;
    }
    if (successes as f64) <= trials as f64 * chance {
        // The other tail is the smaller sum, and this one what remains.
        return 1.0 - far_tail(trials - successes + 1, trials, 1.0 - chance);
    }
    far_tail(successes, trials, chance)
}

/// As [`at_least`] for more successes than are expected: then each further term
/// is smaller than the one before.
fn far_tail(successes: u64, trials: u64, chance: f64) -> f64 {
    let failures = trials - successes;
    let ways = ln_factorial(trials) - ln_factorial(successes) - ln_factorial(failures);
    let first = ways + successes as f64 * chance.ln() + failures as f64 * (-chance).ln_1p();
    let odds = chance / (1.0 - chance);
    let (mut term, mut sum) = (1.0, 1.0);
    for successes in successes..trials {
        term *= (trials - successes) as f64 / (successes + 1) as f64 * odds;
        sum += term;
        if term < sum * NEGLIGIBLE {
            break;
        }
    }
    (first.exp() * sum).min(1.0)
}

/// The chance by which a success is still thinkable: were it any greater, so few
/// as `successes` of `trials` would be seen with a probability below `doubt`.
/// One if there were no trials (Clopper and Pearson's one-sided upper limit).
pub(super) fn upper_limit(successes: u64, trials: u64, doubt: f64) -> f64 {
    if successes >= trials {
        return 1.0;
    }
    let (mut low, mut high) = (successes as f64 / trials as f64, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        // At most so many successes are at least so many failures.
        if at_least(trials - successes, trials, 1.0 - middle) < doubt {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// The natural logarithm of 1 x 2 x ... x `count`.
fn ln_factorial(count: u64) -> f64 {
    if count < STIRLING_MIN {
        return (2..=count).map(|factor| factor as f64).product::<f64>().ln();
    }
    let n = count as f64;
    let series = 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3)) + 1.0 / (1_260.0 * n.powi(5));
    (n + 0.5) * n.ln() - n + 0.5 * std::f64::consts::TAU.ln() + series
}
