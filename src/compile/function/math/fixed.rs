//! Numbers with 60 digits after the point, for functions of numerics whose results are exact to the last digit shown.

use std::sync::OnceLock;

use num_bigint::{BigInt, Sign};

/// Digits after the point.
const DIGITS: u32 = 60;
/// The largest exponent of e whose power has 38 digits at most.
const EXPONENT_MAX: i128 = 90;

/// A number times 10^[`DIGITS`].
pub(super) type Fixed = BigInt;

fn one() -> Fixed {
    ten_to(DIGITS)
}

fn ten_to(digits: u32) -> BigInt {
    BigInt::from(10).pow(digits)
}

/// A numeric without its point, and its digits after the point.
pub(super) fn of((value, scale): (i128, i8)) -> Fixed {
    BigInt::from(value) * ten_to(DIGITS - u32::from(scale.unsigned_abs()))
}

/// The number without its point, rounded to `scale` digits after it; `None` if it has more than 38 digits then.
pub(super) fn rounded(value: &Fixed, scale: i8) -> Option<i128> {
    let unit = ten_to(DIGITS - u32::from(scale.unsigned_abs()));
    let half = &unit / 2;
    let (sign, magnitude) = (value.sign(), BigInt::from(value.magnitude().clone()));
    let rounded = i128::try_from((magnitude + half) / unit).ok()?;
    (rounded < 10i128.pow(38)).then_some(if sign == Sign::Minus { -rounded } else { rounded })
}

pub(super) fn product(a: &Fixed, b: &Fixed) -> Fixed {
    a * b / one()
}

/// `None` for a division by zero.
pub(super) fn quotient(a: &Fixed, b: &Fixed) -> Option<Fixed> {
    (b.sign() != Sign::NoSign).then(|| a * one() / b)
}

/// The root of a numeric that is not negative.
pub(super) fn sqrt(value: (i128, i8)) -> Fixed {
    (of(value) * one()).sqrt()
}

/// The natural logarithm of a positive number.
pub(super) fn ln(value: &Fixed) -> Fixed {
    // value = mantissa * 2^doublings, with a mantissa between 3/4 and 3/2.
    let (mut mantissa, mut doublings) = (value.clone(), 0);
    let (low, high) = (one() * 3 / 4, one() * 3 / 2);
    while mantissa >= high {
        mantissa /= 2;
        doublings += 1;
    }
    while mantissa < low {
        mantissa *= 2;
        doublings -= 1;
    }
    // Halving loses a bit each time; the exact mantissa is made in one step.
    let mantissa = if doublings > 0 { value / BigInt::from(2).pow(doublings as u32) } else { mantissa };
    ln_near_one(&mantissa) + ln_two() * doublings
}

/// ln x = 2 artanh((x - 1) / (x + 1)).
fn ln_near_one(value: &Fixed) -> Fixed {
    let ratio: Fixed = (value - one()) * one() / (value + one());
    let square = product(&ratio, &ratio);
    let (mut power, mut sum, mut divisor) = (ratio, BigInt::ZERO, 1);
    while power.sign() != Sign::NoSign {
        sum += &power / divisor;
        power = product(&power, &square);
        divisor += 2;
    }
    sum * 2
}

fn ln_two() -> &'static Fixed {
    static LN_TWO: OnceLock<Fixed> = OnceLock::new();
    // ln 2 = -2 ln (1/√2) = ln (4/3) - ln (2/3).
    LN_TWO.get_or_init(|| ln_near_one(&(one() * 4 / 3)) - ln_near_one(&(one() * 2 / 3)))
}

/// e to the power of a number; `None` if that has more than 38 digits.
pub(super) fn exp(value: &Fixed) -> Option<Fixed> {
    if *value > one() * EXPONENT_MAX {
        return None;
    }
    // No digit of it can be seen.
    if *value < one() * -200 {
        return Some(BigInt::ZERO);
    }
    // e^value = (e^(rest / 2^8))^(2^8) * 2^doublings
    let doublings = i64::try_from(value / ln_two()).ok()?;
    let rest: Fixed = (value - ln_two() * doublings) / 256;
    let (mut term, mut sum, mut number) = (one(), one(), 1);
    while term.sign() != Sign::NoSign {
        term = product(&term, &rest) / number;
        sum += &term;
        number += 1;
    }
    for _ in 0..8 {
        sum = product(&sum, &sum);
    }
    let factor = BigInt::from(2).pow(u32::try_from(doublings.unsigned_abs()).ok()?);
    Some(if doublings < 0 { sum / factor } else { sum * factor })
}

/// A numeric to the power of a whole number; it is not zero if the exponent is negative.
pub(super) fn integer_power((value, scale): (i128, i8), exponent: i32) -> Fixed {
    let times = exponent.unsigned_abs();
    let (value, unit) = (BigInt::from(value).pow(times), ten_to(u32::from(scale.unsigned_abs()) * times));
    if exponent >= 0 { value * one() / unit } else { unit * one() / value }
}
