//! Variances and standard deviations of values that come and go.

use num_bigint::BigInt;

use super::arithmetic::quotient_scale;
use super::total::{Sum, Total};
use super::{Decimal, Number, encoding};
use crate::error::Result;

/// Which figure is made of sums of squares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// By one less than there are values.
    pub sample: bool,
    /// The root of it.
    pub root: bool,
}

/// The sums of a multiset of values and of their squares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Squares {
    total: Total,
    squares: Sum,
}

impl Squares {
    /// Adds the value of encoded bytes so many times.
    pub(crate) fn add_encoded(&mut self, bytes: &[u8], weight: i64) {
        match encoding::read_small(bytes) {
            Some((units, scale)) => self.add_small(units, scale, weight),
            None => self.add(&encoding::read(bytes), weight),
        }
    }

    /// Adds `units` · 10^−`scale` so many times.
    pub(crate) fn add_small(&mut self, units: i128, scale: u32, weight: i64) {
        self.total.add_small(units, scale, weight);
        match units.checked_mul(units) {
            Some(square) => self.squares.add(square, scale * 2, weight),
            None => self.squares.add_big(&(BigInt::from(units) * units * weight), scale * 2),
        }
    }

    /// Adds a value so many times.
    pub fn add(&mut self, value: &Decimal, weight: i64) {
        self.total.add(value, weight);
        if let Decimal::Number(number) = value {
            self.squares.add_big(&(&number.units * &number.units * weight), number.scale * 2);
        }
    }

    /// The figure; `None` for too few values.
    pub fn figure(&self, deviation: Deviation) -> Result<Option<Decimal>> {
        let count = self.total.values();
        if count < 1 || deviation.sample && count < 2 {
            return Ok(None);
        }
        if self.total.special().is_some() {
            return Ok(Some(Decimal::NaN));
        }
        let sum = self.total.number();
        let scale = sum.scale * 2;
        let squares = self.squares.number().rounded(scale as i32);
        let numerator = Number::new(squares.units * count - &sum.units * &sum.units, scale);
        if numerator.sign() <= 0 {
            return Ok(Some(Decimal::zero()));
        }
        let divisor = if deviation.sample { count - 1 } else { count };
        let divisor = Number::new(i128::from(count) * i128::from(divisor), 0);
        let scale = quotient_scale(&numerator, &divisor);
        let variance = numerator.divided(&divisor, scale);
        super::checked(if deviation.root { variance.root(scale) } else { variance }).map(Some)
    }

    /// Whether it is that of no values.
    pub fn is_empty(&self) -> bool {
        self.total.is_empty() && self.squares.is_zero()
    }

    /// Memory held beside the struct itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        self.total.heap_bytes() + self.squares.heap_bytes()
    }
}
