//! Times sorted into buckets that grow with the time, so that a count for each is all that has to be kept.
//!
//! Every power of two of microseconds is cut into eight equal parts: a time is
//! known to within an eighth of itself, whether it is a millisecond or an hour.
//! That is what comparing the slowest hundredths of two revisions needs, and 2 KB
//! hold it for any number of requests.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// Parts of one power of two, as a power of two: with eight a bucket is at most
/// an eighth of its times wide.
const PARTS_LOG2: u32 = 3;
const PARTS: usize = 1 << PARTS_LOG2;

/// The first bucket ends at so many microseconds, as a power of two (64 us): no
/// answer that an instance was made for is faster, and differences below it are
/// the machine's.
const FIRST_LOG2: u32 = 6;

/// The last bucket begins at so many microseconds, as a power of two (38 hours):
/// longer than any deadline that a file may set.
const LAST_LOG2: u32 = 37;

/// How many buckets there are.
pub const BUCKETS: usize = (LAST_LOG2 - FIRST_LOG2) as usize * PARTS + 2;

/// The bucket of `time`: 0 to [`BUCKETS`] - 1, rising with the time.
#[must_use]
pub fn bucket(time: Duration) -> usize {
    let micros = time.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(time.subsec_micros()));
    if micros < 1 << FIRST_LOG2 {
        return 0;
    }
    let power = micros.ilog2();
    if power >= LAST_LOG2 {
        return BUCKETS - 1;
    }
    // The bits below the highest one say which part; at most seven, so nothing is cut off.
    let part = (micros >> (power - PARTS_LOG2)) as usize & (PARTS - 1);
    1 + (power - FIRST_LOG2) as usize * PARTS + part
}

/// The time at which `bucket` ends and the next begins, at most an eighth longer
/// than any time in it. The last has no end and says where it begins; the first
/// holds all that is shorter than its end.
#[must_use]
pub fn upper(bucket: usize) -> Duration {
    // The end of one is the beginning of the next; nothing begins after the last.
    let place = bucket.min(BUCKETS - 2);
    let (power, part) = (place / PARTS, place % PARTS);
    let micros = ((PARTS + part) as u64) << (power + (FIRST_LOG2 - PARTS_LOG2) as usize);
    Duration::from_micros(micros)
}

/// The end of the bucket that holds the time which `hundredths` of a hundred do
/// not exceed: `quantile(counts, 99)` is what the slowest hundredth takes at
/// least. `None` if nothing was counted.
///
/// It is never less than the true one, and more by at most an eighth (or 64 us).
#[must_use]
pub fn quantile(counts: &[u64], hundredths: u32) -> Option<Duration> {
    let total: u128 = counts.iter().map(|count| u128::from(*count)).sum();
    if total == 0 {
        return None;
    }
    let rank = (total * u128::from(hundredths.min(100))).div_ceil(100).max(1);
    let mut passed = 0_u128;
    let found = counts.iter().position(|count| {
        passed += u128::from(*count);
        passed >= rank
    });
    found.map(upper)
}

/// How many of `counts` took longer than `time` for certain: the bucket that
/// `time` falls into is not among them.
#[must_use]
pub fn longer_than(counts: &[u64], time: Duration) -> u64 {
    counts.iter().skip(bucket(time) + 1).fold(0, |sum: u64, count| sum.saturating_add(*count))
}
