//! Whether a new revision is worse than the old one by more than its margin, and not by chance.
//!
//! The question is asked again every half second of a watch, so that a bare
//! comparison of rates would sooner or later take every good revision back. The
//! new one is given the benefit of the doubt twice: the old one may truly be as
//! bad as what was seen of it still allows, and the new one is only called worse
//! if what was seen of it would hardly ever happen to one that is just not worse.
//! Both "hardly ever" are one in a thousand, both by exact binomial tails.
//!
//! Taking the old one's rate for granted would do if it had always served for
//! long. It has not: of two deployments within a minute the second is compared
//! with what little the first has served.

use std::fmt;
use std::time::Duration;

use super::Margin;
use super::binomial::{at_least, upper_limit};
use crate::latency::{longer_than, quantile};

#[cfg(test)]
mod tests;

/// Fewer requests than this judge no revision: one client that tries one broken
/// thing a few times is no tenth of the traffic.
pub const REQUESTS_MIN: u64 = 100;

/// What counts as hardly ever. The 120 questions of a minute's watch are about
/// the same requests, so that together they take back one in 200 revisions that
/// are worse by exactly the margin, and of those that are as good nearly none.
const DOUBT: f64 = 0.001;

/// Requests without failure that an old one of which nothing was seen is credited
/// with: it was live, so it worked. Its failures then pass for up to half of all
/// requests, so that a new one which fails most of them is found even so. Each
/// [`REQUESTS_MIN`] / `CREDIT` requests that were seen take the place of one.
const CREDIT: u64 = 10;

/// Longer by less than this is never slower: on a busy machine a revision that
/// takes a millisecond takes some more whenever its neighbours are at work.
pub const P99_FLOOR: Duration = Duration::from_millis(10);

/// The share of requests that may take longer than what the slowest hundredth takes.
const SLOWEST: f64 = 0.01;

/// What was seen of one revision.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Requests that came to an end.
    pub requests: u64,
    /// Those that failed by its own fault.
    pub failures: u64,
    /// How many took how long, in the buckets of [`crate::latency`].
    pub latencies: &'a [u64],
}

/// How a new revision is worse. Shown, it is a reason for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worse {
    /// It fails more.
    Fails {
        /// Failures of the new one.
        failures: u64,
        /// Among so many requests.
        requests: u64,
        /// Failures of the old one.
        old_failures: u64,
        /// Among so many requests.
        old_requests: u64,
        /// The margin, in hundredths of a percentage point.
        margin: u32,
    },
    /// It is slower.
    Slow {
        /// What the slowest hundredth of the new one takes at least.
        p99: Duration,
        /// Among so many requests.
        requests: u64,
        /// What the slowest hundredth of the old one takes at least.
        old_p99: Duration,
        /// Among so many requests.
        old_requests: u64,
        /// What was allowed.
        allowed: Duration,
    },
}

/// Whether `new` is worse than `old` by more than `margin`, beyond doubt.
///
/// Nothing is said before [`REQUESTS_MIN`] requests of `new`, and nothing of its
/// speed before as many of `old`. Cheap enough for every half second: usually a
/// division, at most some ten thousand steps for a million requests.
#[must_use]
pub fn judge(old: &Seen<'_>, new: &Seen<'_>, margin: &Margin) -> Option<Worse> {
    fails(old, new, margin).or_else(|| slow(old, new, margin))
}

fn fails(old: &Seen<'_>, new: &Seen<'_>, margin: &Margin) -> Option<Worse> {
    if new.requests < REQUESTS_MIN {
        return None;
    }
    let margin_share = f64::from(margin.failures) / 10_000.0;
    let credit = CREDIT.saturating_sub(old.requests / (REQUESTS_MIN / CREDIT));
    let served = old.requests.saturating_add(credit);
    let worse = is_more(new.failures, new.requests, old.failures, served, |rate| rate + margin_share);
    worse.then_some(Worse::Fails {
        failures: new.failures,
        requests: new.requests,
        old_failures: old.failures,
        old_requests: old.requests,
        margin: margin.failures,
    })
}

