//! What the arguments of a call must be, and what comes out.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};

use crate::compile::analyze::sql_type;
use crate::compile::plan::AggregateFunction::{self, *};
use crate::error::{Error, Result, code};
use crate::types::{DIMENSIONS_MAX, SqlType, too_many_dimensions};

/// The functions, by their names.
pub(in crate::compile) const NAMES: [(&str, AggregateFunction); 34] = [
    ("any_value", AnyValue),
    ("bool_and", BoolAnd),
    ("every", BoolAnd),
    ("bool_or", BoolOr),
    ("bit_and", BitAnd),
    ("bit_or", BitOr),
    ("bit_xor", BitXor),
    ("var_pop", VarPop),
    ("var_samp", VarSamp),
    ("variance", VarSamp),
    ("stddev_pop", StddevPop),
    ("stddev_samp", StddevSamp),
    ("stddev", StddevSamp),
    ("covar_pop", CovarPop),
    ("covar_samp", CovarSamp),
    ("corr", Corr),
    ("regr_avgx", RegrAvgx),
    ("regr_avgy", RegrAvgy),
    ("regr_count", RegrCount),
    ("regr_intercept", RegrIntercept),
    ("regr_r2", RegrR2),
    ("regr_slope", RegrSlope),
    ("regr_sxx", RegrSxx),
    ("regr_sxy", RegrSxy),
    ("regr_syy", RegrSyy),
    ("string_agg", StringAgg),
    ("array_agg", ArrayAgg),
    ("json_agg", JsonAgg),
    ("json_object_agg", JsonObjectAgg),
    ("jsonb_agg", JsonbAgg),
    ("jsonb_object_agg", JsonbObjectAgg),
    ("mode", Mode),
    ("percentile_cont", PercentileCont),
    ("percentile_disc", PercentileDisc),
];

/// The types that arguments of these types are converted to. Errors: 42883 if there is no such function.
pub(super) fn coerced(name: &str, function: AggregateFunction, given: &[DataType]) -> Result<Vec<DataType>> {
    let plain = |kind: &DataType| match kind {
        DataType::Null => DataType::Null,
        // The session's zone stays: it is how JSON shows instants.
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => kind.clone(),
        kind => sql_type(kind),
    };
    let plain: Vec<DataType> = given.iter().map(plain).collect();
    let wanted = match (function, plain.as_slice()) {
        (BoolAnd | BoolOr, [DataType::Boolean | DataType::Null]) => Some(vec![DataType::Boolean]),
        (BitAnd | BitOr | BitXor, [kind @ (DataType::Int16 | DataType::Int32 | DataType::Int64)]) => {
            Some(vec![kind.clone()])
        }
        (VarPop | VarSamp | StddevPop | StddevSamp, [kind]) if is_number(kind) => Some(vec![kind.clone()]),
        (VarPop | VarSamp | StddevPop | StddevSamp, [DataType::Null]) => Some(vec![DataType::Float64]),
        (StringAgg, [value, delimiter]) => texts(value, delimiter),
        (ArrayAgg | JsonAgg | JsonbAgg | AnyValue | Mode, [kind]) => Some(vec![known(kind)]),
        (JsonObjectAgg | JsonbObjectAgg, [key, value]) => Some(vec![known(key), known(value)]),
        (PercentileDisc, [value, fraction]) => fractions(fraction).map(|fraction| vec![known(value), fraction]),
        // Times are made intervals by the analysis.
        (PercentileCont, [value @ (DataType::Interval(_) | DataType::Time64(_)), fraction]) => {
            fractions(fraction).map(|fraction| vec![value.clone(), fraction])
        }
        (PercentileCont, [value, fraction]) if is_number(value) || value.is_null() => {
            fractions(fraction).map(|fraction| vec![double(value), fraction])
        }
        (_, [y, x]) if is_regression(function) => {
            let fits = |kind: &DataType| is_number(kind) || kind.is_null();
            (fits(y) && fits(x)).then(|| vec![double(y), double(x)])
        }
        _ => None,
    };
    wanted.ok_or_else(|| undefined(name, given))
}

