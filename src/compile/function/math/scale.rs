//! `scale(numeric)`: digits after the point; `min_scale(numeric)`: those that are needed. `trim_scale` would give each row its own digits,
//! which a column of numerics cannot have, so it is refused where it would change any.

use datafusion::arrow::array::{ArrayRef, Int32Array};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use crate::error::{Error, Result};

pub(super) static SCALE: Definition = Definition::immutable(
    "scale",
    |arguments| overload(arguments, &[(&[Kind::Numeric], Kind::Integer)]),
    |call| call.column::<_, Int32Array>(|_| Ok(i32::from(call.scale(0)))),
);
pub(super) static MIN_SCALE: Definition = Definition::immutable(
    "min_scale",
    |arguments| overload(arguments, &[(&[Kind::Numeric], Kind::Integer)]),
    |call: &Call| -> Result<ArrayRef> {
        call.column::<_, Int32Array>(|row| Ok(needed(call.numeric(0).value(row), call.scale(0))))
    },
);
pub(super) static TRIM_SCALE: Definition =
    Definition::immutable("trim_scale", trimmed, |call| call.decimals(|row| Ok(call.numeric(0).value(row))));

fn needed(mut value: i128, scale: i8) -> i32 {
    let mut scale = i32::from(scale);
    while scale > 0 && value % 10 == 0 {
        (value, scale) = (value / 10, scale - 1);
    }
    scale
}

fn trimmed(arguments: &[Argument]) -> Types {
    match overload(arguments, &[(&[Kind::Numeric], Kind::Numeric)])? {
        Some((types, result)) if super::super::overload::scale(&result) == Some(0) => Ok(Some((types, result))),
        Some(_) => Err(Error::unsupported("trim_scale() is not supported").hint(
            "all values of a column have as many digits after the point; round(x, n) or x::numeric(p,s) changes them",
        )),
        None => Ok(None),
    }
}
