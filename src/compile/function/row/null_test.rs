//! `row_is_null(row)`, `row_is_not_null(row)`: what `IS NULL` and `IS NOT NULL` mean over rows: that all fields are NULL, and that none
//! is. A row that is neither has both tests false. Fields that are rows themselves are not looked into.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};

use super::super::definition::{Call, Definition};
use super::{of_row, rows};
use crate::types::SqlType;

pub(in crate::compile) static IS_NULL: Definition = Definition::immutable(
    "row_is_null",
    |arguments| of_row(arguments, SqlType::Boolean),
    |call| Ok(test(call, |row, values| values.iter().all(|value| value.is_null(row)), true)),
);
pub(in crate::compile) static IS_NOT_NULL: Definition = Definition::immutable(
    "row_is_not_null",
    |arguments| of_row(arguments, SqlType::Boolean),
    |call| Ok(test(call, |row, values| values.iter().all(|value| value.is_valid(row)), false)),
);

fn test(call: &Call, holds: impl Fn(usize, &[ArrayRef]) -> bool, of_null: bool) -> ArrayRef {
    let values = rows(&call.arguments[0]);
    let of_row = |row| if values.is_null(row) { of_null } else { holds(row, values.columns()) };
    Arc::new((0..call.rows).map(|row| Some(of_row(row))).collect::<BooleanArray>())
}
