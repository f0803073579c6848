//! Intervals taken apart and put together again, so that their sums are those of months, days and microseconds.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{Int64Type, IntervalMonthDayNano};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::prelude::Expr;

use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::{intervals, micros_of};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

static MONTHS: Definition =
    Definition::immutable("interval_months", part, |call| parts(call, |span| span.months.into()));
static DAYS: Definition = Definition::immutable("interval_days", part, |call| parts(call, |span| span.days.into()));
static MICROS: Definition = Definition::immutable("interval_micros", part, |call| parts(call, micros_of));
static WHOLE: Definition = Definition::immutable("interval_of", whole_types, whole);

/// Months, days and microseconds of an interval.
pub(in crate::compile) fn parts_of(interval: &Expr) -> [Expr; 3] {
    [&MONTHS, &DAYS, &MICROS].map(|definition| call(definition, vec![interval.clone()]))
}

/// The interval of months, days and microseconds, which are bigint.
pub(in crate::compile) fn interval_of(parts: [Expr; 3]) -> Expr {
    call(&WHOLE, parts.into())
}

/// `interval / count`, as PostgreSQL divides intervals.
pub(in crate::compile) fn divided(interval: Expr, count: Expr) -> Expr {
    let count = super::super::cast_to(count, &SqlType::Double);
    call(&super::operator::DIVIDE, vec![interval, count])
}

fn call(definition: &'static Definition, arguments: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(super::super::udf(definition), arguments))
}

fn part(arguments: &[Argument]) -> Types {
    Ok((arguments.len() == 1).then(|| (vec![SqlType::Interval], SqlType::BigInt)))
}

fn parts(call: &Call, part: impl Fn(IntervalMonthDayNano) -> i64) -> Result<ArrayRef> {
    let spans = intervals(&call.arguments[0]);
    Ok(Arc::new(spans.iter().map(|span| span.map(&part)).collect::<Int64Array>()))
}

fn whole_types(arguments: &[Argument]) -> Types {
    Ok((arguments.len() == 3).then(|| (vec![SqlType::BigInt; 3], SqlType::Interval)))
}

fn whole(call: &Call) -> Result<ArrayRef> {
    let part = |at: usize, row: usize| call.arguments[at].as_primitive::<Int64Type>().value(row);
    let out_of_range = || Error::new(code::DATETIME_FIELD_OVERFLOW, "interval out of range");
    let made = strict(call, |row| {
        let months = i32::try_from(part(0, row)).map_err(|_| out_of_range())?;
        let days = i32::try_from(part(1, row)).map_err(|_| out_of_range())?;
        let nanoseconds = part(2, row).checked_mul(1_000).ok_or_else(out_of_range)?;
        Ok(IntervalMonthDayNano { months, days, nanoseconds })
    })?;
    Ok(Arc::new(IntervalMonthDayNanoArray::from(made)))
}
