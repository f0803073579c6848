//! `cast(value, 'type')`: what `CAST(value AS type)` and `value::type` become. Casts are PostgreSQL's: invalid text is an error, doubles
//! round half to even and numerics half away from zero, nothing wraps around, instants are read and written in the session's zone.
//!
//! A cast to numeric without precision keeps the digits of numbers.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::definition::{Argument, Call, Definition, Types};
use crate::error::{Error, Result, code};
use crate::format::text::array_dimensions;
use crate::types::{DIMENSIONS_MAX, RowType, SqlType};

// Values on their way into a column.
mod assignment;
// Numerics of any size.
mod any_numeric;
// `char(n)`.
mod blank;
// Arrays of one type → another.
mod convert;
// Between number types.
mod number;
// Between dates, timestamps and instants.
mod time;
// Numerics of one scale → numerics of any.
pub(in crate::compile) mod widen;

pub use assignment::Target;
pub(super) use blank::{trim, trimmed};
pub(super) use convert::convert;
pub(in crate::compile) use number::declared;
pub(super) use number::rounded;
pub(super) use number::unbounded_numeric;
pub(super) use time::{local_micros, utc_micros};

pub(super) static DEFINITION: Definition = Definition {
    name: "cast",
    aliases: &[],
    // The session's time zone is fixed before anything is evaluated.
    volatility: datafusion::logical_expr::Volatility::Immutable,
    types,
    evaluate,
};

/// The target of a call of the function.
pub(super) fn target(expression: &Expr) -> Option<SqlType> {
    let Expr::ScalarFunction(call) = expression else { return None };
    match call.args.get(1) {
        Some(Expr::Literal(ScalarValue::Utf8(Some(name)), _)) if call.func.name() == DEFINITION.name => type_of(name),
        _ => None,
    }
}

/// Whether a call casts a text that is no constant yet to numeric, whose digits must not depend on the text once it is known. `kind` tells
/// types.
pub(in crate::compile) fn reads_text(call: &ScalarFunction, kind: impl Fn(&Expr) -> Option<SqlType>) -> bool {
    let [value, Expr::Literal(ScalarValue::Utf8(Some(name)), _)] = call.args.as_slice() else { return false };
    call.func.name() == DEFINITION.name
        && name == "numeric"
        && !matches!(value, Expr::Literal(..))
        && kind(value).is_some_and(|kind| kind.is_text())
}

/// `try_cast(value, 'type')`: what `TRY_CAST(value AS type)` becomes. NULL where the cast is an error.
pub(super) static TRY: Definition = Definition::immutable("try_cast", types, try_evaluate);

/// The expression as a value of a type.
pub(super) fn to_type(expression: Expr, target: &SqlType) -> Expr {
    if *target == SqlType::NUMERIC {
        return widen::widened(expression);
    }
    let arguments = vec![expression, datafusion::prelude::lit(target.spelled())];
    Expr::ScalarFunction(ScalarFunction::new_udf(super::udf(&DEFINITION), arguments))
}

/// Whether a constant text is a value of a type, as far as that does not depend on the session. Errors: those of the cast.
pub(super) fn check(text: &str, wanted: &SqlType) -> Result<()> {
    let values: ArrayRef = std::sync::Arc::new(datafusion::arrow::array::StringArray::from(vec![text]));
    convert(&values, &SqlType::Text, wanted, crate::format::text::TimeZone::default()).map(|_| ())
}

