//! Exact sums of floating-point numbers: order does not matter and what was added can be taken away without a trace.
//!
//! The sum is kept as an integer multiple of 2⁻¹⁰⁷⁴ in chunks of 32 bits that overlap by their sign and head room, and
//! is rounded only when it is read: the "small superaccumulator" of R. M. Neal, "Fast exact summation using small and
//! large superaccumulators", 2015 (arXiv:1505.05571). Other than there, only the chunks between the smallest and the
//! greatest exponent seen are kept.

use num_bigint::{BigInt, Sign};

/// Bits per chunk.
const CHUNK_BITS: u32 = 32;
/// Parts that may be added before carries must move: each is below 2³², so 2³⁰ of them stay below 2⁶² in absolute
/// value.
const ADDS_MAX: u32 = 1 << 30;

/// What [`ExactSum::integer`] counts multiples of, for sums of floats: 2 to this.
pub const SUM_EXPONENT: i64 = -1074;
/// The same for sums of products.
pub const PRODUCT_EXPONENT: i64 = 2 * SUM_EXPONENT;

/// An exact sum of weighted floats, or of weighted products of two floats.
#[derive(Debug, Clone, Default)]
pub struct ExactSum {
    /// Number of the first chunk; chunk c counts multiples of 2^(32·c − 1074).
    first: u32,
    chunks: Vec<i64>,
    /// Parts added since carries were moved.
    adds: u32,
    special: Option<Box<Special>>,
}

/// How often values that no sum absorbs were added.
#[derive(Debug, Clone, Default, PartialEq)]
struct Special {
    infinity: i64,
    negative_infinity: i64,
    nan: i64,
}

/// A type that a sum is rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 24 bits: real.
    Single,
    /// 53 bits: double precision.
    Double,
}

impl ExactSum {
    /// Adds `value` `weight` times.
    pub fn add(&mut self, value: f64, weight: i64) {
        if !value.is_finite() {
            return self.add_special(value, weight);
        }
        let (mantissa, shift) = parts(value);
        if mantissa == 0 {
            return;
        }
        let negative = value.is_sign_negative() != (weight < 0);
        if weight.unsigned_abs() == 1 {
            return self.add_bits(u128::from(mantissa), shift, negative);
        }
        self.add_wide(u128::from(mantissa) * u128::from(weight.unsigned_abs()), shift, negative);
    }

    /// Adds the exact product of two floats `weight` times; only finite ones count. A sum holds products or floats, not both.
    pub fn add_product(&mut self, one: f64, other: f64, weight: i64) {
        if !one.is_finite() || !other.is_finite() {
            return;
        }
        let ((one_mantissa, one_shift), (other_mantissa, other_shift)) = (parts(one), parts(other));
        let product = u128::from(one_mantissa) * u128::from(other_mantissa);
        let negative = (one.is_sign_negative() != other.is_sign_negative()) != (weight < 0);
        let (shift, times) = (one_shift + other_shift, u128::from(weight.unsigned_abs()));
        self.add_wide((product & u128::from(u64::MAX)) * times, shift, negative);
        self.add_wide((product >> 64) * times, shift + 64, negative);
    }

    /// The sum of infinities and NaN, if there are any.
    pub fn special(&self) -> Option<f64> {
        let special = self.special.as_ref()?;
        let (up, down) = (special.infinity > 0, special.negative_infinity > 0);
        match (special.nan > 0 || up && down, up, down) {
            (true, ..) => Some(f64::NAN),
            (_, true, _) => Some(f64::INFINITY),
            (_, _, true) => Some(f64::NEG_INFINITY),
            _ => None,
        }
    }

    /// The sum of what is finite, in multiples of 2 to [`SUM_EXPONENT`] or [`PRODUCT_EXPONENT`].
    pub fn integer(&self) -> BigInt {
        let (negative, digits) = self.magnitude();
        BigInt::from_slice(if negative { Sign::Minus } else { Sign::Plus }, &digits) << (self.first * CHUNK_BITS)
    }

