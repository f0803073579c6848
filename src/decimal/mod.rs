//! Numbers with any number of decimal digits, as PostgreSQL's `numeric` has them: exact, each with its own number of digits after the
//! point (its *scale*, which is shown), and NaN and the infinities, which are equal to themselves; NaN is above all others.
//!
//! In columns a value is a byte string (see [`encoding`]) whose order is that of the numbers. Results have the digits that PostgreSQL
//! gives them. Never: Arrow, SQL text.

// `+ - * /`, remainders, rounding.
mod arithmetic;
// Values as bytes.
pub(crate) mod encoding;
// `exp`, `ln`, `log`.
mod exponential;
// Numbers with a fixed number of digits after the point.
mod fixed;
// `power`, `sqrt`.
mod power;
// Values as text.
mod text;
// Sums of values that come and go.
mod total;
// Sums of squares.
mod variance;

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};

use crate::error::{Error, Result, code};

pub(crate) use arithmetic::small_quotient;
pub(crate) use text::write_encoded;
pub use total::Total;
pub use variance::{Deviation, Squares};

/// Digits after the point that a computed value has at most.
pub(crate) const DISPLAY_SCALE_MAX: i32 = 1_000;
/// Significant digits that quotients and the like have at least.
const SIGNIFICANT_DIGITS_MIN: i32 = 16;
/// Digits after the point that a value can have.
const SCALE_MAX: u32 = 16_383;
/// Digits before the point that a value can have.
const WHOLE_DIGITS_MAX: u64 = 131_072;
/// Digits of the groups in which PostgreSQL keeps numbers, which tell how many digits results have.
const GROUP: i32 = 4;

/// A value of SQL's `numeric`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants are the SQL names")]
pub enum Decimal {
    NegativeInfinity,
    Number(Number),
    Infinity,
    NaN,
}

/// A number: `units` · 10^−`scale`, shown with `scale` digits after the point.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number {
    units: BigInt,
    scale: u32,
}

impl Decimal {
    /// `units` · 10^−`scale`.
    pub fn new(units: impl Into<BigInt>, scale: u32) -> Decimal {
        Decimal::Number(Number::new(units, scale))
    }

    /// Zero without digits after the point.
    pub fn zero() -> Decimal {
        Decimal::new(0, 0)
    }