/// The output column for arguments of the types that [`coerced`] gave.
pub(super) fn output(name: &str, function: AggregateFunction, arguments: &[FieldRef]) -> Result<Field> {
    let Some(first) = arguments.first() else { return Err(undefined(name, &[])) };
    let kind = SqlType::of(first);
    let result = match function {
        BoolAnd | BoolOr => SqlType::Boolean,
        VarPop | VarSamp | StddevPop | StddevSamp => match first.data_type() {
            DataType::Float32 | DataType::Float64 => SqlType::Double,
            _ => SqlType::NUMERIC,
        },
        RegrCount => SqlType::BigInt,
        _ if is_regression(function) => SqlType::Double,
        StringAgg if matches!(kind, SqlType::Uuid | SqlType::Json | SqlType::Jsonb) => {
            return Err(undefined_for(name, &[kind.to_string(), "unknown".to_string()]));
        }
        StringAgg if kind == SqlType::Bytea => SqlType::Bytea,
        StringAgg => SqlType::Text,
        ArrayAgg if kind.dimensions() == DIMENSIONS_MAX => return Err(too_many_dimensions(DIMENSIONS_MAX + 1)),
        ArrayAgg => kind.array_of(1),
        JsonAgg | JsonObjectAgg => SqlType::Json,
        JsonbAgg | JsonbObjectAgg => SqlType::Jsonb,
        PercentileCont | PercentileDisc => {
            let value = match kind {
                SqlType::Interval | SqlType::Time if function == PercentileCont => SqlType::Interval,
                _ if function == PercentileCont => SqlType::Double,
                kind => kind,
            };
            match arguments.get(1).map(|fraction| fraction.data_type()) {
                Some(DataType::List(_)) => SqlType::Array(Box::new(value)),
                _ => value,
            }
        }
        _ => return Ok(first.as_ref().clone().with_name(name).with_nullable(true)),
    };
    Ok(result.field(name))
}

/// Where among the arguments one stands that must be the same for all rows.
pub(in crate::compile) fn constant_argument(function: AggregateFunction) -> Option<usize> {
    matches!(function, StringAgg | PercentileCont | PercentileDisc).then_some(1)
}

/// Whether a function is over double precision, whatever numbers it is given.
pub(in crate::compile) fn takes_doubles(function: AggregateFunction) -> bool {
    is_regression(function) || function == PercentileCont
}

/// Whether a function is one of pairs (Y, X).
fn is_regression(function: AggregateFunction) -> bool {
    matches!(function, CovarPop | CovarSamp | Corr | RegrAvgx | RegrAvgy | RegrCount | RegrIntercept)
        || matches!(function, RegrR2 | RegrSlope | RegrSxx | RegrSxy | RegrSyy)
}

fn is_number(kind: &DataType) -> bool {
    matches!(kind, DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Float64)
        || matches!(kind, DataType::Decimal128(..) | DataType::LargeBinary)
}

/// Double precision; numerics of any size are made such by [`crate::compile::analyze`], since DataFusion cannot.
fn double(kind: &DataType) -> DataType {
    if *kind == DataType::LargeBinary { DataType::LargeBinary } else { DataType::Float64 }
}

/// A constant without a type is text.
fn known(kind: &DataType) -> DataType {
    if kind.is_null() { DataType::Utf8 } else { kind.clone() }
}

fn texts(value: &DataType, delimiter: &DataType) -> Option<Vec<DataType>> {
    match (value, delimiter) {
        (DataType::Binary, DataType::Binary | DataType::Utf8 | DataType::Null) => {
            Some(vec![DataType::Binary, DataType::Binary])
        }
        (DataType::Utf8 | DataType::Null, DataType::Utf8 | DataType::Null) => {
            Some(vec![DataType::Utf8, DataType::Utf8])
        }
        _ => None,
    }
}

fn fractions(kind: &DataType) -> Option<DataType> {
    match kind {
        DataType::List(item) if is_number(item.data_type()) || item.data_type().is_null() => {
            Some(DataType::List(Arc::new(Field::new("item", double(item.data_type()), true))))
        }
        kind if is_number(kind) || kind.is_null() => Some(double(kind)),
        _ => None,
    }
}

fn undefined(name: &str, given: &[DataType]) -> Error {
    let shown = |kind: &DataType| {
        let field = Field::new("", sql_type(kind), true);
        if kind.is_null() { "unknown".to_string() } else { SqlType::of(&field).to_string() }
    };
    undefined_for(name, &given.iter().map(shown).collect::<Vec<_>>())
}

fn undefined_for(name: &str, types: &[String]) -> Error {
    let message = format!("function {name}({}) does not exist", types.join(", "));
    Error::new(code::UNDEFINED_FUNCTION, message)
}
