//! `abs(number)`: without its sign. DataFusion's wraps around at the least integer.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float32Array, Float64Array, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
};

use super::definition::{Argument, Call, Definition, Types, strict};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("abs", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    use SqlType::{AnyNumeric, BigInt, Double, Integer, Numeric, Real, SmallInt};
    Ok(match arguments {
        [number] => match &number.sql_type {
            Some(known @ (SmallInt | Integer | BigInt | Real | Double | Numeric(..))) => {
                Some((vec![known.clone()], known.clone()))
            }
            Some(AnyNumeric(_)) => Some((vec![SqlType::NUMERIC], SqlType::NUMERIC)),
            _ if number.is_untyped() => Some((vec![Double], Double)),
            _ => None,
        },
        _ => None,
    })
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let values = &call.arguments[0];
    match values.data_type() {
        DataType::Int16 => unary::<Int16Type>(call, |value| value.checked_abs()),
        DataType::Int32 => unary::<Int32Type>(call, |value| value.checked_abs()),
        DataType::Int64 => unary::<Int64Type>(call, |value| value.checked_abs()),
        DataType::Decimal128(..) => unary::<Decimal128Type>(call, |value| value.checked_abs()),
        DataType::LargeBinary => call.decimals(|row| Ok(call.decimal(0, row).absolute())),
        DataType::Float32 => {
            Ok(Arc::new(values.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::abs) as Float32Array))
        }
        _ => Ok(Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::abs) as Float64Array)),
    }
}

/// Applies a function that has no value where the type's range ends.
pub(super) fn unary<T: ArrowPrimitiveType>(
    call: &Call,
    value: impl Fn(T::Native) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let values = call.arguments[0].as_primitive::<T>();
    let out_of_range =
        || Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, format!("{} out of range", plain_name(&call.result)));
    let changed = strict(call, |row| value(values.value(row)).ok_or_else(out_of_range))?;
    let array: PrimitiveArray<T> = changed.into_iter().collect();
    Ok(Arc::new(array.with_data_type(call.result.arrow())))
}

fn plain_name(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Numeric(..) => "numeric".to_string(),
        other => other.to_string(),
    }
}
