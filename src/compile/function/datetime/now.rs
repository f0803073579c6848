//! `now()` and its like: when the statement began. In PostgreSQL it is when the transaction began; here every statement reads at a tick
//! of its own. `clock_timestamp()` is the time of the clock.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, TimestampMicrosecondArray};
use datafusion::logical_expr::Volatility;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::scalar::ScalarValue;

use super::super::cast::local_micros;
use super::super::definition::{Argument, Call, Definition};
use super::current_date;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::format::text::TimeZone;
use crate::format::text::calendar::DAY_US;
use crate::types::SqlType;

pub(in crate::compile::function) static NOW: Definition = Definition {
    name: "now",
    aliases: &["current_timestamp", "transaction_timestamp", "statement_timestamp"],
    volatility: Volatility::Stable,
    types: |arguments| Ok(without_arguments(arguments, SqlType::TimestampTz)),
    evaluate: unknown,
};

pub(in crate::compile::function) static LOCALTIMESTAMP: Definition = Definition {
    name: "localtimestamp",
    aliases: &[],
    volatility: Volatility::Stable,
    types: |arguments| Ok(without_arguments(arguments, SqlType::Timestamp)),
    evaluate: unknown,
};

pub(in crate::compile::function) static CLOCK_TIMESTAMP: Definition = Definition {
    name: "clock_timestamp",
    aliases: &[],
    volatility: Volatility::Volatile,
    types: |arguments| Ok(without_arguments(arguments, SqlType::TimestampTz)),
    evaluate: |call| {
        let now = TimestampMicrosecondArray::from(vec![Clock::System.now_micros(); call.rows]);
        Ok(Arc::new(now.with_data_type(call.result.arrow())))
    },
};

/// The type of a function that takes nothing.
pub(super) fn without_arguments(arguments: &[Argument], result: SqlType) -> Option<(Vec<SqlType>, SqlType)> {
    arguments.is_empty().then(|| (Vec::new(), result))
}

/// A statement's time is put in where the statement is planned; where it is still missing there is none.
pub(super) fn unknown(_call: &Call) -> Result<ArrayRef> {
    Err(Error::unsupported("the current time is not known here"))
}

/// The value of a function of the statement's time, where that is known.
pub(in crate::compile::function) fn at(definition: &Definition, info: &SimplifyContext) -> Option<ScalarValue> {
    if definition.volatility != Volatility::Stable {
        return None;
    }
    let now = info.query_execution_start_time()?.timestamp_micros();
    if std::ptr::eq(definition, &NOW) {
        return Some(ScalarValue::TimestampMicrosecond(Some(now), Some("UTC".into())));
    }
    let zone = info.config_options().execution.time_zone.as_deref().map_or(Ok(TimeZone::default()), TimeZone::parse);
    let local = local_micros(now, zone.ok()?).ok()?;
    if std::ptr::eq(definition, &LOCALTIMESTAMP) {
        return Some(ScalarValue::TimestampMicrosecond(Some(local), None));
    }
    let today = std::ptr::eq(definition, &current_date::DEFINITION).then(|| local.div_euclid(DAY_US))?;
    Some(ScalarValue::Date32(i32::try_from(today).ok()))
}