/// The old one's slowest hundredth gives a time that at most a hundredth of the
/// new one's requests may exceed. Times are told by the ends of their buckets,
/// never too short and at most an eighth too long: no request within the margin
/// counts as slow, and each that takes 1.27 times (1.125 twice) as long does.
fn slow(old: &Seen<'_>, new: &Seen<'_>, margin: &Margin) -> Option<Worse> {
    let (old_requests, requests) = (count(old), count(new));
    if old_requests < REQUESTS_MIN || requests < REQUESTS_MIN {
        return None;
    }
    let old_p99 = quantile(old.latencies, 99)?;
    let allowed = (old_p99.saturating_mul(margin.p99) / 100).max(old_p99.saturating_add(P99_FLOOR));
    let (late, old_late) = (longer_than(new.latencies, allowed), longer_than(old.latencies, allowed));
    let worse = is_more(late, requests, old_late, old_requests, |rate| rate.max(SLOWEST));
    let p99 = quantile(new.latencies, 99)?;
    worse.then_some(Worse::Slow { p99, requests, old_p99, old_requests, allowed })
}

fn count(seen: &Seen<'_>) -> u64 {
    seen.latencies.iter().fold(0, |sum: u64, count| sum.saturating_add(*count))
}

/// Whether `count` of `of` is beyond doubt more than what is `allowed` for a
/// rate of which `old_count` of `old_of` were seen.
fn is_more(count: u64, of: u64, old_count: u64, old_of: u64, allowed: impl Fn(f64) -> f64) -> bool {
    // A counter may be read a moment before the one it is a part of.
    let (count, old_count) = (count.min(of), old_count.min(old_of));
    let rate = |count: u64, of: u64| count as f64 / of as f64;
    // What is not more at first sight needs no proof; nearly always it ends here.
    rate(count, of) > allowed(rate(old_count, old_of))
        && at_least(count, of, allowed(upper_limit(old_count, old_of, DOUBT))) < DOUBT
}

impl fmt::Display for Worse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fails { failures, requests, old_failures, old_requests, margin } => {
                write!(out, "{} of {} requests failed, ", Share(failures, requests), Grouped(requests))?;
                match old_requests {
                    0 => write!(out, "none were seen before")?,
                    _ => write!(out, "{} of {} before", Share(old_failures, old_requests), Grouped(old_requests))?,
                }
                write!(out, " (margin {} %)", Hundredths(margin))
            }
            Self::Slow { p99, requests, old_p99, old_requests, allowed } => {
                let (requests, old_requests) = (Grouped(requests), Grouped(old_requests));
                write!(out, "the slowest hundredth of {requests} requests took {} or more, ", Rounded(p99))?;
                write!(out, "{} of {old_requests} before (allowed {})", Rounded(old_p99), Rounded(allowed))
            }
        }
    }
}

/// A part of a whole in percent, to a tenth.
struct Share(u64, u64);

impl fmt::Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, whole) = (u128::from(self.0), u128::from(self.1.max(1)));
        let tenths = (part * 2_000 + whole) / (whole * 2);
        match (part, tenths / 10, tenths % 10) {
            (1.., 0, 0) => write!(out, "under 0.1 %"),
            (_, percent, 0) => write!(out, "{percent} %"),
            (_, percent, tenth) => write!(out, "{percent}.{tenth} %"),
        }
    }
}

/// Hundredths as a decimal number without needless noughts.
struct Hundredths(u32);

impl fmt::Display for Hundredths {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(out, "{whole}"),
            (whole, rest) if rest % 10 == 0 => write!(out, "{whole}.{}", rest / 10),
            (whole, rest) => write!(out, "{whole}.{rest:02}"),
        }
    }
}

/// A number with a comma between thousands.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                out.write_str(",")?;
            }
            write!(out, "{digit}")?;
        }
        Ok(())
    }
}

/// A time as people say it: no more digits than are known of it.
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            ..0.01 => write!(out, "{:.1} ms", seconds * 1_000.0),
            ..10.0 => write!(out, "{:.0} ms", seconds * 1_000.0),
            _ => write!(out, "{seconds:.0} s"),
        }
    }
}
