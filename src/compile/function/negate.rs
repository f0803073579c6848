//! `-x` on numbers and intervals. DataFusion's wraps around at the least integer.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float32Array, Float64Array, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
};

use super::abs::unary;
use super::datetime::operator::negated;
use super::definition::{Argument, Call, Definition, Types, strict};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("-", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    use SqlType::{AnyNumeric, BigInt, Double, Integer, Interval, Numeric, Real, SmallInt, Time};
    Ok(match arguments {
        [number] => match &number.sql_type {
            Some(known @ (SmallInt | Integer | BigInt | Real | Double | Numeric(..) | Interval)) => {
                Some((vec![known.clone()], known.clone()))
            }
            Some(Time) => Some((vec![Interval], Interval)),
            Some(AnyNumeric(_)) => Some((vec![SqlType::NUMERIC], SqlType::NUMERIC)),
            _ if number.is_untyped() => {
                let message = "operator is not unique: - unknown";
                let hint = "Could not choose a best candidate operator. You might need to add explicit type casts.";
                return Err(Error::new(code::AMBIGUOUS_FUNCTION, message).hint(hint));
            }
            _ => None,
        },
        _ => None,
    })
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let values = &call.arguments[0];
    match values.data_type() {
        DataType::Int16 => unary::<Int16Type>(call, |value| value.checked_neg()),
        DataType::Int32 => unary::<Int32Type>(call, |value| value.checked_neg()),
        DataType::Int64 => unary::<Int64Type>(call, |value| value.checked_neg()),
        DataType::Decimal128(..) => unary::<Decimal128Type>(call, |value| value.checked_neg()),
        DataType::LargeBinary => call.decimals(|row| Ok(call.decimal(0, row).negated())),
        DataType::Float32 => {
            Ok(Arc::new(values.as_primitive::<Float32Type>().unary::<_, Float32Type>(|value| -value) as Float32Array))
        }
        DataType::Interval(_) => {
            let spans = values.as_primitive::<IntervalMonthDayNanoType>();
            Ok(Arc::new(IntervalMonthDayNanoArray::from(strict(call, |row| negated(spans.value(row)))?)))
        }
        _ => Ok(Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(|value| -value) as Float64Array)),
    }
}
