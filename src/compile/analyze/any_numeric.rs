//! Numerics of any size where DataFusion knows bytes only: arithmetic on them, and one type for numbers that stand beside each other.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, LargeBinaryBuilder};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Int16Type, Int32Type, Int64Type};
use datafusion::common::DFSchema;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::{InSubquery, SetComparison};
use datafusion::logical_expr::{LogicalPlanBuilder, Operator, Subquery};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::field::type_of;
use super::types::column;
use crate::compile::function::{self, widened};
use crate::decimal::{Decimal, encoding, small_quotient};
use crate::error::{Error, Result};
use crate::types::SqlType;

/// Whether a type is numeric, or an integer.
pub(in crate::compile) fn is_exact(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal128(..) | DataType::LargeBinary
    )
}

/// Whether a type is one of numbers.
pub(in crate::compile) fn is_number(kind: &DataType) -> bool {
    kind.is_numeric() || *kind == DataType::LargeBinary
}

/// Digits in all and after the point of a numeric of one scale, or of what an integer becomes.
pub(super) fn digits(kind: &DataType) -> Option<(u8, i8)> {
    match kind {
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        DataType::Decimal128(precision, scale) => Some((*precision, *scale)),
        _ => None,
    }
}

/// `left operator right`, of exact numbers of any types. Errors: 22012, 22003.
pub(super) fn operate(operator: Operator, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    let mut column = LargeBinaryBuilder::with_capacity(left.len(), left.len() * 12);
    let mut bytes = Vec::new();
    let (left, right) = (Side::new(left)?, Side::new(right)?);
    for row in 0..left.values().len() {
        if left.values().is_null(row) || right.values().is_null(row) {
            column.append_null();
            continue;
        }
        bytes.clear();
        let small = left.small(row).zip(right.small(row)).and_then(|(one, other)| small(operator, one, other));
        match small {
            Some((units, scale)) => encoding::write_small(units, scale, &mut bytes),
            None => {
                let (one, other) = (left.decimal(row), right.decimal(row));
                let value = match operator {
                    Operator::Plus => one.add(&other),
                    Operator::Minus => one.subtract(&other),
                    Operator::Multiply => one.multiply(&other),
                    _ => one.divide(&other),
                };
                encoding::write(&value?, &mut bytes);
            }
        }
        column.append_value(&bytes);
    }
    Ok(Arc::new(column.finish()))
}

/// The result of `+ - *` within 128 bits.
fn small(operator: Operator, (a, scale): (i128, u32), (b, other): (i128, u32)) -> Option<(i128, u32)> {
    let shown = scale.max(other);
    let up = |units: i128, from: u32| units.checked_mul(10_i128.checked_pow(shown - from)?);
    match operator {
        Operator::Plus => Some((up(a, scale)?.checked_add(up(b, other)?)?, shown)),
        Operator::Minus => Some((up(a, scale)?.checked_sub(up(b, other)?)?, shown)),
        Operator::Multiply => Some((a.checked_mul(b)?, scale + other)),
        _ => small_quotient((a, scale), (b, other)),
    }
}

