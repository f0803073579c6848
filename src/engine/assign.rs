//! Assignment casts: values of a query on their way into a table's columns, as PostgreSQL's INSERT casts them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Float32Type, Float64Type};

use crate::error::{Error, Result, code};
use crate::format::text::ColumnBuilder;
use crate::types::SqlType;

/// `values` of a query's column `from` as values of the table's column `to`.
pub(super) fn assign(values: &ArrayRef, from: &Field, to: &Field) -> Result<ArrayRef> {
    let (source, target) = (SqlType::of(from), SqlType::of(to));
    if source == target && values.data_type() == to.data_type() {
        return Ok(Arc::clone(values));
    }
    if values.data_type().is_null() {
        return Ok(datafusion::arrow::array::new_null_array(to.data_type(), values.len()));
    }
    if let DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View = values.data_type() {
        return from_text(values, &target);
    }
    if !assignable(&source, &target) {
        return Err(Error::new(
            code::DATATYPE_MISMATCH,
            format!("column \"{}\" is of type {target} but expression is of type {source}", to.name()),
        )
        .hint("you will need to rewrite or cast the expression"));
    }
    let rounded = round_floats(values, &target);
    if let SqlType::Text | SqlType::Varchar(_) = target {
        return from_text(&cast(&rounded, &DataType::Utf8, &target)?, &target);
    }
    cast(&rounded, to.data_type(), &target)
}

/// Text is read as the target's text form: a literal in VALUES has no type of its own.
fn from_text(values: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
    let values = cast(values, &DataType::Utf8, target)?;
    let mut builder = ColumnBuilder::new(target);
    for value in values.as_string::<i32>() {
        match value {
            Some(text) => builder.append_text(text)?,
            None => builder.append_null(),
        }
    }
    Ok(builder.finish())
}

/// PostgreSQL rounds half to even where Arrow cuts off.
fn round_floats(values: &ArrayRef, target: &SqlType) -> ArrayRef {
    if !matches!(target, SqlType::SmallInt | SqlType::Integer | SqlType::BigInt) {
        return Arc::clone(values);
    }
    match values.data_type() {
        DataType::Float64 => {
            Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round_ties_even))
        }
        DataType::Float32 => {
            Arc::new(values.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::round_ties_even))
        }
        // Arrow rounds half away from zero when the scale shrinks, as PostgreSQL does, but cuts off on the way to integers.
        DataType::Decimal128(_, scale) if *scale > 0 => {
            cast_with_options(values, &DataType::Decimal128(38, 0), &CastOptions::default())
                .unwrap_or_else(|_| Arc::clone(values))
        }
        _ => Arc::clone(values),
    }
}

fn cast(values: &ArrayRef, to: &DataType, target: &SqlType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(values, to, &options).map_err(|error| {
        Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, format!("{target} out of range")).detail(error.to_string())
    })
}

fn is_number(sql_type: &SqlType) -> bool {
    use SqlType::{BigInt, Double, Integer, Numeric, Real, SmallInt};
    matches!(sql_type, SmallInt | Integer | BigInt | Real | Double | Numeric(..))
}

/// Whether PostgreSQL has an assignment cast.
fn assignable(source: &SqlType, target: &SqlType) -> bool {
    use SqlType::{Array, Date, Text, Timestamp, TimestampTz, Varchar};
    match (source, target) {
        (_, Text | Varchar(_)) => true,
        (Date | Timestamp | TimestampTz, Date | Timestamp | TimestampTz) => true,
        (Array(source), Array(target)) => source == target || assignable(source, target),
        (source, target) if is_number(source) && is_number(target) => true,
        (source, target) => source == target,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, Int32Array, Int64Array, StringArray};
    use datafusion::arrow::datatypes::Int16Type;

    use super::*;

    fn check(values: ArrayRef, to: &SqlType) -> Result<ArrayRef> {
        let from = Field::new("x", values.data_type().clone(), true);
        assign(&values, &from, &to.field("c"))
    }

    #[test]
    fn numbers_round_and_are_range_checked() {
        let rounded = check(Arc::new(Float64Array::from(vec![0.5, 1.5, -2.5])), &SqlType::Integer).unwrap();
        assert_eq!(rounded.as_ref(), &Int32Array::from(vec![0, 2, -2]) as &dyn Array);
        let error = check(Arc::new(Int64Array::from(vec![70_000])), &SqlType::SmallInt).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (code::NUMERIC_VALUE_OUT_OF_RANGE, "smallint out of range"));
        let small = check(Arc::new(Int64Array::from(vec![7])), &SqlType::SmallInt).unwrap();
        assert_eq!(small.as_primitive::<Int16Type>().value(0), 7);
    }

    #[test]
    fn text_is_read_as_the_target_and_checked() {
        let error = check(Arc::new(StringArray::from(vec!["x"])), &SqlType::Integer).unwrap_err();
        assert_eq!(error.code, code::INVALID_TEXT_REPRESENTATION);
        let error = check(Arc::new(StringArray::from(vec!["abcd"])), &SqlType::Varchar(3)).unwrap_err();
        assert_eq!(error.code, code::STRING_DATA_RIGHT_TRUNCATION);
        let error = check(Arc::new(Int32Array::from(vec![1])), &SqlType::Boolean).unwrap_err();
        assert_eq!(error.code, code::DATATYPE_MISMATCH);
    }
}
