//! Quotients of large integers, rounded once: what sums of squares end in.

use num_bigint::{BigInt, Sign};

/// Bits that are kept of a quotient: more than a float has, so that rounding it again is right but for a last tie.
const QUOTIENT_BITS: u64 = 64;

/// numerator · 2^exponent / denominator as a float, for a positive denominator; infinite beyond the greatest float.
pub(super) fn float(numerator: &BigInt, denominator: &BigInt, exponent: i64) -> f64 {
    if numerator.sign() == Sign::NoSign {
        return 0.0;
    }
    // Scales the numerator so that the quotient has at least the bits that are kept.
    let shift = (denominator.bits() + QUOTIENT_BITS + 1).saturating_sub(numerator.bits());
    let scaled = numerator.magnitude() << shift;
    let (quotient, exact) = (&scaled / denominator.magnitude(), &scaled % denominator.magnitude());
    let surplus = quotient.bits() - QUOTIENT_BITS;
    let top = &quotient >> surplus;
    let inexact = exact.bits() > 0 || (&top << surplus) != quotient;
    // The lowest bit stands for all that was cut off.
    let top = top.iter_u64_digits().next().unwrap_or_default() | u64::from(inexact);
    let value = scale(top as f64, exponent + surplus as i64 - shift as i64);
    if numerator.sign() == Sign::Minus { -value } else { value }
}

/// The square root of what [`float`] answers, also where that is beyond the range or near zero; `exponent` is even.
pub(super) fn float_root(numerator: &BigInt, denominator: &BigInt, exponent: i64) -> f64 {
    // Brings the quotient near 1 by a power of 4.
    let shift = (numerator.bits() as i64 - denominator.bits() as i64) / 2 * 2;
    scale(float(numerator, denominator, -shift).sqrt(), (exponent + shift) / 2)
}

/// value · 2^exponent, by factors that keep what lies between within range.
fn scale(mut value: f64, mut exponent: i64) -> f64 {
    const STEP: i64 = 900;
    while exponent > STEP && value.is_finite() {
        value *= 2_f64.powi(STEP as i32);
        exponent -= STEP;
    }
    while exponent < -STEP && value != 0.0 {
        value *= 2_f64.powi(-STEP as i32);
        exponent += STEP;
    }
    // Where a loop ended early, the value does not change any more.
    value * 2_f64.powi(exponent.clamp(-STEP, STEP) as i32)
}
