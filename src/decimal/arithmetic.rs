//! `+ - * /`, remainders and quotients without fraction, with the scales that PostgreSQL's results have.

use num_bigint::{BigInt, Sign};

use super::{DISPLAY_SCALE_MAX, Decimal, GROUP, Number, SIGNIFICANT_DIGITS_MIN, checked, ten_to};
use crate::error::{Error, Result, code};

fn division_by_zero() -> Error {
    Error::new(code::DIVISION_BY_ZERO, "division by zero")
}

fn infinity(sign: i32) -> Decimal {
    match sign {
        0 => Decimal::NaN,
        sign if sign < 0 => Decimal::NegativeInfinity,
        _ => Decimal::Infinity,
    }
}

/// Quotient to the nearest whole number, halves away from zero.
pub(super) fn quotient(dividend: &BigInt, divisor: &BigInt) -> BigInt {
    if let (Ok(a), Ok(b)) = (i128::try_from(dividend), i128::try_from(divisor)) {
        let (quotient, rest) = (a / b, (a % b).unsigned_abs());
        let up = rest >= b.unsigned_abs() - rest && rest != 0;
        let away = if (a < 0) == (b < 0) { 1 } else { -1 };
        return BigInt::from(if up { quotient + away } else { quotient });
    }
    let twice = dividend.magnitude() * 2_u8 + divisor.magnitude();
    let quotient = BigInt::from(twice / (divisor.magnitude() * 2_u8));
    if (dividend.sign() == Sign::Minus) == (divisor.sign() == Sign::Minus) { quotient } else { -quotient }
}

impl Decimal {
    /// The sum. Errors: 22003, as of all of these functions, for values with more than 131072 digits before the point.
    pub fn add(&self, other: &Decimal) -> Result<Decimal> {
        match (self, other) {
            (Decimal::Number(a), Decimal::Number(b)) => checked(a.plus(b)),
            (Decimal::NaN, _) | (_, Decimal::NaN) => Ok(Decimal::NaN),
            (Decimal::Number(_), special) | (special, Decimal::Number(_)) => Ok(special.clone()),
            (a, b) => Ok(if a == b { a.clone() } else { Decimal::NaN }),
        }
    }

    /// The difference.
    pub fn subtract(&self, other: &Decimal) -> Result<Decimal> {
        self.add(&other.negated())
    }

    /// The value with the other sign.
    pub fn negated(&self) -> Decimal {
        match self {
            Decimal::NaN => Decimal::NaN,
            Decimal::Infinity => Decimal::NegativeInfinity,
            Decimal::NegativeInfinity => Decimal::Infinity,
            Decimal::Number(number) => Decimal::new(-&number.units, number.scale),
        }
    }

    /// The value without its sign.
    pub fn absolute(&self) -> Decimal {
        if self.sign() < 0 { self.negated() } else { self.clone() }
    }

    /// The product.
    pub fn multiply(&self, other: &Decimal) -> Result<Decimal> {
        match (self, other) {
            (Decimal::Number(a), Decimal::Number(b)) => checked(Number::new(&a.units * &b.units, a.scale + b.scale)),
            (Decimal::NaN, _) | (_, Decimal::NaN) => Ok(Decimal::NaN),
            (a, b) => Ok(infinity(a.sign() * b.sign())),
        }
    }

    /// The quotient, with at least 16 significant digits. Errors: 22012.
    pub fn divide(&self, other: &Decimal) -> Result<Decimal> {
        match (self, other) {
            (Decimal::Number(_), Decimal::Number(b)) if b.sign() == 0 => Err(division_by_zero()),
            (Decimal::Number(a), Decimal::Number(b)) => checked(a.divided(b, quotient_scale(a, b))),
            _ => self.divide_special(other),
        }
    }

