//! Chance that can be repeated: the same seed, the same run. (SplitMix64, by Steele, Lea and Flood.)

use std::time::Duration;

/// A sequence of numbers.
pub struct Chance(u64);

impl Chance {
    /// The sequence of this seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    /// A time up to `most`.
    pub fn time(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.number() as f64 / u64::MAX as f64)
    }
}
