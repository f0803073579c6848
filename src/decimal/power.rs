//! `power` and `sqrt`, with PostgreSQL's estimates of how many digits the results have.

use num_bigint::{BigInt, Sign};

use super::arithmetic::shown_scale;
use super::exponential::EXPONENT_MAX;
use super::{DISPLAY_SCALE_MAX, Decimal, GROUP, Number, SIGNIFICANT_DIGITS_MIN, checked, fixed, overflow, ten_to};
use crate::error::{Error, Result, code};

/// SQLSTATE of arguments that roots and powers do not have.
const INVALID_ARGUMENT_FOR_POWER: &str = "2201F";
/// Decimal digits that values have at most, about, on which the estimate of a power's size is judged.
const DIGITS_MAX: f64 = 3.0 * 32_767.0 * 4.0;

impl Decimal {
    /// The square root. Errors: 2201F for negative values.
    pub fn sqrt(&self) -> Result<Decimal> {
        if self.sign() < 0 {
            return Err(Error::new(INVALID_ARGUMENT_FOR_POWER, "cannot take square root of a negative number"));
        }
        let Decimal::Number(number) = self else { return Ok(self.clone()) };
        let position = if number.sign() == 0 { 0 } else { number.leading().1 };
        let digits = (position + 1) * GROUP / 2 - 1;
        Ok(Decimal::Number(number.root(shown_scale(SIGNIFICANT_DIGITS_MIN - digits, &[number]))))
    }

    /// The value to the power of `exponent`. Errors: 2201F for what has no power, 22012, 22003.
    pub fn power(&self, exponent: &Decimal) -> Result<Decimal> {
        let (base, exponent) = match (self, exponent) {
            (Decimal::Number(base), Decimal::Number(exponent)) => (base, exponent),
            _ => return self.special_power(exponent),
        };
        if base.sign() == 0 && exponent.sign() < 0 {
            return Err(refused("zero raised to a negative power is undefined"));
        }
        let whole = exponent.is_whole();
        if base.sign() < 0 && !whole {
            return Err(refused("a negative number raised to a non-integer power yields a complex result"));
        }
        let integer = i32::try_from(&exponent.truncated(0).units).ok().filter(|_| whole);
        if let Some(integer) = integer {
            return base.to_integer(integer);
        }
        if base.sign() == 0 {
            return Ok(Decimal::new(0, SIGNIFICANT_DIGITS_MIN as u32));
        }
        let odd = whole && exponent.truncated(0).units.bit(0);
        let positive = Number::new(BigInt::from(base.units.magnitude().clone()), base.scale);
        let value = positive.to_fraction(exponent)?;
        checked(if base.sign() < 0 && odd { Number::new(-value.units, value.scale) } else { value })
    }

    fn special_power(&self, exponent: &Decimal) -> Result<Decimal> {
        let is_one = |value: &Decimal| value.compare(&Decimal::from(1)).is_eq();
        if exponent.number().is_some_and(|number| number.sign() == 0) || is_one(self) {
            return Ok(Decimal::from(1));
        }
        if *self == Decimal::NaN || *exponent == Decimal::NaN {
            return Ok(Decimal::NaN);
        }
        if self.sign() == 0 {
            return if exponent.sign() < 0 {
                Err(refused("zero raised to a negative power is undefined"))
            } else {
                Ok(Decimal::zero())
            };
        }
        if let Some(exponent) = exponent.number() {
            if self.sign() < 0 && !exponent.is_whole() {
                return Err(refused("a negative number raised to a non-integer power yields a complex result"));
            }
            let odd = exponent.truncated(0).units.bit(0);
            return Ok(match (exponent.sign() > 0, self.sign() < 0 && odd) {
                (false, _) => Decimal::zero(),
                (true, true) => Decimal::NegativeInfinity,
                (true, false) => Decimal::Infinity,
            });
        }
        let magnitude = self.absolute().compare(&Decimal::from(1));
        Ok(match (magnitude.is_gt(), exponent.sign() > 0) {
            _ if magnitude.is_eq() => Decimal::from(1),
            (true, true) | (false, false) => Decimal::Infinity,
            _ => Decimal::zero(),
        })
    }
}

fn refused(message: &str) -> Error {
    Error::new(INVALID_ARGUMENT_FOR_POWER, message)
}

