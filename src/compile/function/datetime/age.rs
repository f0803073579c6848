//! `age(time, earlier)`: the difference in years, months, days and time, counted field by field. `age(time)`, from midnight of today, is
//! written with two arguments where it is parsed.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::IntervalMonthDayNano;

use super::super::cast::local_micros;
use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::{Civil, timestamps};
use crate::error::{Error, Result};
use crate::format::text::calendar::{DAY_US, days_in_month, is_finite};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("age", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    use SqlType::{Date, Timestamp, TimestampTz};
    let [left, right] = arguments else { return Ok(None) };
    let fits = |argument: &Argument| {
        argument.is_untyped() || matches!(argument.sql_type, Some(Date | Timestamp | TimestampTz))
    };
    let local = |argument: &Argument| !argument.is_untyped() && argument.sql_type == Some(Timestamp);
    let zoned = |argument: &Argument| !argument.is_untyped() && argument.sql_type == Some(TimestampTz);
    let wanted = if (local(left) || local(right)) && !zoned(left) && !zoned(right) { Timestamp } else { TimestampTz };
    Ok((fits(left) && fits(right)).then(|| (vec![wanted; 2], SqlType::Interval)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let (left, right) = (timestamps(&call.arguments[0]), timestamps(&call.arguments[1]));
    let zoned = *call.arguments[0].data_type() == SqlType::TimestampTz.arrow();
    let local = |micros: i64| if zoned { local_micros(micros, call.time_zone) } else { Ok(micros) };
    let spans = strict(call, |row| {
        if !is_finite(left.value(row)) || !is_finite(right.value(row)) {
            return Err(Error::unsupported("the age of infinite timestamps is not supported"));
        }
        Ok(age(local(left.value(row))?, local(right.value(row))?))
    })?;
    Ok(Arc::new(IntervalMonthDayNanoArray::from(spans)))
}

fn age(later: i64, earlier: i64) -> IntervalMonthDayNano {
    if later < earlier { counted(earlier, later, -1) } else { counted(later, earlier, 1) }
}

/// From `earlier` to `later`; days are borrowed from the month of the earlier one.
fn counted(later: i64, earlier: i64, sign: i32) -> IntervalMonthDayNano {
    let (to, from) = (Civil::of(later), Civil::of(earlier));
    let mut months = (to.year - from.year) * 12 + i64::from(to.month) - i64::from(from.month);
    let mut days = i64::from(to.day) - i64::from(from.day);
    let mut micros = to.micros - from.micros;
    if micros < 0 {
        micros += DAY_US;
        days -= 1;
    }
    while days < 0 {
        days += i64::from(days_in_month(from.year, from.month));
        months -= 1;
    }
    // Years of timestamps are few enough for months in 32 bits.
    IntervalMonthDayNano::new(sign * months as i32, sign * days as i32, i64::from(sign) * micros * 1_000)
}
