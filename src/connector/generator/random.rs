//! Random numbers that are a function of what they are for.

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
pub(super) struct Random(u64);

impl Random {
    /// The numbers that belong to `seed` and `item`.
    pub(super) fn new(seed: u64, item: u64) -> Random {
        let mut random = Random(seed);
        random.0 = random.next() ^ item.wrapping_mul(0xd134_2543_de82_ef95);
        random
    }

    /// A number from 0 to `bound` − 1; `bound` is at least 1.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A position in a list of `length` items.
    pub(super) fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// A number from 0 (included) to 1 (not included).
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Appends `count` lower-case letters.
    pub(super) fn letters(&mut self, count: usize, text: &mut String) {
        // One number is good for eight letters.
        let mut left = 0;
        let mut bits = 0;
        for _ in 0..count {
            if left == 0 {
                (bits, left) = (self.next(), 8);
            }
            text.push(char::from(b'a' + (((bits & 0xff) * 26) >> 8) as u8));
            bits >>= 8;
            left -= 1;
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
