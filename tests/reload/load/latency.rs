//! How long answers took, kept in buckets so that a million of them cost nothing.
//!
//! Every power of two of microseconds has 64 buckets: a quantile is at most 1.6 % too high.

use std::time::Duration;

/// Buckets of each power of two, and the power of two that this is.
const PARTS: u64 = 64;
const PARTS_LOG: u32 = 6;

/// Times that were noted.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    counts: Vec<u64>,
    number: u64,
    longest: Duration,
}

impl Latencies {
    /// One more.
    pub fn note(&mut self, took: Duration) {
        let bucket = bucket(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.number += 1;
        self.longest = self.longest.max(took);
    }

    /// What `share` of them did not exceed, as in 0.99; nothing if there are none.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.number as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return Duration::from_micros(upper(bucket)).min(self.longest);
            }
        }
        self.longest
    }

    /// The longest.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// How many there are.
    pub fn number(&self) -> u64 {
        self.number
    }
}

fn bucket(micros: u64) -> usize {
    let power = micros.max(1).ilog2().saturating_sub(PARTS_LOG);
    // Below 128 each number has its own; above, the leading bits tell the part.
    (u64::from(power) * PARTS + (micros >> power)) as usize
}

/// The greatest number of microseconds in a bucket.
fn upper(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let power = (bucket / PARTS).saturating_sub(1);
    let part = bucket - power * PARTS;
    ((part + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_between_its_ends() {
        let mut last = 0;
        for micros in (0..2000).chain((11..40).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])) {
            let bucket = bucket(micros);
            assert!(bucket >= last && bucket <= last + 64, "{micros} is in {bucket} after {last}");
            let below = if bucket == 0 { None } else { Some(upper(bucket - 1)) };
            assert!(micros <= upper(bucket) && below.is_none_or(|below| micros > below), "{micros} in {bucket}");
            assert!(upper(bucket) <= micros + micros / 60, "{micros} counts as {}", upper(bucket));
            last = bucket;
        }
    }

    #[test]
    fn quantiles_count_from_the_shortest() {
        let mut latencies = Latencies::default();
        for millis in 1..=1000 {
            latencies.note(Duration::from_millis(millis));
        }
        for (share, millis) in [(0.5, 500), (0.99, 990), (0.999, 999)] {
            let found = latencies.quantile(share).as_secs_f64() * 1000.0;
            assert!((found / f64::from(millis) - 1.0).abs() < 0.016, "{share}: {found}");
        }
        assert_eq!(latencies.quantile(1.0), Duration::from_secs(1));
        assert_eq!(Latencies::default().quantile(0.99), Duration::ZERO);
    }
}