    /// Whether all that was added was taken away again.
    pub fn is_zero(&self) -> bool {
        self.special.as_ref().is_none_or(|special| **special == Special::default()) && self.magnitude().1.is_empty()
    }

    /// The sum, rounded to the nearest, ties to even; `None` if finite numbers sum beyond the greatest one.
    pub fn value(&self, precision: Precision) -> Option<f64> {
        if let Some(special) = self.special() {
            return Some(special);
        }
        let (negative, digits) = self.magnitude();
        let value = round(&digits, u64::from(self.first * CHUNK_BITS), precision)?;
        Some(if negative { -value } else { value })
    }

    /// Memory held besides the structure itself, in bytes.
    pub fn bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<i64>() + self.special.as_ref().map_or(0, |_| size_of::<Special>())
    }

    fn add_special(&mut self, value: f64, weight: i64) {
        let special = self.special.get_or_insert_default();
        let count = if value.is_nan() {
            &mut special.nan
        } else if value > 0.0 {
            &mut special.infinity
        } else {
            &mut special.negative_infinity
        };
        *count = count.wrapping_add(weight);
    }

    /// Adds ± `bits` · 2^(shift − 1074).
    fn add_wide(&mut self, bits: u128, shift: u32, negative: bool) {
        self.add_bits(bits & u128::from(u64::MAX), shift, negative);
        self.add_bits(bits >> 64, shift + 64, negative);
    }

    /// Adds ± `bits` · 2^(shift − 1074), where `bits` has at most 64 bits.
    fn add_bits(&mut self, bits: u128, shift: u32, negative: bool) {
        if bits == 0 {
            return;
        }
        if self.adds >= ADDS_MAX {
            self.carry();
        }
        self.adds += 1;
        let chunk = shift / CHUNK_BITS;
        let mut rest = bits << (shift % CHUNK_BITS);
        self.widen(chunk, chunk + (u128::BITS - rest.leading_zeros()).div_ceil(CHUNK_BITS));
        let mut at = (chunk - self.first) as usize;
        while rest != 0 {
            let part = (rest & 0xFFFF_FFFF) as i64;
            self.chunks[at] += if negative { -part } else { part };
            rest >>= CHUNK_BITS;
            at += 1;
        }
    }

    /// Makes room for the chunks from `low` to before `high`.
    fn widen(&mut self, low: u32, high: u32) {
        if self.chunks.is_empty() {
            self.first = low;
        }
        if low < self.first {
            let more = (self.first - low) as usize;
            self.chunks.splice(0..0, std::iter::repeat_n(0, more));
            self.first = low;
        }
        let length = (high - self.first) as usize;
        if length > self.chunks.len() {
            self.chunks.resize(length, 0);
        }
    }

    /// Moves what is beyond 32 bits of each chunk to the next.
    fn carry(&mut self) {
        self.adds = 1;
        let mut carry = 0;
        for chunk in &mut self.chunks {
            let sum = *chunk + carry;
            *chunk = sum & 0xFFFF_FFFF;
            carry = sum >> CHUNK_BITS;
        }
        if carry != 0 {
            self.chunks.push(carry);
        }
    }

    /// Sign and absolute value: digits of 32 bits, the lowest first, without zeros at the upper end.
    fn magnitude(&self) -> (bool, Vec<u32>) {
        let mut canonical = Vec::with_capacity(self.chunks.len() + 2);
        let mut carry = 0;
        for chunk in &self.chunks {
            let sum = *chunk + carry;
            canonical.push(sum as u32);
            carry = sum >> CHUNK_BITS;
        }
        canonical.extend([carry as u32, (carry >> CHUNK_BITS) as u32]);
        let negative = carry < 0;
        if negative {
            // Two's complement over all digits.
            let mut borrow = true;
            for digit in &mut canonical {
                let (flipped, overflow) = (!*digit).overflowing_add(u32::from(borrow));
                (*digit, borrow) = (flipped, overflow);
            }
        }
        while canonical.last() == Some(&0) {
            canonical.pop();
        }
        (negative, canonical)
    }
}

