//! `scale(numeric)`: digits after the point; `min_scale(numeric)`: those that are needed; `trim_scale(numeric)`: without the others.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array};

use super::super::definition::{Call, Definition, strict};
use super::super::overload::{Kind, overload};
use crate::decimal::Number;
use crate::error::Result;

pub(super) static SCALE: Definition = Definition::immutable(
    "scale",
    |arguments| overload(arguments, &[(&[Kind::Numeric], Kind::Integer)]),
    |call| evaluate(call, Number::scale),
);
pub(super) static MIN_SCALE: Definition = Definition::immutable(
    "min_scale",
    |arguments| overload(arguments, &[(&[Kind::Numeric], Kind::Integer)]),
    |call| evaluate(call, Number::scale_min),
);
pub(super) static TRIM_SCALE: Definition = Definition::immutable(
    "trim_scale",
    |arguments| overload(arguments, &[(&[Kind::Numeric], Kind::Numeric)]),
    |call| call.decimals(|row| Ok(call.decimal(0, row).trimmed())),
);

/// NULL for what is no number.
fn evaluate(call: &Call, scale: fn(&Number) -> u32) -> Result<ArrayRef> {
    let scales = strict(call, |row| Ok(call.decimal(0, row).number().map(|number| scale(number) as i32)))?;
    Ok(Arc::new(scales.into_iter().map(Option::flatten).collect::<Int32Array>()))
}
