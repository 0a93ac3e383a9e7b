//! Numbers for random cases: SplitMix64 (Steele, Lea, Flood 2014), so that one seed is one case on every machine.

/// The generator.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number of `low..=high`.
    pub(crate) fn within(&mut self, low: i64, high: i64) -> i64 {
        assert!(low <= high, "{low}..={high}");
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.within(0, end as i64 - 1) as usize
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A signed number of a random width up to `bits`, so that small and large ones are both common.
    pub(crate) fn number(&mut self, bits: u32) -> i32 {
        let width = self.within(1, i64::from(bits)) as u32;
        ((self.next() as i64) >> (64 - width)) as i32
    }

    /// The numbers `0..n` in a random order.
    pub(crate) fn shuffled(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}