    /// The quotient's digits before the point. Errors: 22012.
    pub fn divide_whole(&self, other: &Decimal) -> Result<Decimal> {
        match (self, other) {
            (Decimal::Number(_), Decimal::Number(b)) if b.sign() == 0 => Err(division_by_zero()),
            (Decimal::Number(a), Decimal::Number(b)) => {
                let scale = a.scale.max(b.scale);
                checked(Number::new(a.units_at(scale) / b.units_at(scale), 0))
            }
            _ => self.divide_special(other),
        }
    }

    fn divide_special(&self, other: &Decimal) -> Result<Decimal> {
        match (self, other) {
            (Decimal::NaN, _) | (_, Decimal::NaN) => Ok(Decimal::NaN),
            (Decimal::Number(_), _) => Ok(Decimal::zero()),
            (_, Decimal::Number(divisor)) if divisor.sign() == 0 => Err(division_by_zero()),
            (infinite, Decimal::Number(divisor)) => Ok(infinity(infinite.sign() * divisor.sign())),
            _ => Ok(Decimal::NaN),
        }
    }

    /// What is left of the dividend, with its sign. Errors: 22012.
    pub fn remainder(&self, other: &Decimal) -> Result<Decimal> {
        match (self, other) {
            (Decimal::Number(_), Decimal::Number(b)) if b.sign() == 0 => Err(division_by_zero()),
            (Decimal::Number(a), Decimal::Number(b)) => {
                let scale = a.scale.max(b.scale);
                Ok(Decimal::new(a.units_at(scale) % b.units_at(scale), scale))
            }
            (Decimal::NaN, _) | (_, Decimal::NaN) => Ok(Decimal::NaN),
            (Decimal::Number(_), _) => Ok(self.clone()),
            (_, Decimal::Number(divisor)) if divisor.sign() == 0 => Err(division_by_zero()),
            _ => Ok(Decimal::NaN),
        }
    }

    /// The greatest common divisor.
    pub fn gcd(&self, other: &Decimal) -> Result<Decimal> {
        let (Decimal::Number(a), Decimal::Number(b)) = (self, other) else { return Ok(Decimal::NaN) };
        let scale = a.scale.max(b.scale);
        Ok(Decimal::new(gcd(a.units_at(scale), b.units_at(scale)), scale))
    }

    /// The least common multiple.
    pub fn lcm(&self, other: &Decimal) -> Result<Decimal> {
        let (Decimal::Number(a), Decimal::Number(b)) = (self, other) else { return Ok(Decimal::NaN) };
        let scale = a.scale.max(b.scale);
        let (a, b) = (a.units_at(scale), b.units_at(scale));
        if a.sign() == Sign::NoSign || b.sign() == Sign::NoSign {
            return Ok(Decimal::new(0, scale));
        }
        let multiple = &a / gcd(a.clone(), b.clone()) * b;
        checked(Number::new(BigInt::from(multiple.magnitude().clone()), scale))
    }

    /// Rounded to so many digits after the point, halves away from zero.
    pub fn round(&self, scale: i32) -> Result<Decimal> {
        self.with_digits(scale, Number::rounded)
    }

    /// Cut off after so many digits behind the point.
    pub fn truncate(&self, scale: i32) -> Result<Decimal> {
        self.with_digits(scale, Number::truncated)
    }

    fn with_digits(&self, scale: i32, change: fn(&Number, i32) -> Number) -> Result<Decimal> {
        const LIMIT: i32 = 2 * DISPLAY_SCALE_MAX;
        match self {
            Decimal::Number(number) => checked(change(number, scale.clamp(-LIMIT, LIMIT))),
            other => Ok(other.clone()),
        }
    }

    /// The least whole number that is not less.
    pub fn ceiling(&self) -> Result<Decimal> {
        self.next_whole(1)
    }

    /// The greatest whole number that is not greater.
    pub fn floor(&self) -> Result<Decimal> {
        self.next_whole(-1)
    }

    fn next_whole(&self, direction: i32) -> Result<Decimal> {
        let Decimal::Number(number) = self else { return Ok(self.clone()) };
        let whole = number.truncated(0);
        let moves = number.sign() == direction && whole.compare(number).is_ne();
        checked(if moves { Number::new(whole.units + direction, 0) } else { whole })
    }
}