fn types(arguments: &[Argument]) -> Types {
    let [value, target] = arguments else { return Ok(None) };
    let name = target.text.as_deref().unwrap_or_default();
    let unknown = || Error::new(code::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"));
    let named = type_of(name).ok_or_else(unknown)?;
    let target = match (&named, &value.sql_type) {
        (SqlType::AnyNumeric(None), _) => unbounded_numeric(value),
        // It may be NaN.
        (SqlType::Numeric(precision, scale), Some(SqlType::AnyNumeric(_))) => {
            SqlType::AnyNumeric(Some((u16::from(*precision), i16::from(*scale))))
        }
        (SqlType::Array(_), _) => named.element().clone().array_of(dimensions(value).unwrap_or(named.dimensions())),
        _ => named,
    };
    let from = value.sql_type.clone().unwrap_or_else(|| target.clone());
    if !convert::exists(&from, &target) {
        return Err(Error::new(code::CANNOT_COERCE, format!("cannot cast type {from} to {target}")));
    }
    Ok(Some((vec![from, SqlType::Text], target)))
}

/// How many dimensions an array or a constant that is read as one has, if that is known.
pub(super) fn dimensions(value: &Argument) -> Option<usize> {
    match (&value.sql_type, &value.text) {
        (Some(kind @ SqlType::Array(_)), _) => Some(kind.dimensions()),
        // More than there may be are refused where they are read.
        (_, Some(text)) => array_dimensions(text).filter(|found| *found <= DIMENSIONS_MAX),
        _ => None,
    }
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let (values, from) = (&call.arguments[0], &call.given[0]);
    match &call.result {
        SqlType::Varchar(letters) => {
            // A shorter char(n) keeps its blanks.
            let texts = convert(values, from, &SqlType::Text, call.time_zone)?;
            Ok(convert::truncated(&texts, *letters))
        }
        result => convert(values, from, result, call.time_zone),
    }
}

/// All at once and, if that fails, row by row.
fn try_evaluate(call: &Call) -> Result<ArrayRef> {
    if let Ok(values) = evaluate(call) {
        return Ok(values);
    }
    let mut rows = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let one = Call {
            arguments: call.arguments.iter().map(|argument| argument.slice(row, 1)).collect(),
            given: call.given.clone(),
            result: call.result.clone(),
            rows: 1,
            time_zone: call.time_zone,
        };
        rows.push(match evaluate(&one) {
            Err(error) if error.code == code::INTERNAL_ERROR => return Err(error),
            value => value.unwrap_or_else(|_| new_null_array(&call.result.arrow(), 1)),
        });
    }
    let rows: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
    concat(&rows).map_err(|error| Error::internal(error.to_string()))
}

/// The type of `name`, which is what [`SqlType`] prints, or `numeric`.
pub(super) fn type_of(name: &str) -> Option<SqlType> {
    if let Some(found) = SqlType::read_name(name) {
        return Some(found);
    }
    if let Some(item) = name.strip_suffix("[]") {
        return Some(SqlType::Array(Box::new(type_of(item)?)));
    }
    if let Some(row) = RowType::read(name, type_of) {
        return Some(SqlType::Row(Arc::new(row)));
    }
    if let Some(modifiers) = name.strip_prefix("numeric(") {
        let (precision, scale) = modifiers.strip_suffix(')')?.split_once(',')?;
        return Some(number::declared(precision.parse().ok()?, scale.parse().ok()?));
    }
    if let Some(length) = name.strip_prefix("character(") {
        return Some(SqlType::Char(length.strip_suffix(')')?.parse().ok()?));
    }
    if let Some(length) = name.strip_prefix("character varying(") {
        return Some(SqlType::Varchar(length.strip_suffix(')')?.parse().ok()?));
    }
    let plain = [
        SqlType::Boolean,
        SqlType::SmallInt,
        SqlType::Integer,
        SqlType::BigInt,
        SqlType::Real,
        SqlType::Double,
        SqlType::Text,
        SqlType::Bytea,
        SqlType::Date,
        SqlType::Time,
        SqlType::Timestamp,
        SqlType::TimestampTz,
        SqlType::Interval,
        SqlType::Uuid,
        SqlType::Json,
        SqlType::Jsonb,
        SqlType::NUMERIC,
    ];
    match name {
        "bpchar" => Some(SqlType::Char(0)),
        name => plain.into_iter().find(|known| known.to_string() == name),
    }
}
