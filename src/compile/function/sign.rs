//! `sign(number)`: -1, 0 or 1.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type};

use super::definition::{Argument, Call, Definition, Types};
use crate::decimal::Decimal;
use crate::error::Result;
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("sign", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    use SqlType::{AnyNumeric, BigInt, Double, Integer, Numeric, Real, SmallInt};
    Ok(match arguments {
        [number] => match &number.sql_type {
            Some(exact @ Numeric(..)) => Some((vec![exact.clone()], Numeric(1, 0))),
            Some(AnyNumeric(_)) => Some((vec![SqlType::NUMERIC], SqlType::NUMERIC)),
            Some(SmallInt | Integer | BigInt | Real | Double) => Some((vec![Double], Double)),
            _ if number.is_untyped() => Some((vec![Double], Double)),
            _ => None,
        },
        _ => None,
    })
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let values = &call.arguments[0];
    if let DataType::Decimal128(..) = values.data_type() {
        let signs = values.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(i128::signum);
        return Ok(Arc::new((signs as Decimal128Array).with_data_type(call.result.arrow())));
    }
    if let DataType::LargeBinary = values.data_type() {
        return call.decimals(|row| match call.decimal(0, row) {
            Decimal::NaN => Ok(Decimal::NaN),
            value => Ok(Decimal::from(i64::from(value.sign()))),
        });
    }
    // Neither is NaN.
    let sign = |value: f64| f64::from(i8::from(value > 0.0) - i8::from(value < 0.0));
    Ok(Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(sign) as Float64Array))
}
