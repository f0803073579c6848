//! Sums of values that come and go: what is left is the sum of the values that are there, with the scale that it has.

use num_bigint::BigInt;

use super::{Decimal, Number, ten_to};
use crate::error::Result;

/// The sum of a multiset of values. Adding a value with weight −1 undoes adding it with weight 1, NaN and infinities included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Total {
    sum: Sum,
    /// How many numbers have each scale, by scale; none is zero.
    scales: Vec<(u32, i64)>,
    nan: i64,
    infinity: i64,
    negative_infinity: i64,
}

impl Total {
    /// Adds the value of [`encoded`](super::encoding) bytes so many times.
    pub(crate) fn add_encoded(&mut self, bytes: &[u8], weight: i64) {
        match super::encoding::read_small(bytes) {
            Some((units, scale)) => self.add_small(units, scale, weight),
            None => self.add(&super::encoding::read(bytes), weight),
        }
    }

    /// Adds `units` · 10^−`scale` so many times.
    pub(crate) fn add_small(&mut self, units: i128, scale: u32, weight: i64) {
        self.sum.add(units, scale, weight);
        self.count(scale, weight);
    }

    /// Adds a value so many times.
    pub fn add(&mut self, value: &Decimal, weight: i64) {
        let count = match value {
            Decimal::NaN => &mut self.nan,
            Decimal::Infinity => &mut self.infinity,
            Decimal::NegativeInfinity => &mut self.negative_infinity,
            Decimal::Number(number) => {
                self.sum.add_big(&(&number.units * weight), number.scale);
                return self.count(number.scale, weight);
            }
        };
        *count = count.wrapping_add(weight);
    }

    fn count(&mut self, scale: u32, weight: i64) {
        match self.scales.binary_search_by_key(&scale, |(scale, _)| *scale) {
            Ok(at) => {
                self.scales[at].1 = self.scales[at].1.wrapping_add(weight);
                if self.scales[at].1 == 0 {
                    self.scales.remove(at);
                }
            }
            Err(at) if weight != 0 => self.scales.insert(at, (scale, weight)),
            Err(_) => {}
        }
    }

    /// Adds all values of another multiset.
    pub fn merge(&mut self, other: &Total) {
        self.sum.merge(&other.sum);
        other.scales.iter().for_each(|(scale, count)| self.count(*scale, *count));
        self.nan += other.nan;
        self.infinity += other.infinity;
        self.negative_infinity += other.negative_infinity;
    }

    /// How many values there are.
    pub fn values(&self) -> i64 {
        let numbers: i64 = self.numbers();
        numbers.wrapping_add(self.nan).wrapping_add(self.infinity).wrapping_add(self.negative_infinity)
    }

    /// How many of them are numbers.
    pub(super) fn numbers(&self) -> i64 {
        self.scales.iter().fold(0, |sum, (_, count)| sum.wrapping_add(*count))
    }

    /// The sum of the numbers alone.
    pub(super) fn number(&self) -> Number {
        let scale = self.scales.last().map_or(0, |(scale, _)| *scale);
        self.sum.number().with_scale_exact(scale)
    }

    /// What the sum is on account of a value that is no number.
    pub(super) fn special(&self) -> Option<Decimal> {
        match (self.nan != 0, self.infinity != 0, self.negative_infinity != 0) {
            (false, false, false) => None,
            (false, true, false) => Some(Decimal::Infinity),
            (false, false, true) => Some(Decimal::NegativeInfinity),
            _ => Some(Decimal::NaN),
        }
    }

    /// The sum, with the greatest scale of the values. Errors: 22003.
    pub fn sum(&self) -> Result<Decimal> {
        self.special().map_or_else(|| super::checked(self.number()), Ok)
    }

    /// The sum by the number of values, of which there must be some.
    pub fn average(&self) -> Result<Decimal> {
        match self.special() {
            Some(special) => Ok(special),
            None => Decimal::Number(self.number()).divide(&Decimal::from(self.values())),
        }
    }

    /// Whether it is that of no values.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty() && self.special().is_none() && self.sum.is_zero()
    }

    /// Memory held beside the struct itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        self.scales.capacity() * size_of::<(u32, i64)>() + self.sum.heap_bytes()
    }
}

/// A sum of numbers: most are added in 128 bits.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sum {
    small: i128,
    /// What did not fit; to be added to `small`.
    big: Option<Box<BigInt>>,
    /// Of both.
    scale: u32,
}

impl Sum {
    pub(super) fn add(&mut self, units: i128, scale: u32, weight: i64) {
        let added = || {
            let up = self.scale.checked_sub(scale)?;
            let units = units.checked_mul(i128::from(weight))?.checked_mul(10_i128.checked_pow(up)?)?;
            self.small.checked_add(units)
        };
        match added() {
            Some(small) => self.small = small,
            None => self.add_big(&(BigInt::from(units) * weight), scale),
        }
    }

    pub(super) fn add_big(&mut self, units: &BigInt, scale: u32) {
        self.raise(scale);
        let units = match self.scale - scale {
            0 => units.clone(),
            up => units * ten_to(up),
        };
        match i128::try_from(&units).ok().and_then(|units| self.small.checked_add(units)) {
            Some(small) => self.small = small,
            None => self.put(units),
        }
    }

    fn put(&mut self, units: BigInt) {
        let big = units + std::mem::take(&mut self.small) + self.big.take().map_or(BigInt::ZERO, |big| *big);
        match i128::try_from(&big) {
            Ok(small) => self.small = small,
            Err(_) => self.big = Some(Box::new(big)),
        }
    }

    /// Makes the scale at least this.
    fn raise(&mut self, scale: u32) {
        let Some(up) = scale.checked_sub(self.scale).filter(|up| *up > 0) else { return };
        self.scale = scale;
        match (&self.big, 10_i128.checked_pow(up).and_then(|factor| self.small.checked_mul(factor))) {
            (None, Some(small)) => self.small = small,
            _ => {
                let factor = ten_to(up);
                let units = BigInt::from(std::mem::take(&mut self.small)) * &factor;
                self.big = self.big.take().map(|big| Box::new(*big * factor));
                self.put(units);
            }
        }
    }

    fn merge(&mut self, other: &Sum) {
        let number = other.number();
        self.add_big(&number.units, number.scale);
    }

    pub(super) fn number(&self) -> Number {
        let small = BigInt::from(self.small);
        Number::new(self.big.as_ref().map_or_else(|| small.clone(), |big| big.as_ref() + &small), self.scale)
    }

    pub(super) fn is_zero(&self) -> bool {
        self.small == 0 && self.big.is_none()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.big.as_ref().map_or(0, |big| size_of::<BigInt>() + big.bits() as usize / 8)
    }
}

impl Number {
    /// With another scale; digits behind it are zeros as long as every value that was taken away had been added.
    fn with_scale_exact(self, scale: u32) -> Number {
        if self.scale == scale { self } else { self.rounded(scale as i32) }
    }
}
