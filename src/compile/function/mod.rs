//! SQL functions that DataFusion does not have or does not have as PostgreSQL does, and the operators on types that it does not know.
//! In: arrays of values; out: arrays of values, or the error that PostgreSQL raises. Never: state, input or output.
//!
//! A function is a [`Definition`] in a file of its own, and a line in [`DEFINITIONS`].
//!
//! What still differs from PostgreSQL: timestamps end at ±292,000 years and know no infinity; a cast of a float or of a text that is
//! NaN to numeric(p,s) with up to 38 digits is refused.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::prelude::{Expr, lit};

// How functions are declared and run.
mod definition;
// What operators mean on dates, JSON and untyped constants.
mod planner;

// `abs`.
mod abs;
// Arrays.
mod array;
// `try`.
pub(in crate::compile) mod attempt;
// Functions on binary strings.
mod binary;
// What calls were given.
mod call;
// `cast`: what `CAST` and `::` become.
mod cast;
// `checked`: what casts to domains become.
mod checked;
// What operators mean on JSON and arrays.
mod container;
// Conditional expressions.
pub(in crate::compile) mod condition;
// Dates, times and intervals.
mod datetime;
// `enum_range` and the like.
mod enum_range;
// `gen_random_uuid`.
mod gen_random_uuid;
// `in`: what `x IN ('a', …)` becomes.
pub(in crate::compile) mod in_list;
// JSON.
mod jsonb;
// Mathematical functions and operators.
mod math;
// `-x`.
mod negate;
// Numbers by patterns.
mod number_format;
// Which of several functions of one name is meant.
mod overload;
// LIKE, SIMILAR TO, regular expressions.
mod pattern;
// Keys that sort as PostgreSQL's values do.
pub(in crate::compile) mod order;
// `round`, `trunc`, `ceil`, `floor`.
mod round;
// Values with fields.
pub(in crate::compile) mod row;
// Set-returning functions.
mod set;
// `sign`.
mod sign;
// Functions on texts.
mod text;
// `pg_typeof`.
mod type_of;
// Functions that do not exist.
mod unknown;

use crate::types::SqlType;
pub(in crate::compile) use array::dimension::check_accumulated;
pub use cast::Target;
pub(in crate::compile) use cast::declared as declared_numeric;
pub(in crate::compile) use cast::reads_text;
pub(in crate::compile) use cast::widen::widened;
pub(in crate::compile) use datetime::date_bin::stride_micros;
pub(in crate::compile) use datetime::operator::{between, negated, shifted};
pub(in crate::compile) use datetime::part_sum::{divided, interval_of, parts_of};
use definition::Function;
pub(in crate::compile) use definition::{Definition, external};
pub(in crate::compile) use jsonb::write::write_value as write_json;
pub(in crate::compile) use planner::beside;
pub(in crate::compile) use type_of::NAME as TYPE_OF;
pub(in crate::compile) use unknown::unknown;

/// All functions.
static DEFINITIONS: &[&Definition] = &[
    &abs::DEFINITION,
    &array::concat::APPEND,
    &array::concat::CAT,
    &array::concat::PREPEND,
    &array::construct::DEFINITION,
    &array::fill::DEFINITION,
    &array::position::POSITION,
    &array::position::POSITIONS,
    &array::quantified::ALL,
    &array::quantified::ANY,
    &array::replace::REMOVE,
    &array::replace::REPLACE,
    &array::size::CARDINALITY,
    &array::size::DIMS,
    &array::size::LENGTH,
    &array::size::LOWER,
    &array::size::NDIMS,
    &array::size::UPPER,
    &array::subscript::SLICE,
    &array::subscript::SUBSCRIPT,
    &array::subscript::TRIM,
    &cast::DEFINITION,
    &checked::CHECKED,
    &checked::PRECISION,
    &attempt::DEFINITION,
    &datetime::age::DEFINITION,
    &cast::TRY,
    &cast::widen::DEFINITION,
    &datetime::current_date::DEFINITION,
    &datetime::date_bin::DEFINITION,
    &datetime::date_part::DATE_PART,
    &datetime::date_part::EXTRACT,
    &datetime::date_trunc::DEFINITION,
    &datetime::justify::DAYS,
    &datetime::justify::HOURS,
    &datetime::justify::INTERVAL,
    &datetime::justify::ISFINITE,
    &datetime::make::DATE,
    &datetime::make::INTERVAL,
    &datetime::make::TIME,
    &datetime::make::TIMESTAMP,
    &datetime::make::TIMESTAMPTZ,
    &datetime::now::CLOCK_TIMESTAMP,
    &datetime::now::LOCALTIMESTAMP,
    &datetime::now::NOW,
    &datetime::overlaps::DEFINITION,
    &datetime::precision::FIELDS,
    &datetime::precision::PRECISION,
    &datetime::timezone::DEFINITION,
    &datetime::to_timestamp::DEFINITION,
    &datetime::to_timestamp::TO_DATE,
    &gen_random_uuid::DEFINITION,
    &in_list::DEFINITION,
    &jsonb::array_length::DEFINITION,
    &jsonb::build::ARRAY_TO_JSON,
    &jsonb::build::JSONB_ARRAY,
    &jsonb::build::JSONB_OBJECT,
    &jsonb::build::JSONB_OF_TEXTS,
    &jsonb::build::JSON_ARRAY,
    &jsonb::build::JSON_OBJECT,
    &jsonb::build::JSON_OF_TEXTS,
    &jsonb::build::ROW_TO_JSON,
    &jsonb::build::TO_JSON,
    &jsonb::build::TO_JSONB,
    &jsonb::delete::DELETE_PATH,
    &jsonb::exists::ALL,
    &jsonb::exists::ANY,
    &jsonb::exists::ONE,
    &jsonb::extract::JSON_PATH,
    &jsonb::extract::JSON_PATH_TEXT,
    &jsonb::extract::PATH,
    &jsonb::extract::PATH_TEXT,
    &jsonb::path::ARRAY,
    &jsonb::path::EXISTS,
    &jsonb::path::FIRST,
    &jsonb::path::HAS,
    &jsonb::path::HOLDS,
    &jsonb::path::MATCH,
    &jsonb::reshape::PRETTY,
    &jsonb::reshape::STRIP,
    &jsonb::reshape::STRIP_JSON,
    &jsonb::set::INSERT,
    &jsonb::set::SET,
    &jsonb::set::SET_LAX,
    &jsonb::type_of::DEFINITION,
    &math::bit::NOT,
    &negate::DEFINITION,
    &number_format::TO_CHAR,
    &number_format::TO_NUMBER,
    &round::CEIL,
    &round::FLOOR,
    &round::ROUND,
    &round::TRUNC,
    &set::flat::DEFINITION,
    &set::ordinality::DEFINITION,
    &set::series::SERIES,
    &set::series::SUBSCRIPTS,
    &set::text::DEFINITION,
    &sign::DEFINITION,
    &type_of::DEFINITION,
];

