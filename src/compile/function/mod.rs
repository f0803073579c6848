//! SQL functions that DataFusion does not have or does not have as PostgreSQL does, and the operators on types that it does not know.
//! In: arrays of values; out: arrays of values, or the error that PostgreSQL raises. Never: state, input or output.
//!
//! A function is a [`Definition`] in a file of its own, and a line in [`DEFINITIONS`].
//!
//! What still differs from PostgreSQL: timestamps end at ±292,000 years and know no infinity; numeric has up to 38 digits and no NaN;
//! a cast of double precision to numeric without precision has 10 digits after the point; functions of DataFusion that are not
//! replaced here answer NaN or infinity where PostgreSQL raises an error (`ln(0)`, `sqrt(-1)`).

use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::expr::Cast;
use datafusion::prelude::Expr;

// How functions are declared and run.
mod definition;
// What operators mean on dates, JSON and untyped constants.
mod planner;

// `abs`.
mod abs;
// `cast`: what `CAST` and `::` become.
mod cast;
// Dates, times and intervals.
mod datetime;
// `gen_random_uuid`.
mod gen_random_uuid;
// `in`: what `x IN ('a', …)` becomes.
mod in_list;
// JSON.
mod jsonb;
// `-x`.
mod negate;
// Keys that sort as PostgreSQL's values do.
pub(in crate::compile) mod order;
// `round`, `trunc`, `ceil`, `floor`.
mod round;
// Set-returning functions.
mod set;
// `sign`.
mod sign;

pub use cast::Target;
pub(in crate::compile) use datetime::date_bin::stride_micros;
pub(in crate::compile) use datetime::operator::{negated, shifted};
use definition::Function;
pub(in crate::compile) use definition::{Definition, external};
pub(in crate::compile) use jsonb::write::write_value as write_json;

/// All functions.
static DEFINITIONS: &[&Definition] = &[
    &abs::DEFINITION,
    &cast::DEFINITION,
    &datetime::current_date::DEFINITION,
    &datetime::date_bin::DEFINITION,
    &datetime::date_part::DATE_PART,
    &datetime::date_part::EXTRACT,
    &datetime::date_trunc::DEFINITION,
    &datetime::now::CLOCK_TIMESTAMP,
    &datetime::now::LOCALTIMESTAMP,
    &datetime::now::NOW,
    &datetime::timezone::DEFINITION,
    &datetime::to_char::DEFINITION,
    &datetime::to_timestamp::DEFINITION,
    &datetime::to_timestamp::TO_DATE,
    &gen_random_uuid::DEFINITION,
    &in_list::DEFINITION,
    &jsonb::array_length::DEFINITION,
    &jsonb::extract::PATH,
    &jsonb::extract::PATH_TEXT,
    &jsonb::type_of::DEFINITION,
    &negate::DEFINITION,
    &round::CEIL,
    &round::FLOOR,
    &round::ROUND,
    &round::TRUNC,
    &set::jsonb::AS_JSONB,
    &set::jsonb::EACH_KEYS,
    &set::jsonb::EACH_TEXT_VALUES,
    &set::jsonb::EACH_VALUES,
    &set::jsonb::ELEMENTS,
    &set::jsonb::ELEMENTS_TEXT,
    &set::jsonb::KEYS,
    &set::jsonb::RECORD,
    &set::jsonb::RECORDSET,
    &set::ordinality::DEFINITION,
    &set::series::SERIES,
    &set::series::SUBSCRIPTS,
    &set::text::DEFINITION,
    &sign::DEFINITION,
];

/// Adds all functions and operators to a session, in front of those that are there. Call it last: it must come before other planners of
/// operators, which may not leave anything to those after them.
pub fn register(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    let functions = DEFINITIONS.iter().map(|definition| Arc::new(function(definition)));
    builder.scalar_functions().get_or_insert_default().extend(functions);
    builder.expr_planners().get_or_insert_default().insert(0, Arc::new(planner::Operators));
    builder
}

/// The expression in SQL's syntax that a call of one of our functions stands for (`CAST(x AS …)`, `-x`, `x + y`), for EXPLAIN.
pub(in crate::compile) fn as_syntax(expression: &Expr) -> Option<Expr> {
    let Expr::ScalarFunction(call) = expression else { return None };
    let function = call.func.inner().downcast_ref::<Function>()?;
    match (function.definition.name, call.args.as_slice()) {
        ("cast", [value, _]) => {
            let field = cast::target(expression)?.field("");
            Some(Expr::Cast(Cast::new(Box::new(value.clone()), field.data_type().clone())))
        }
        ("sort_key" | "packed" | "unpacked", [value]) | ("tagged", [value, _]) => Some(value.clone()),
        ("-", [value]) => Some(Expr::Negative(Box::new(value.clone()))),
        _ => planner::as_operator(function.definition, &call.args),
    }
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
