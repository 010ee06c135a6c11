//! Made-up numbers for tests that try many cases, the same each time.

/// A small generator (Marsaglia's xorshift), so that a failure can be repeated.
pub(crate) struct Numbers(u64);

impl Numbers {
    /// Those of `seed`; neighbours among seeds have nothing in common.
    pub(crate) fn of(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("a small number")
    }

    pub(crate) fn pick(&mut self, texts: &[&'static str]) -> &'static str {
        texts[self.below(texts.len())]
    }
}