impl Number {
    pub(super) fn plus(&self, other: &Number) -> Number {
        let scale = self.scale.max(other.scale);
        Number::new(self.units_at(scale) + other.units_at(scale), scale)
    }

    /// The quotient, rounded to so many digits after the point; the divisor is not zero.
    pub(super) fn divided(&self, other: &Number, scale: i32) -> Number {
        let shift = scale + other.scale as i32 - self.scale as i32;
        let quotient = match u32::try_from(shift) {
            Ok(shift) => quotient(&(&self.units * ten_to(shift)), &other.units),
            Err(_) => quotient(&self.units, &(&other.units * ten_to(shift.unsigned_abs()))),
        };
        Number::new(quotient, scale as u32)
    }
}

fn gcd(mut a: BigInt, mut b: BigInt) -> BigInt {
    while b.sign() != Sign::NoSign {
        (a, b) = (b.clone(), a % b);
    }
    BigInt::from(a.magnitude().clone())
}

/// Digits after the point of a quotient: so many that there are at least 16 significant ones, and no fewer than either side has.
pub(super) fn quotient_scale(dividend: &Number, divisor: &Number) -> i32 {
    let ((first, position), (other, other_position)) = (dividend.leading(), divisor.leading());
    let digit = |groups: &[u16]| groups.first().copied().unwrap_or_default();
    let mut weight = position - other_position;
    if digit(&first) <= digit(&other) {
        weight -= 1;
    }
    shown_scale(SIGNIFICANT_DIGITS_MIN - weight * GROUP, &[dividend, divisor])
}

/// The quotient of two numbers, each of which is `units` · 10^−`scale`, if it can be computed in 128 bits; `None` also for a division by
/// zero.
pub(crate) fn small_quotient((a, scale): (i128, u32), (b, other): (i128, u32)) -> Option<(i128, u32)> {
    let ((first, position), (other_first, other_position)) = (small_leading(a, scale)?, small_leading(b, other)?);
    let weight = position - other_position - i32::from(first <= other_first);
    if b == 0 {
        return None;
    }
    let own = scale.max(other) as i32;
    let shown = (SIGNIFICANT_DIGITS_MIN - weight * GROUP).max(own).clamp(0, DISPLAY_SCALE_MAX);
    let up = u32::try_from(shown + other as i32 - scale as i32).ok()?;
    let dividend = a.checked_mul(10_i128.checked_pow(up)?)?;
    let (quotient, rest) = (dividend / b, (dividend % b).unsigned_abs());
    let away = if (a < 0) == (b < 0) { 1 } else { -1 };
    let rounds_up = rest != 0 && rest >= b.unsigned_abs() - rest;
    Some((if rounds_up { quotient + away } else { quotient }, shown as u32))
}

/// The first group of four digits of `units` · 10^−`scale` and where it stands; (0, 0) for zero.
fn small_leading(units: i128, scale: u32) -> Option<(u16, i32)> {
    let magnitude = units.unsigned_abs();
    let Some(log) = magnitude.checked_ilog10() else { return Some((0, 0)) };
    let exponent = log as i32 - scale as i32;
    let position = exponent.div_euclid(GROUP);
    let digits = (exponent - position * GROUP + 1) as u32;
    let first = match (log + 1).checked_sub(digits) {
        Some(behind) => magnitude / 10_u128.checked_pow(behind)?,
        None => magnitude * 10_u128.pow(digits - log - 1),
    };
    Some((first as u16, position))
}

/// A scale within what is shown that is no less than those of the operands.
pub(super) fn shown_scale(scale: i32, operands: &[&Number]) -> i32 {
    let own = operands.iter().map(|operand| operand.scale as i32);
    own.fold(scale, i32::max).clamp(0, DISPLAY_SCALE_MAX)
}