/// A finite float without its sign: mantissa · 2^(shift − 1074).
fn parts(value: f64) -> (u64, u32) {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52) as u32 & 0x7FF, bits & ((1 << 52) - 1));
    // Subnormal numbers have the exponent of the smallest normal ones and no implicit bit.
    if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) }
}

/// The float nearest to digits · 2^(offset − 1074).
fn round(digits: &[u32], offset: u64, precision: Precision) -> Option<f64> {
    let Some(top) = digits.last() else { return Some(0.0) };
    // Bits of the mantissa, and the exponent of the smallest subnormal number relative to 2⁻¹⁰⁷⁴.
    let (mantissa_bits, smallest) = match precision {
        Precision::Single => (24, 1074 - 149),
        Precision::Double => (53, 0),
    };
    let length = (digits.len() as u64 - 1) * 32 + u64::from(32 - top.leading_zeros());
    // Position of the lowest bit that the result has, relative to 2⁻¹⁰⁷⁴ and to the digits.
    let lowest = (offset + length).saturating_sub(mantissa_bits).max(smallest);
    let Some(dropped) = lowest.checked_sub(offset) else {
        return finite(bits_from(digits, 0), offset, precision);
    };
    let mut mantissa = bits_from(digits, dropped);
    if dropped > 0 && bit(digits, dropped - 1) {
        let sticky = (0..dropped - 1).any(|position| bit(digits, position));
        mantissa += u64::from(sticky || mantissa & 1 == 1);
    }
    finite(mantissa, lowest, precision)
}

/// mantissa · 2^(exponent − 1074), which the precision can hold unless it is too great.
fn finite(mantissa: u64, exponent: u64, precision: Precision) -> Option<f64> {
    // The product is exact; below the normal numbers a first step keeps every factor normal.
    const LOW: i32 = -1000;
    let power = exponent as i32 - 1074;
    let value = match power {
        ..LOW => mantissa as f64 * power_of_two(LOW) * power_of_two(power - LOW),
        LOW..=1023 => mantissa as f64 * power_of_two(power),
        _ => return None,
    };
    let greatest = match precision {
        Precision::Single => f64::from(f32::MAX),
        Precision::Double => f64::MAX,
    };
    (value <= greatest).then_some(value)
}

/// 2^exponent for normal numbers.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The (at most 64) bits from `position` upwards.
fn bits_from(digits: &[u32], position: u64) -> u64 {
    let (digit, shift) = ((position / 32) as usize, position % 32);
    let window = digits.iter().skip(digit).take(3).rev().fold(0_u128, |bits, digit| bits << 32 | u128::from(*digit));
    (window >> shift) as u64
}

