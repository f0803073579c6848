//! Numbers with a fixed number of binary digits after the point, for functions whose results are rounded once at the end.

use std::sync::OnceLock;

use num_bigint::{BigInt, Sign};

use super::{Number, arithmetic, ten_to};

/// Bits of a decimal digit, rounded up.
const BITS_PER_DIGIT: f64 = 3.322;
/// Bits that are computed beyond those that are wanted.
const GUARD_BITS: u64 = 64;

/// Bits that give so many decimal digits right.
pub(super) fn bits_of(digits: f64) -> u64 {
    (digits.max(0.0) * BITS_PER_DIGIT).ceil() as u64 + GUARD_BITS
}

/// A number times 2^bits.
pub(super) fn of(number: &Number, bits: u64) -> BigInt {
    (&number.units << bits) / ten_to(number.scale)
}

/// The number of `value` / 2^bits, rounded to so many digits after the point.
pub(super) fn rounded(value: &BigInt, bits: u64, scale: i32) -> Number {
    let scale = scale.max(0) as u32;
    Number::new(arithmetic::quotient(&(value * ten_to(scale)), &(BigInt::from(1) << bits)), scale)
}

/// The natural logarithm of a positive number, times 2^bits.
pub(super) fn ln(number: &Number, bits: u64) -> BigInt {
    // number = mantissa · 2^doublings, with a mantissa between 2/3 and 4/3.
    let unit = ten_to(number.scale);
    let mut doublings = number.units.bits() as i64 - unit.bits() as i64;
    let mantissa_at = |doublings: i64| match u64::try_from(bits as i64 - doublings) {
        Ok(shift) => (&number.units << shift) / &unit,
        Err(_) => &number.units / (&unit << (doublings - bits as i64) as u64),
    };
    let mut mantissa = mantissa_at(doublings);
    let one = BigInt::from(1) << bits;
    if &mantissa * 3 > &one * 4 {
        doublings += 1;
        mantissa = mantissa_at(doublings);
    } else if &mantissa * 3 < &one * 2 {
        doublings -= 1;
        mantissa = mantissa_at(doublings);
    }
    artanh(&(((&mantissa - &one) << bits) / (&mantissa + &one)), bits) * 2 + ln_two(bits) * doublings
}

/// The inverse hyperbolic tangent of a small number.
fn artanh(value: &BigInt, bits: u64) -> BigInt {
    let square = (value * value) >> bits;
    let (mut power, mut sum, mut divisor) = (value.clone(), BigInt::ZERO, 1_u32);
    // What is shifted away rounds towards −∞: a negative power ends at −1.
    while power.bits() > 1 {
        sum += &power / divisor;
        power = (&power * &square) >> bits;
        divisor += 2;
    }
    sum
}

fn ln_two(bits: u64) -> BigInt {
    const CACHED_BITS: u64 = 1_024;
    static CACHED: OnceLock<BigInt> = OnceLock::new();
    let compute =
        |bits: u64| (artanh(&((BigInt::from(1) << (bits + GUARD_BITS)) / 3), bits + GUARD_BITS) * 2) >> GUARD_BITS;
    match bits <= CACHED_BITS {
        true => CACHED.get_or_init(|| compute(CACHED_BITS)) >> (CACHED_BITS - bits),
        false => compute(bits),
    }
}

/// e to the power of a number, both times 2^bits.
pub(super) fn exp(value: &BigInt, bits: u64) -> BigInt {
    const HALVINGS: u32 = 8;
    // e^value = (e^(rest / 2^8))^(2^8) · 2^doublings
    let ln_two = ln_two(bits);
    let mut doublings = i64::try_from(value / &ln_two).unwrap_or_default();
    if value.sign() == Sign::Minus {
        doublings -= 1;
    }
    let rest: BigInt = (value - &ln_two * doublings) >> HALVINGS;
    let one = BigInt::from(1) << bits;
    let (mut term, mut sum, mut number) = (one.clone(), one, 1_u32);
    while term.sign() != Sign::NoSign {
        term = ((&term * &rest) >> bits) / number;
        sum += &term;
        number += 1;
    }
    for _ in 0..HALVINGS {
        sum = (&sum * &sum) >> bits;
    }
    if doublings < 0 { sum >> doublings.unsigned_abs() } else { sum << doublings as u64 }
}