/// Adds all functions and operators to a session, in front of those that are there. Call it last: it must come before other planners of
/// operators, which may not leave anything to those after them.
pub fn register(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    let families = [
        DEFINITIONS,
        binary::DEFINITIONS,
        condition::DEFINITIONS,
        enum_range::DEFINITIONS,
        math::DEFINITIONS,
        pattern::DEFINITIONS,
        row::DEFINITIONS,
        set::jsonb::DEFINITIONS,
        text::DEFINITIONS,
    ];
    let functions = families.into_iter().flatten().map(|definition| Arc::new(function(definition)));
    builder.scalar_functions().get_or_insert_default().extend(functions);
    builder.expr_planners().get_or_insert_default().insert(0, Arc::new(planner::Operators));
    builder
}

/// Whether a function of DataFusion's of this name is not PostgreSQL's and must not be found.
pub(in crate::compile) fn is_foreign(name: &str) -> bool {
    const FOREIGN: [&str; 22] = [
        "arrow_cast",
        "arrow_metadata",
        "arrow_typeof",
        "current_time",
        "date_format",
        "datepart",
        "datetrunc",
        "element_at",
        "empty",
        "flatten",
        "from_unixtime",
        "get_field",
        "make_array",
        "make_list",
        "make_map",
        "map",
        "named_struct",
        "to_local_time",
        "to_time",
        "to_unixtime",
        "today",
        "union_extract",
    ];
    let of_arrays = name.starts_with("array_") || name.starts_with("list_") || name.starts_with("map_");
    let foreign =
        of_arrays && name != "array_to_string" || name.starts_with("to_timestamp_") || FOREIGN.contains(&name);
    foreign && !DEFINITIONS.iter().any(|definition| definition.name == name)
}

/// The expression in SQL's syntax that a call of one of our functions stands for (`CAST(x AS …)`, `-x`, `x + y`), for EXPLAIN.
pub(in crate::compile) fn as_syntax(expression: &Expr) -> Option<Expr> {
    let Expr::ScalarFunction(call) = expression else { return None };
    let function = call.func.inner().downcast_ref::<Function>()?;
    match (function.definition.name, call.args.as_slice()) {
        ("cast", [value, _]) => {
            let field = Arc::new(cast::target(expression)?.field(""));
            Some(Expr::Cast(Cast { expr: Box::new(value.clone()), field }))
        }
        ("unnest[]" | "jsonb[]" | "json[]" | "sort_key" | "packed" | "unpacked" | "numeric", [value])
        | ("tagged", [value, _])
        | ("values", [value, ..]) => Some(value.clone()),
        ("-", [value]) => Some(Expr::Negative(Box::new(value.clone()))),
        _ => planner::as_operator(function.definition, &call.args),
    }
}

/// Whether a call is of one of our functions, which know all SQL types.
pub(in crate::compile) fn is_ours(call: &ScalarFunction) -> bool {
    call.func.inner().downcast_ref::<Function>().is_some()
}

/// The types that the arguments of a call of ours are converted to.
pub(in crate::compile) fn wanted(call: &ScalarFunction, schema: &DFSchema) -> Option<Vec<SqlType>> {
    let function = call.func.inner().downcast_ref::<Function>()?;
    let argument = |part: &Expr| definition::Argument::of(planner::sql_type(part, schema), part);
    let arguments: Vec<definition::Argument> = call.args.iter().map(argument).collect();
    (function.definition.types)(&arguments).ok()?.map(|(wanted, _)| wanted)
}

/// `CAST(expression AS sql_type)`.
pub(in crate::compile) fn cast_to(expression: Expr, sql_type: &SqlType) -> Expr {
    cast::to_type(expression, sql_type)
}

/// `coalesce(…)`.
pub(in crate::compile) fn coalesce(values: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(udf(&condition::coalesce::DEFINITION), values))
}

/// `instant AT TIME ZONE 'zone'`.
pub(in crate::compile) fn at_time_zone(instant: Expr, zone: &str) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(udf(&datetime::timezone::DEFINITION), vec![lit(zone), instant]))
}

/// A definition as DataFusion calls it.
pub(in crate::compile) fn udf(definition: &'static Definition) -> Arc<ScalarUDF> {
    Arc::new(function(definition))
}

fn function(definition: &'static Definition) -> ScalarUDF {
    ScalarUDF::new_from_impl(Function::new(definition))
}

#[cfg(test)]
pub(in crate::compile) mod tests;