fn bit(digits: &[u32], position: u64) -> bool {
    digits.get((position / 32) as usize).is_some_and(|digit| digit >> (position % 32) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[(f64, i64)]) -> ExactSum {
        let mut sum = ExactSum::default();
        values.iter().for_each(|(value, weight)| sum.add(*value, *weight));
        sum
    }

    /// The next of a sequence that looks random (xorshift64, Marsaglia 2003).
    fn scrambled(mut state: u64) -> u64 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^ (state << 17)
    }

    fn double(values: &[(f64, i64)]) -> Option<f64> {
        sum(values).value(Precision::Double)
    }

    #[test]
    fn absorbs_nothing() {
        assert_eq!(double(&[(1e20, 1), (1.0, 1), (1e20, -1)]), Some(1.0));
        assert_eq!(double(&[(0.1, 10)]), Some(1.0));
        assert_eq!(double(&[(1e308, 1), (5e-324, 1), (1e308, -1)]), Some(5e-324));
        assert_eq!(double(&[(-1.5, 3), (4.5, 1)]), Some(0.0));
        assert!(sum(&[(1e300, 7), (-1e-300, 3), (1e300, -7), (-1e-300, -3)]).is_zero());
        assert!(!sum(&[(1e300, 7), (5e-324, 1), (1e300, -7)]).is_zero());
    }

    #[test]
    fn every_float_comes_back() {
        let mut state = 7_u64;
        for _ in 0..20_000 {
            state = scrambled(state);
            let value = f64::from_bits(state);
            if value.is_finite() {
                assert_eq!(double(&[(value, 1)]), Some(value), "{value:e}");
                assert_eq!(double(&[(value, 3), (value, -2)]), Some(value), "{value:e}");
            }
            let single = f32::from_bits(state as u32);
            if single.is_finite() {
                assert_eq!(sum(&[(f64::from(single), 1)]).value(Precision::Single), Some(f64::from(single)));
            }
        }
    }

    #[test]
    fn two_floats_round_as_the_machine_rounds() {
        let mut state = 11_u64;
        for _ in 0..20_000 {
            state = scrambled(state);
            let a = f64::from_bits(state);
            let b = f64::from_bits(a.to_bits() ^ (state.rotate_left(7) & 0x803F_FFFF_FFFF_FFFF));
            if (a + b).is_finite() && a + b != 0.0 {
                assert_eq!(double(&[(a, 1), (b, 1)]), Some(a + b), "{a:e} + {b:e}");
            }
            let (c, d) =
                (f32::from_bits(state as u32), f32::from_bits(state as u32 ^ (state >> 32 & 0x81FF_FFFF) as u32));
            if (c + d).is_finite() && c + d != 0.0 {
                assert_eq!(
                    sum(&[(f64::from(c), 1), (f64::from(d), 1)]).value(Precision::Single),
                    Some(f64::from(c + d))
                );
            }
        }
    }

    #[test]
    fn ends_of_the_range() {
        assert_eq!(double(&[(f64::MAX, 2)]), None);
        assert_eq!(double(&[(f64::MAX, 1 << 40), (f64::MAX, 1 - (1 << 40))]), Some(f64::MAX));
        assert_eq!(sum(&[(f64::from(f32::MAX), 2)]).value(Precision::Single), None);
        assert_eq!(double(&[(f64::INFINITY, 1), (1.0, 1)]), Some(f64::INFINITY));
        assert!(double(&[(f64::INFINITY, 1), (f64::NEG_INFINITY, 1)]).is_some_and(f64::is_nan));
        assert_eq!(double(&[(f64::NAN, 1), (2.0, 1), (f64::NAN, -1)]), Some(2.0));
    }

    #[test]
    fn products_are_exact() {
        let mut sum = ExactSum::default();
        for (a, b, weight) in [(1e300, -1e-300, 3), (f64::MAX, f64::MAX, 1 << 62), (5e-324, 5e-324, 7)] {
            sum.add_product(a, b, weight);
        }
        sum.add_product(f64::MAX, -f64::MAX, 1 << 62);
        sum.add_product(-1e300, -1e-300, 3);
        assert_eq!(sum.integer(), BigInt::from(7), "multiples of 2^-2148 are left");
        sum.add_product(5e-324, -5e-324, 7);
        assert!(sum.is_zero());
        let mut quarter = ExactSum::default();
        quarter.add_product(0.5, -0.5, 1);
        assert_eq!(quarter.integer(), BigInt::from(-1) * (BigInt::from(1) << 2146_u32));
    }

    #[test]
    fn carries_move_in_time() {
        let mut sum = sum(&[(1.0, 1)]);
        for _ in 0..3 {
            sum.adds = ADDS_MAX;
            sum.add(f64::MAX, 1);
            sum.add(-f64::MAX, 1);
        }
        assert_eq!(sum.value(Precision::Double), Some(1.0));
    }
}