/// A side of an operator.
enum Side<'a> {
    Whole(Vec<i64>, &'a ArrayRef),
    Scaled(&'a ArrayRef, u32),
    Any(&'a ArrayRef),
}

impl<'a> Side<'a> {
    fn new(values: &'a ArrayRef) -> Result<Side<'a>> {
        Ok(match values.data_type() {
            DataType::Int16 => {
                Side::Whole(values.as_primitive::<Int16Type>().values().iter().map(|v| i64::from(*v)).collect(), values)
            }
            DataType::Int32 => {
                Side::Whole(values.as_primitive::<Int32Type>().values().iter().map(|v| i64::from(*v)).collect(), values)
            }
            DataType::Int64 => Side::Whole(values.as_primitive::<Int64Type>().values().to_vec(), values),
            DataType::Decimal128(_, scale) => Side::Scaled(values, u32::from(scale.unsigned_abs())),
            DataType::LargeBinary => Side::Any(values),
            other => return Err(Error::internal(format!("{other} is no exact number"))),
        })
    }

    fn values(&self) -> &ArrayRef {
        match self {
            Side::Whole(_, values) | Side::Scaled(values, _) | Side::Any(values) => values,
        }
    }

    fn small(&self, row: usize) -> Option<(i128, u32)> {
        match self {
            Side::Whole(values, _) => Some((i128::from(values[row]), 0)),
            Side::Scaled(values, scale) => Some((values.as_primitive::<Decimal128Type>().value(row), *scale)),
            Side::Any(values) => encoding::read_small(values.as_binary::<i64>().value(row)),
        }
    }

    fn decimal(&self, row: usize) -> Decimal {
        match self {
            Side::Any(values) => encoding::read(values.as_binary::<i64>().value(row)),
            _ => self.small(row).map_or(Decimal::NaN, |(units, scale)| Decimal::new(units, scale)),
        }
    }
}

/// Makes numerics of any size, and arrays of them, double precision.
pub(super) fn as_doubles(argument: &mut Expr, schema: &DFSchema) {
    let wanted = match type_of(argument, schema) {
        Ok(DataType::LargeBinary) => SqlType::Double,
        Ok(DataType::List(item)) if *item.data_type() == DataType::LargeBinary => {
            SqlType::Array(Box::new(SqlType::Double))
        }
        _ => return,
    };
    *argument = function::cast_to(std::mem::take(argument), &wanted);
}

/// Sides of a comparison of which one is a numeric of any size, or which DataFusion would cut to 38 digits, as numerics of any size;
/// as double precision beside a float. Others as they are.
pub(super) fn alike_all(sides: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    let kinds = sides.iter().map(|side| type_of(side, schema).ok().filter(|kind| !kind.is_null()));
    let kinds: Vec<Option<DataType>> = kinds.collect();
    let known: Vec<&DataType> = kinds.iter().flatten().collect();
    let any = known.contains(&&DataType::LargeBinary);
    if !known.iter().all(|kind| is_number(kind)) || !any && !exceeds(&known) {
        return sides;
    }
    let float = known.iter().any(|kind| kind.is_floating());
    let converted = |(side, kind): (Expr, &Option<DataType>)| match kind {
        Some(DataType::LargeBinary) if float => function::cast_to(side, &SqlType::Double),
        Some(kind) if !float && *kind != DataType::LargeBinary => widened(side),
        _ => side,
    };
    sides.into_iter().zip(&kinds).map(converted).collect()
}

/// `x IN (SELECT …)` with numbers of one type on both sides.
pub(super) fn in_subquery(mut test: InSubquery, schema: &DFSchema) -> PlanResult<Expr> {
    tested(&mut test.expr, &mut test.subquery, schema)?;
    Ok(Expr::InSubquery(test))
}

/// `x < ALL (SELECT …)` with numbers of one type on both sides.
pub(super) fn set_comparison(mut test: SetComparison, schema: &DFSchema) -> PlanResult<Expr> {
    tested(&mut test.expr, &mut test.subquery, schema)?;
    Ok(Expr::SetComparison(test))
}

fn tested(value: &mut Expr, subquery: &mut Subquery, schema: &DFSchema) -> PlanResult<()> {
    let inner = Arc::clone(&subquery.subquery);
    let candidate = column(inner.schema(), 0);
    let (Ok(tested), Ok(found)) = (type_of(value, schema), type_of(&candidate, inner.schema())) else { return Ok(()) };
    let any = tested == DataType::LargeBinary || found == DataType::LargeBinary || exceeds(&[&tested, &found]);
    // A real is compared with other numbers as a double.
    let real = tested != found && (tested == DataType::Float32 || found == DataType::Float32);
    let wanted = match (&tested, &found) {
        (DataType::Time64(_), DataType::Interval(_)) | (DataType::Interval(_), DataType::Time64(_)) => {
            Some(SqlType::Interval)
        }
        (tested, found) if is_number(tested) && is_number(found) && real => Some(SqlType::Double),
        _ => united(&[tested.clone(), found.clone()]).filter(|_| any),
    };
    let Some(wanted) = wanted else { return Ok(()) };
    if tested != wanted.arrow() {
        *value = function::cast_to(std::mem::take(value), &wanted);
    }
    if found != wanted.arrow() {
        let plan = LogicalPlanBuilder::from(inner).project([function::cast_to(candidate, &wanted)])?.build()?;
        subquery.subquery = Arc::new(plan);
    }
    Ok(())
}

/// Whether no numeric of one scale holds the values of all these types of numbers.
fn exceeds(kinds: &[&DataType]) -> bool {
    let Some(digits) = kinds.iter().map(|kind| digits(kind)).collect::<Option<Vec<_>>>() else { return false };
    let before_point = digits.iter().map(|(precision, scale)| *precision as i8 - scale).max().unwrap_or(0);
    let scale = digits.iter().map(|(_, scale)| *scale).max().unwrap_or(0);
    before_point.saturating_add(scale) > 38
}

/// What columns of inputs of these types have to become before DataFusion makes them one: `None` if it may do so.
pub(in crate::compile) fn united(kinds: &[DataType]) -> Option<SqlType> {
    let known: Vec<&DataType> = kinds.iter().filter(|kind| !kind.is_null()).collect();
    if known.iter().any(|kind| !is_number(kind)) {
        return None;
    }
    let any = known.contains(&&DataType::LargeBinary);
    let decimals = any || known.iter().any(|kind| matches!(kind, DataType::Decimal128(..)));
    if known.iter().any(|kind| kind.is_floating()) {
        return any.then_some(SqlType::Double);
    }
    let scales: Vec<Option<i8>> = known.iter().map(|kind| digits(kind).map(|(_, scale)| scale)).collect();
    let one_scale = scales.windows(2).all(|pair| pair[0] == pair[1]) && !exceeds(&known);
    (decimals && (any || !one_scale) && known.iter().any(|kind| **kind != DataType::LargeBinary))
        .then_some(SqlType::NUMERIC)
}

/// A constant number as a numeric of any size; `None` for floats.
pub(super) fn constant(number: &ScalarValue) -> Option<ScalarValue> {
    let (units, scale) = match number {
        ScalarValue::Int16(Some(value)) => (i128::from(*value), 0),
        ScalarValue::Int32(Some(value)) => (i128::from(*value), 0),
        ScalarValue::Int64(Some(value)) => (i128::from(*value), 0),
        ScalarValue::Decimal128(Some(units), _, scale @ 0..) => (*units, scale.unsigned_abs()),
        _ => return None,
    };
    Some(ScalarValue::LargeBinary(Some(encoding::encoded(&Decimal::new(units, u32::from(scale))))))
}
