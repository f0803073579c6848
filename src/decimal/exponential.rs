//! `exp`, `ln` and `log`, with PostgreSQL's estimates of how many digits the results have.

use std::f64::consts::LOG10_E;

use num_bigint::BigInt;

use super::arithmetic::shown_scale;
use super::{DISPLAY_SCALE_MAX, Decimal, GROUP, Number, SIGNIFICANT_DIGITS_MIN, fixed, overflow};
use crate::error::{Error, Result, code};

/// e^x overflows from here on, and e^−x is zero.
pub(super) const EXPONENT_MAX: f64 = 3.0 * 2.0 * DISPLAY_SCALE_MAX as f64;
/// Digits that are computed beyond those that are shown.
const SURPLUS: f64 = 12.0;

impl Decimal {
    /// e to the power of the value. Errors: 22003.
    pub fn exp(&self) -> Result<Decimal> {
        let number = match self {
            Decimal::NegativeInfinity => return Ok(Decimal::zero()),
            Decimal::Number(number) => number,
            other => return Ok(other.clone()),
        };
        let value = number.to_f64();
        let limit = f64::from(2 * DISPLAY_SCALE_MAX);
        let digits = (value * LOG10_E).clamp(-limit, limit) as i32;
        let scale = shown_scale(SIGNIFICANT_DIGITS_MIN - digits, &[number]);
        if value.abs() >= EXPONENT_MAX {
            return if value > 0.0 { Err(overflow()) } else { Ok(Decimal::new(0, scale as u32)) };
        }
        let bits = fixed::bits_of(f64::from(scale) + value.abs() * LOG10_E * 2.0 + SURPLUS);
        Ok(Decimal::Number(fixed::rounded(&fixed::exp(&fixed::of(number, bits), bits), bits, scale)))
    }

    /// The natural logarithm. Errors: 2201E for what has none.
    pub fn ln(&self) -> Result<Decimal> {
        self.check_logarithm()?;
        let Decimal::Number(number) = self else { return Ok(self.clone()) };
        let scale = shown_scale(SIGNIFICANT_DIGITS_MIN - number.ln_digits(), &[number]);
        let bits = fixed::bits_of(f64::from(scale) + SURPLUS);
        Ok(Decimal::Number(fixed::rounded(&fixed::ln(number, bits), bits, scale)))
    }

    /// The logarithm of `number` to the base of the value. Errors: 2201E for what has none, 22012 for base 1.
    pub fn log(&self, number: &Decimal) -> Result<Decimal> {
        if *self == Decimal::NaN || *number == Decimal::NaN {
            return Ok(Decimal::NaN);
        }
        self.check_logarithm()?;
        number.check_logarithm()?;
        let (base, number) = match (self, number) {
            (Decimal::Number(base), Decimal::Number(number)) => (base, number),
            (Decimal::Number(_), _) => return Ok(Decimal::Infinity),
            (_, Decimal::Number(_)) => return Ok(Decimal::zero()),
            _ => return Ok(Decimal::NaN),
        };
        let digits = number.ln_digits() - base.ln_digits();
        let scale = shown_scale(SIGNIFICANT_DIGITS_MIN - digits, &[base, number]);
        let bits = fixed::bits_of(f64::from(scale + 2 * base.ln_digits().abs() + digits.abs()) + SURPLUS);
        let (base, number) = (fixed::ln(base, bits), fixed::ln(number, bits));
        if base == BigInt::ZERO {
            return Err(Error::new(code::DIVISION_BY_ZERO, "division by zero"));
        }
        Ok(Decimal::Number(fixed::rounded(&((number << bits) / base), bits, scale)))
    }

    fn check_logarithm(&self) -> Result<()> {
        const INVALID_ARGUMENT_FOR_LOGARITHM: &str = "2201E";
        let message = match self.sign() {
            0 => "cannot take logarithm of zero",
            sign if sign < 0 => "cannot take logarithm of a negative number",
            _ => return Ok(()),
        };
        Err(Error::new(INVALID_ARGUMENT_FOR_LOGARITHM, message))
    }
}

impl Number {
    /// The place of the first digit of the logarithm of a positive number, about: 0 for the one before the point.
    pub(super) fn ln_digits(&self) -> i32 {
        let one = Number::new(1, 0);
        let near = |tenths: i32| self.compare(&Number::new(tenths, 1));
        if near(9).is_ge() && near(11).is_le() {
            let (groups, position) = self.plus(&Number::new(-one.units, 0)).leading();
            return groups.first().map_or(0, |first| position * GROUP + f64::from(*first).log10() as i32);
        }
        let (groups, position) = self.leading();
        let (digits, exponent) = match groups.as_slice() {
            [] => return 0,
            [first] => (f64::from(*first), position * GROUP),
            [first, second, ..] => (f64::from(*first) * 10_000.0 + f64::from(*second), (position - 1) * GROUP),
        };
        (digits.ln() + f64::from(exponent) * std::f64::consts::LN_10).abs().log10() as i32
    }
}
