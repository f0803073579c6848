//! Functions of double precision: PostgreSQL's are those of the C library, with errors where the C library answers NaN or infinity.

use datafusion::arrow::array::{ArrayRef, Float64Array};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::{input_out_of_range, overflow, underflow};
use crate::error::Result;

pub(super) static ACOS: Definition =
    Definition::immutable("acos", one, |call| unary(call, within(f64::acos, -1.0, 1.0)));
pub(super) static ACOSH: Definition =
    Definition::immutable("acosh", one, |call| unary(call, within(f64::acosh, 1.0, f64::INFINITY)));
pub(super) static ASIN: Definition =
    Definition::immutable("asin", one, |call| unary(call, within(f64::asin, -1.0, 1.0)));
pub(super) static ASINH: Definition = Definition::immutable("asinh", one, |call| unary(call, |x| Ok(libm::asinh(x))));
pub(super) static ATAN: Definition = Definition::immutable("atan", one, |call| unary(call, |x| Ok(x.atan())));
pub(super) static ATAN2: Definition = Definition::immutable(
    "atan2",
    |arguments| overload(arguments, &[(&[Kind::Double, Kind::Double], Kind::Double)]),
    |call| call.column::<_, Float64Array>(|row| Ok(call.double(0).value(row).atan2(call.double(1).value(row)))),
);
pub(super) static ATANH: Definition =
    Definition::immutable("atanh", one, |call| unary(call, within(libm::atanh, -1.0, 1.0)));
pub(in super::super) static CBRT: Definition = Definition::immutable("cbrt", one, |call| unary(call, |x| Ok(x.cbrt())));
pub(super) static COS: Definition = Definition::immutable("cos", one, |call| unary(call, finite(f64::cos)));
pub(super) static COSH: Definition = Definition::immutable("cosh", one, |call| unary(call, limited(f64::cosh)));
pub(super) static COT: Definition = Definition::immutable("cot", one, |call| unary(call, finite(|x| 1.0 / x.tan())));
pub(super) static DEGREES: Definition =
    Definition::immutable("degrees", one, |call| unary(call, limited(|x| x / (std::f64::consts::PI / 180.0))));
pub(super) static PI: Definition = Definition::immutable(
    "pi",
    |arguments| overload(arguments, &[(&[], Kind::Double)]),
    |call| call.column::<_, Float64Array>(|_| Ok(std::f64::consts::PI)),
);
pub(super) static RADIANS: Definition =
    Definition::immutable("radians", one, |call| unary(call, |x| Ok(x * (std::f64::consts::PI / 180.0))));
pub(super) static SIN: Definition = Definition::immutable("sin", one, |call| unary(call, finite(f64::sin)));
pub(super) static SINH: Definition = Definition::immutable("sinh", one, |call| unary(call, limited(f64::sinh)));
pub(super) static TAN: Definition = Definition::immutable("tan", one, |call| unary(call, finite(f64::tan)));
pub(super) static TANH: Definition = Definition::immutable("tanh", one, |call| unary(call, |x| Ok(x.tanh())));

pub(super) fn one(arguments: &[Argument]) -> Types {
    overload(arguments, &[(&[Kind::Double], Kind::Double)])
}

pub(super) fn unary(call: &Call, value: impl Fn(f64) -> Result<f64>) -> Result<ArrayRef> {
    call.column::<_, Float64Array>(|row| value(call.double(0).value(row)))
}

/// A function that is defined between two numbers.
pub(super) fn within(function: fn(f64) -> f64, least: f64, most: f64) -> impl Fn(f64) -> Result<f64> {
    move |x| if x < least || x > most { Err(input_out_of_range()) } else { Ok(function(x)) }
}

/// A function that is not defined at infinity.
pub(super) fn finite(function: fn(f64) -> f64) -> impl Fn(f64) -> Result<f64> {
    move |x| if x.is_infinite() { Err(input_out_of_range()) } else { Ok(function(x)) }
}

/// A function whose result may be too large.
fn limited(function: fn(f64) -> f64) -> impl Fn(f64) -> Result<f64> {
    move |x| match function(x) {
        value if value.is_infinite() && x.is_finite() => Err(overflow()),
        value => Ok(value),
    }
}

/// e to the power of a number.
pub(super) fn exp(x: f64) -> Result<f64> {
    match x.exp() {
        value if value.is_infinite() && x.is_finite() => Err(overflow()),
        value if value == 0.0 && x.is_finite() => Err(underflow()),
        value => Ok(value),
    }
}

/// A number to the power of another.
pub(super) fn power(base: f64, exponent: f64) -> Result<f64> {
    use super::INVALID_ARGUMENT_FOR_POWER;
    use crate::error::Error;
    if base == 0.0 && exponent < 0.0 {
        return Err(Error::new(INVALID_ARGUMENT_FOR_POWER, "zero raised to a negative power is undefined"));
    }
    if base < 0.0 && base.is_finite() && exponent.is_finite() && exponent.fract() != 0.0 {
        let message = "a negative number raised to a non-integer power yields a complex result";
        return Err(Error::new(INVALID_ARGUMENT_FOR_POWER, message));
    }
    match base.powf(exponent) {
        value if value.is_infinite() && base.is_finite() && exponent.is_finite() => Err(overflow()),
        value if value == 0.0 && base != 0.0 && base.is_finite() && exponent.is_finite() => Err(underflow()),
        value => Ok(value),
    }
}
