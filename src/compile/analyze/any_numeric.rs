//! Numerics of any size where DataFusion knows bytes only: arithmetic on them, and one type for numbers that stand beside each other.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, LargeBinaryBuilder};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, Int16Type, Int32Type, Int64Type};
use datafusion::common::DFSchema;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::{Cast, InSubquery, SetComparison};
use datafusion::logical_expr::{ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::types::{column, narrowed};
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
    let wanted = match argument.get_type(schema) {
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
pub(super) fn alike<const N: usize>(sides: [Expr; N], schema: &DFSchema) -> [Expr; N] {
    let mut sides = alike_all(sides.into(), schema).into_iter();
    std::array::from_fn(|_| sides.next().unwrap_or_default())
}

/// [`alike`] for any number of sides.
pub(super) fn alike_all(sides: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    let kinds = sides.iter().map(|side| side.get_type(schema).ok().filter(|kind| !kind.is_null()));
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
    let (Ok(tested), Ok(found)) = (value.get_type(schema), candidate.get_type(inner.schema())) else { return Ok(()) };
    let any = tested == DataType::LargeBinary || found == DataType::LargeBinary || exceeds(&[&tested, &found]);
    let Some(wanted) = united(&[tested.clone(), found.clone()]).filter(|_| any) else { return Ok(()) };
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

/// The type of columns of numbers of which not all have one type; `None` for others. DataFusion takes the first one's for now.
fn shared(kinds: &[DataType]) -> Option<DataType> {
    let known: Vec<&DataType> = kinds.iter().filter(|kind| !kind.is_null()).collect();
    if known.is_empty() || known.len() == kinds.len() && known.windows(2).all(|pair| pair[0] == pair[1]) {
        return None;
    }
    if !known.iter().all(|kind| kind.is_floating() || is_exact(kind)) {
        return None;
    }
    if known.iter().any(|kind| kind.is_floating()) {
        let double = known.contains(&&DataType::Float64);
        return Some(if double { DataType::Float64 } else { DataType::Float32 });
    }
    if let Some(wanted) = united(kinds) {
        return Some(wanted.arrow());
    }
    let widest = known.iter().max_by_key(|kind| (matches!(kind, DataType::Decimal128(..)), digits(kind)))?;
    Some(match widest {
        DataType::Decimal128(_, scale) => {
            let precision = known.iter().filter_map(|kind| digits(kind)).map(|(precision, _)| precision).max();
            DataType::Decimal128(precision?, *scale)
        }
        kind => (*kind).clone(),
    })
}

/// Inputs of a set operation with columns of numbers of one type.
pub(in crate::compile) fn united_inputs(inputs: Vec<Arc<LogicalPlan>>) -> PlanResult<Vec<Arc<LogicalPlan>>> {
    let Some(width) = inputs.iter().map(|input| input.schema().fields().len()).min() else { return Ok(inputs) };
    let kinds = |at: usize| inputs.iter().map(|input| input.schema().field(at).data_type().clone()).collect::<Vec<_>>();
    let wanted: Vec<Option<DataType>> = (0..width).map(|at| shared(&kinds(at))).collect();
    if wanted.iter().all(Option::is_none) {
        return Ok(inputs);
    }
    inputs.into_iter().map(|input| converted(input, &wanted)).collect()
}

fn converted(input: Arc<LogicalPlan>, wanted: &[Option<DataType>]) -> PlanResult<Arc<LogicalPlan>> {
    let schema = Arc::clone(input.schema());
    let columns = schema.iter().enumerate().map(|(at, (qualifier, field))| {
        let value = column(&schema, at);
        match (wanted.get(at).and_then(Option::as_ref), field.data_type()) {
            (Some(wanted), found) if wanted != found => {
                let value = match (wanted, found) {
                    (DataType::LargeBinary, _) => widened(value),
                    (_, DataType::LargeBinary) => {
                        function::cast_to(value, &SqlType::of(&Field::new("", wanted.clone(), true)))
                    }
                    _ => Expr::Cast(Cast::new(Box::new(value), wanted.clone())),
                };
                value.alias_qualified(qualifier.cloned(), field.name())
            }
            _ => value,
        }
    });
    let columns: Vec<Expr> = columns.collect();
    Ok(Arc::new(LogicalPlanBuilder::from(input).project(columns)?.build()?))
}

/// The rows of VALUES with columns of numbers that DataFusion can make one.
pub(super) fn united_rows(mut rows: Vec<Vec<Expr>>) -> Vec<Vec<Expr>> {
    let schema = DFSchema::empty();
    let width = rows.iter().map(Vec::len).min().unwrap_or(0);
    for at in 0..width {
        // DataFusion has made the numbers of a column one type already, but its casts are still to be seen.
        let uncast = |value: &Expr| match value {
            Expr::Cast(cast) if cast.expr.get_type(&schema).is_ok_and(|kind| is_number(&kind)) => (*cast.expr).clone(),
            value => value.clone(),
        };
        let written: Vec<Expr> = rows.iter().map(|row| narrowed(uncast(&row[at]))).collect();
        let kinds: Option<Vec<DataType>> = written.iter().map(|value| value.get_type(&schema).ok()).collect();
        if kinds.is_some_and(|kinds| united(&kinds) == Some(SqlType::NUMERIC)) {
            rows.iter_mut().zip(written).for_each(|(row, value)| row[at] = value);
        }
        let kinds: Option<Vec<DataType>> = rows.iter().map(|row| row[at].get_type(&schema).ok()).collect();
        let Some(wanted) = kinds.and_then(|kinds| united(&kinds)) else { continue };
        for row in &mut rows {
            let value = std::mem::take(&mut row[at]);
            row[at] = if matches!(&value, Expr::Literal(ScalarValue::Null, _)) {
                value
            } else {
                function::cast_to(value, &wanted)
            };
        }
    }
    rows
}