    /// The number that a double shows with 15 digits, or a real (`digits` = 6): what PostgreSQL makes of it.
    pub fn from_float(value: f64, digits: usize) -> Decimal {
        if value.is_nan() {
            return Decimal::NaN;
        }
        if value.is_infinite() {
            return if value > 0.0 { Decimal::Infinity } else { Decimal::NegativeInfinity };
        }
        let precision = digits - 1;
        let text = format!("{value:.precision$e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        // As `%g` writes it: without zeros at the end.
        let mantissa =
            if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
        text::plain(mantissa, exponent).map_or(Decimal::NaN, Decimal::Number)
    }

    /// The nearest double.
    pub fn to_f64(&self) -> f64 {
        match self {
            Decimal::NaN => f64::NAN,
            Decimal::Infinity => f64::INFINITY,
            Decimal::NegativeInfinity => f64::NEG_INFINITY,
            Decimal::Number(number) => number.to_f64(),
        }
    }

    /// The whole number nearest to it, halves away from zero; `None` if it has no such number of 128 bits.
    pub fn to_i128(&self) -> Option<i128> {
        match self {
            Decimal::Number(number) => i128::try_from(number.rounded(0).units).ok(),
            _ => None,
        }
    }

    /// −1, 0 or 1; NaN is positive.
    pub fn sign(&self) -> i32 {
        match self {
            Decimal::NegativeInfinity => -1,
            Decimal::Infinity | Decimal::NaN => 1,
            Decimal::Number(number) => number.sign(),
        }
    }

    /// Whether encoded bytes are those of a number.
    pub(crate) fn is_finite_encoded(bytes: &[u8]) -> bool {
        matches!(encoding::parts(bytes), encoding::Parts::Number(..))
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<&Number> {
        match self {
            Decimal::Number(number) => Some(number),
            _ => None,
        }
    }

    /// With the same digits and the least scale.
    pub fn trimmed(&self) -> Decimal {
        match self {
            Decimal::Number(number) => Decimal::Number(number.with_scale(number.scale_min())),
            other => other.clone(),
        }
    }

    /// As a value of `numeric(precision, scale)`. Errors: 22003 if it has too many digits before the point.
    pub fn fitted(&self, precision: u16, scale: i16) -> Result<Decimal> {
        let refused = |what: String| {
            let detail = format!("A field with precision {precision}, scale {scale} {what}.");
            Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow").detail(detail)
        };
        let number = match self {
            Decimal::NaN => return Ok(Decimal::NaN),
            Decimal::Number(number) => number.rounded(i32::from(scale)),
            _ => return Err(refused("cannot hold an infinite value".to_string())),
        };
        let before_point = i32::from(precision) - i32::from(scale);
        let digits = number.digits() as i64 - i64::from(number.scale);
        if number.sign() != 0 && digits > i64::from(before_point) {
            let bound = if before_point == 0 { "1".to_string() } else { format!("10^{before_point}") };
            return Err(refused(format!("must round to an absolute value less than {bound}")));
        }
        Ok(Decimal::Number(number))
    }

    fn rank(&self) -> u8 {
        match self {
            Decimal::NegativeInfinity => 0,
            Decimal::Number(_) => 1,
            Decimal::Infinity => 2,
            Decimal::NaN => 3,
        }
    }

    /// The order of the numbers; values that differ in their scales only are equal here, though not the same.
    pub fn compare(&self, other: &Decimal) -> Ordering {
        match (self, other) {
            (Decimal::Number(one), Decimal::Number(two)) => one.compare(two),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Decimal {
        Decimal::new(value, 0)
    }
}

impl Number {
    /// `units` · 10^−`scale`.
    pub fn new(units: impl Into<BigInt>, scale: u32) -> Number {
        Number { units: units.into(), scale }
    }

    /// All digits as a whole number.
    pub fn units(&self) -> &BigInt {
        &self.units
    }

    /// Digits after the point.
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// −1, 0 or 1.
    pub fn sign(&self) -> i32 {
        match self.units.sign() {
            Sign::Minus => -1,
            Sign::NoSign => 0,
            Sign::Plus => 1,
        }
    }

    /// Whether there is nothing but zeros behind the point.
    pub fn is_whole(&self) -> bool {
        self.scale_min() == 0
    }

    /// Digits after the point that are needed.
    pub fn scale_min(&self) -> u32 {
        if self.sign() == 0 {
            return 0;
        }
        let (mut rest, mut scale) = (self.units.magnitude().clone(), self.scale);
        let ten = BigUint::from(10_u8);
        while scale > 0 && (&rest % &ten).bits() == 0 {
            rest /= &ten;
            scale -= 1;
        }
        scale
    }

    /// Digits of the units; 1 for zero.
    fn digits(&self) -> u64 {
        digits(self.units.magnitude())
    }

    fn compare(&self, other: &Number) -> Ordering {
        let scale = self.scale.max(other.scale);
        self.units_at(scale).cmp(&other.units_at(scale))
    }

    /// The units of the same number with at least as many digits after the point.
    fn units_at(&self, scale: u32) -> BigInt {
        match scale - self.scale {
            0 => self.units.clone(),
            more => &self.units * ten_to(more),
        }
    }

    /// The same number with another scale, which must be enough for it.
    fn with_scale(&self, scale: u32) -> Number {
        match scale >= self.scale {
            true => Number::new(self.units_at(scale), scale),
            false => Number::new(&self.units / ten_to(self.scale - scale), scale),
        }
    }

    /// Rounded to `scale` digits after the point (before it, if negative), halves away from zero.
    pub fn rounded(&self, scale: i32) -> Number {
        let shown = scale.max(0) as u32;
        if scale >= 0 && shown >= self.scale {
            return self.with_scale(shown);
        }
        let unit = ten_to((self.scale as i32 - scale) as u32);
        let units = arithmetic::quotient(&self.units, &unit);
        Number::new(units * ten_to((shown as i32 - scale) as u32), shown)
    }

    /// Cut off after `scale` digits behind the point.
    pub fn truncated(&self, scale: i32) -> Number {
        let shown = scale.max(0) as u32;
        if scale >= 0 && shown >= self.scale {
            return self.with_scale(shown);
        }
        let unit = ten_to((self.scale as i32 - scale) as u32);
        Number::new(&self.units / unit * ten_to((shown as i32 - scale) as u32), shown)
    }

    fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The first groups of four digits, and the number of groups between the first and the point, less one: what PostgreSQL tells
    /// magnitudes by. Zero has none, at 0.
    fn leading(&self) -> (Vec<u16>, i32) {
        encoding::groups(&self.units, self.scale)
    }
}

/// 10^exponent.
pub(crate) fn ten_to(exponent: u32) -> BigInt {
    match 10_u128.checked_pow(exponent) {
        Some(power) => BigInt::from(power),
        None => BigInt::from(10).pow(exponent),
    }
}

/// Decimal digits of a number; 1 for zero.
fn digits(value: &BigUint) -> u64 {
    if let Ok(small) = u128::try_from(value) {
        return u64::from(small.checked_ilog10().map_or(1, |log| log + 1));
    }
    // The logarithm of two tells all but the last digit of the count.
    let about = ((value.bits() - 1) as f64 * std::f64::consts::LOG10_2) as u32;
    u64::from(about)
        + u64::from(*value >= BigUint::from(10_u8).pow(about))
        + u64::from(*value >= BigUint::from(10_u8).pow(about + 1))
}

fn overflow() -> Error {
    Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

/// The number, if it has not too many digits.
fn checked(number: Number) -> Result<Decimal> {
    let number = if number.scale > SCALE_MAX { number.rounded(SCALE_MAX as i32) } else { number };
    // 3 bits are less than a digit.
    let bits = number.units.bits();
    if bits / 3 > WHOLE_DIGITS_MAX && number.digits() > WHOLE_DIGITS_MAX + u64::from(number.scale) {
        return Err(overflow());
    }
    Ok(Decimal::Number(number))
}

#[cfg(test)]
mod tests;
