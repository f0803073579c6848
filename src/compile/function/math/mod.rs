//! Mathematical functions and operators.

// Bits.
pub(super) mod bit;
// Angles in degrees.
mod degree;
// `exp`, `ln`, `log`, `power`, `sqrt` of numerics.
pub(super) mod exact;
// Functions of double precision.
pub(super) mod float;
// `gcd`, `lcm`, `factorial`.
mod integer;
// `%`, `mod`, `div`.
pub(super) mod remainder;
// `scale`, `min_scale`, `trim_scale`.
mod scale;
// `width_bucket`.
mod width_bucket;

use super::definition::Definition;
use crate::error::{Error, code};

pub(super) static DEFINITIONS: &[&Definition] = &[
    &degree::ACOSD,
    &degree::ASIND,
    &degree::ATAN2D,
    &degree::ATAND,
    &degree::COSD,
    &degree::COTD,
    &degree::SIND,
    &degree::TAND,
    &exact::EXP,
    &exact::LN,
    &exact::LOG,
    &exact::POWER,
    &exact::SQRT,
    &float::ACOS,
    &float::ACOSH,
    &float::ASIN,
    &float::ASINH,
    &float::ATAN,
    &float::ATAN2,
    &float::ATANH,
    &float::CBRT,
    &float::COS,
    &float::COSH,
    &float::COT,
    &float::DEGREES,
    &float::PI,
    &float::RADIANS,
    &float::SIN,
    &float::SINH,
    &float::TAN,
    &float::TANH,
    &integer::FACTORIAL,
    &integer::GCD,
    &integer::LCM,
    &remainder::DIV,
    &remainder::MOD,
    &scale::MIN_SCALE,
    &scale::SCALE,
    &scale::TRIM_SCALE,
    &width_bucket::DEFINITION,
];

/// SQLSTATE `invalid_argument_for_logarithm`.
const INVALID_ARGUMENT_FOR_LOGARITHM: &str = "2201E";
/// SQLSTATE `invalid_argument_for_power_function`.
const INVALID_ARGUMENT_FOR_POWER: &str = "2201F";

fn out_of_range(what: &str) -> Error {
    Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, format!("{what} out of range"))
}

fn division_by_zero() -> Error {
    Error::new(code::DIVISION_BY_ZERO, "division by zero")
}

fn overflow() -> Error {
    Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow")
}

fn underflow() -> Error {
    Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow")
}

fn input_out_of_range() -> Error {
    Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range")
}
