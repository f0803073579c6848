//! Trigonometric functions of angles in degrees, exact at multiples of 30 and 45 degrees.

use datafusion::arrow::array::Float64Array;

use super::super::definition::Definition;
use super::super::overload::{Kind, overload};
use super::float::{finite, one, unary, within};

pub(super) static SIND: Definition = Definition::immutable("sind", one, |call| unary(call, finite(sind)));
pub(super) static COSD: Definition = Definition::immutable("cosd", one, |call| unary(call, finite(cosd)));
pub(super) static TAND: Definition = Definition::immutable("tand", one, |call| unary(call, finite(tand)));
pub(super) static COTD: Definition = Definition::immutable("cotd", one, |call| unary(call, finite(cotd)));
pub(super) static ASIND: Definition = Definition::immutable("asind", one, |call| unary(call, within(asind, -1.0, 1.0)));
pub(super) static ACOSD: Definition = Definition::immutable("acosd", one, |call| unary(call, within(acosd, -1.0, 1.0)));
pub(super) static ATAND: Definition =
    Definition::immutable("atand", one, |call| unary(call, |x| Ok(scaled(x.atan(), 1f64.atan(), 45.0))));
pub(super) static ATAN2D: Definition = Definition::immutable(
    "atan2d",
    |arguments| overload(arguments, &[(&[Kind::Double, Kind::Double], Kind::Double)]),
    |call| {
        call.column::<_, Float64Array>(|row| {
            let angle = call.double(0).value(row).atan2(call.double(1).value(row));
            Ok(scaled(angle, 1f64.atan(), 45.0))
        })
    },
);

const RADIANS_PER_DEGREE: f64 = 0.017_453_292_519_943_295;

/// A value in units of another one that stands for a whole number.
fn scaled(value: f64, unit: f64, whole: f64) -> f64 {
    value / unit * whole
}

/// Sine between 0 and 30 degrees.
fn sine_small(degrees: f64) -> f64 {
    (degrees * RADIANS_PER_DEGREE).sin() / (30.0 * RADIANS_PER_DEGREE).sin() / 2.0
}

/// Cosine between 0 and 60 degrees.
fn cosine_small(degrees: f64) -> f64 {
    let difference = |degrees: f64| 1.0 - (degrees * RADIANS_PER_DEGREE).cos();
    1.0 - difference(degrees) / difference(60.0) / 2.0
}

/// Sine between 0 and 90 degrees.
fn sine_quarter(degrees: f64) -> f64 {
    if degrees <= 30.0 { sine_small(degrees) } else { cosine_small(90.0 - degrees) }
}

/// Cosine between 0 and 90 degrees.
fn cosine_quarter(degrees: f64) -> f64 {
    if degrees <= 60.0 { cosine_small(degrees) } else { sine_small(90.0 - degrees) }
}

/// An angle between 0 and 90 degrees and the sign that sine and cosine have where it came from.
fn quarter(degrees: f64) -> (f64, f64, f64) {
    let mut angle = degrees % 360.0;
    let (mut sine, mut cosine) = (1.0, 1.0);
    if angle < 0.0 {
        (angle, sine) = (-angle, -sine);
    }
    if angle > 180.0 {
        (angle, sine) = (360.0 - angle, -sine);
    }
    if angle > 90.0 {
        (angle, cosine) = (180.0 - angle, -cosine);
    }
    (angle, sine, cosine)
}

fn sind(degrees: f64) -> f64 {
    let (angle, sign, _) = quarter(degrees);
    sign * sine_quarter(angle)
}

fn cosd(degrees: f64) -> f64 {
    let (angle, _, sign) = quarter(degrees);
    sign * cosine_quarter(angle)
}

fn tand(degrees: f64) -> f64 {
    let (angle, sine, cosine) = quarter(degrees);
    let value = sine_quarter(angle) / cosine_quarter(angle);
    let value = sine * cosine * (value / (sine_quarter(45.0) / cosine_quarter(45.0)));
    if value == 0.0 { 0.0 } else { value }
}

fn cotd(degrees: f64) -> f64 {
    let (angle, sine, cosine) = quarter(degrees);
    let value = cosine_quarter(angle) / sine_quarter(angle);
    let value = sine * cosine * (value / (cosine_quarter(45.0) / sine_quarter(45.0)));
    if value == 0.0 { 0.0 } else { value }
}

/// Arc sine of a number between 0 and 1.
fn asine_quarter(x: f64) -> f64 {
    match x <= 0.5 {
        true => x.asin() / 0.5f64.asin() * 30.0,
        false => 90.0 - x.acos() / 0.5f64.acos() * 60.0,
    }
}

fn asind(x: f64) -> f64 {
    if x >= 0.0 { asine_quarter(x) } else { -asine_quarter(-x) }
}

fn acosd(x: f64) -> f64 {
    let quarter = |x: f64| match x <= 0.5 {
        true => 90.0 - x.asin() / 0.5f64.asin() * 30.0,
        false => x.acos() / 0.5f64.acos() * 60.0,
    };
    if x >= 0.0 { quarter(x) } else { 90.0 + asine_quarter(-x) }
}