impl Number {
    /// The root of a number that is not negative, rounded to so many digits after the point.
    pub(super) fn root(&self, scale: i32) -> Number {
        // One digit more than is shown, cut off: enough to round by, since a root that ends there is exact.
        let shift = 2 * (scale + 1) - self.scale as i32;
        let scaled = match u32::try_from(shift) {
            Ok(shift) => &self.units * ten_to(shift),
            Err(_) => &self.units / ten_to(shift.unsigned_abs()),
        };
        let root = scaled.sqrt();
        Number::new(root, scale as u32 + 1).rounded(scale)
    }

    /// The number to the power of a whole one.
    fn to_integer(&self, exponent: i32) -> Result<Decimal> {
        let scale = shown_scale(SIGNIFICANT_DIGITS_MIN, &[self]);
        match exponent {
            0 => return Ok(Decimal::Number(Number::new(1, 0).rounded(scale))),
            1 => return Ok(Decimal::Number(self.rounded(scale))),
            _ if self.sign() == 0 && exponent < 0 => {
                return Err(Error::new(code::DIVISION_BY_ZERO, "division by zero"));
            }
            -1 => return Ok(Decimal::Number(Number::new(1, 0).divided(self, scale))),
            2 => return checked(Number::new(&self.units * &self.units, self.scale * 2).rounded(scale)),
            _ if self.sign() == 0 => return Ok(Decimal::new(0, scale as u32)),
            _ => {}
        }
        let size = self.log10() * f64::from(exponent);
        if size > DIGITS_MAX {
            return Err(overflow());
        }
        if size + 1.0 < -f64::from(scale) {
            return Ok(Decimal::new(0, scale as u32));
        }
        checked(self.integer_power(exponent, scale, size))
    }

    /// The power, by squaring with so many digits that the result is right.
    fn integer_power(&self, exponent: i32, scale: i32, size: f64) -> Number {
        let times = exponent.unsigned_abs();
        let digits = scale as f64 + size.abs() + f64::from(times).log10() + 20.0;
        // Where all digits of the power are few enough, they are computed.
        if self.digits().saturating_mul(u64::from(times)) <= digits as u64 * 4 + 200 {
            let (value, unit) = (self.units.pow(times), self.scale * times);
            return match exponent > 0 {
                true => Number::new(value, unit).rounded(scale),
                false => Number::new(ten_to(unit), 0).divided(&Number::new(value, 0), scale),
            };
        }
        let bits = fixed::bits_of(digits);
        let negative = self.units.sign() == Sign::Minus && times % 2 == 1;
        let positive = Number::new(BigInt::from(self.units.magnitude().clone()), self.scale);
        let power = fixed::exp(&((fixed::ln(&positive, bits + 64) * exponent) >> 64_u32), bits);
        fixed::rounded(&if negative { -power } else { power }, bits, scale)
    }

    /// A positive number to the power of one that is not whole, or too large for other ways.
    fn to_fraction(&self, exponent: &Number) -> Result<Number> {
        let exact = fixed::bits_of(16.0 + self.ln_digits().abs() as f64);
        let ln = fixed::rounded(&fixed::ln(self, exact), exact, (8 - self.ln_digits()).max(0)).to_f64();
        let value = ln * exponent.to_f64();
        if value.abs() > 2.0 * f64::from(DISPLAY_SCALE_MAX) * 3.01 || value.is_nan() {
            return if value > 0.0 { Err(overflow()) } else { Ok(Number::new(0, DISPLAY_SCALE_MAX as u32)) };
        }
        let digits = (value * std::f64::consts::LOG10_E) as i32;
        let scale = shown_scale(SIGNIFICANT_DIGITS_MIN - digits, &[self, exponent]);
        if value.abs() >= EXPONENT_MAX {
            return if value > 0.0 { Err(overflow()) } else { Ok(Number::new(0, scale as u32)) };
        }
        let whole = exponent.digits() as f64;
        let bits = fixed::bits_of(f64::from(scale) + f64::from(digits.abs()) * 2.0 + whole + 20.0);
        let product = fixed::ln(self, bits) * &exponent.units / ten_to(exponent.scale);
        Ok(fixed::rounded(&fixed::exp(&product, bits), bits, scale))
    }

    /// The decimal logarithm of the number without its sign, from its first digits.
    fn log10(&self) -> f64 {
        let (groups, position) = self.leading();
        let taken = groups.len().min(4);
        let first = groups[..taken].iter().fold(0.0, |value, group| value * 10_000.0 + f64::from(*group));
        first.log10() + f64::from((position + 1 - taken as i32) * GROUP)
    }
}
