//! SQL types that Arrow does not tell (jsonb, json, uuid), kept where DataFusion forgets them: the results of CASE, COALESCE, aggregates
//! and set operations are of the type of what they choose from.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::field::field_of;
use super::strict;
use crate::compile::function::condition::common_type::Branch;
use crate::compile::function::{self, order};
use crate::types::SqlType;

/// Functions whose result is of their arguments' type.
const CHOOSING: [&str; 5] = ["coalesce", "nullif", "greatest", "least", "nvl"];
/// Aggregates whose result is of their argument's type.
const KEEPING: [&str; 6] = ["min", "max", "first_value", "last_value", "any_value", "nth_value"];

/// Constant texts among values of another type, read as that type.
pub(super) fn read_constants<const N: usize>(sides: [Expr; N], schema: &DFSchema) -> [Expr; N] {
    let is_constant = |side: &Expr| matches!(side, Expr::Literal(ScalarValue::Utf8(Some(_)), None));
    let kind = sides.iter().filter(|side| !is_constant(side)).find_map(|side| sql_type(side, schema));
    match kind.filter(|kind| !super::types::is_text(kind) && !kind.is_numeric()) {
        Some(kind) => {
            sides.map(|side| if is_constant(&side) { function::cast_to(side, &kind.of_constants()) } else { side })
        }
        None => sides,
    }
}

/// The SQL type of an expression; `None` for NULL and where it cannot be told.
pub(super) fn sql_type(expression: &Expr, schema: &DFSchema) -> Option<SqlType> {
    let field = field_of(expression, schema).ok()?;
    if *field.data_type() == DataType::Null {
        return None;
    }
    Some(forgotten(expression, &field, schema).unwrap_or_else(|| SqlType::of(&field)))
}

/// An expression whose type was forgotten, with it. Constant texts that may be chosen are read as values of the others' type.
pub(in crate::compile) fn remembered(expression: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Transformed { data, transformed, .. } = with_constants(expression, schema);
    let remembered = tagged_again(data, schema);
    Transformed { transformed: transformed || remembered.transformed, ..remembered }
}

/// `CASE m WHEN 'a'` over an enum: the constants are labels.
fn with_labels(case: &mut datafusion::logical_expr::Case, schema: &DFSchema) -> bool {
    let kind = case.expr.as_deref().and_then(|value| sql_type(value, schema));
    let Some(kind @ SqlType::Enum(_)) = kind else { return false };
    let mut changed = false;
    for (when, _) in &mut case.when_then_expr {
        if matches!(when.as_ref(), Expr::Literal(ScalarValue::Utf8(Some(_)), None)) {
            **when = function::cast_to(std::mem::take(when.as_mut()), &kind);
            changed = true;
        }
    }
    changed
}

fn with_constants(mut expression: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let labels = match &mut expression {
        Expr::Case(case) => with_labels(case, schema),
        _ => false,
    };
    let Transformed { data, transformed, .. } = with_chosen_constants(expression, schema);
    Transformed::new_transformed(data, transformed || labels)
}

fn with_chosen_constants(mut expression: Expr, schema: &DFSchema) -> Transformed<Expr> {
    // What NULLIF answers is its first value as it is.
    let keeps_first = matches!(&expression, Expr::ScalarFunction(call) if call.func.name() == "nullif");
    let mut parts: Vec<&mut Expr> = match &mut expression {
        Expr::Case(case) => {
            let thens = case.when_then_expr.iter_mut().map(|(_, then)| then.as_mut());
            thens.chain(case.else_expr.as_deref_mut()).collect()
        }
        Expr::ScalarFunction(call) if CHOOSING.contains(&call.func.name()) => call.args.iter_mut().collect(),
        _ => return Transformed::no(expression),
    };
    let is_constant = |part: &Expr| matches!(part, Expr::Literal(ScalarValue::Utf8(Some(_)), None));
    let kind = parts.iter().filter(|part| !is_constant(part)).find_map(|part| sql_type(part, schema));
    let zoned = parts.iter().any(|part| sql_type(part, schema) == Some(SqlType::TimestampTz));
    let is_local = |part: &Expr| matches!(sql_type(part, schema), Some(SqlType::Date | SqlType::Timestamp));
    if zoned && !keeps_first && parts.iter().any(|part| is_local(part)) {
        for part in parts.iter_mut().filter(|part| is_local(part)) {
            **part = function::cast_to(std::mem::take(*part), &SqlType::TimestampTz);
        }
        return Transformed::yes(expression);
    }
    let Some(kind) = kind.filter(|kind| !super::types::is_text(kind) && !kind.is_numeric()) else {
        return Transformed::no(expression);
    };
    let mut changed = false;
    for part in parts.iter_mut().filter(|part| is_constant(part)) {
        **part = function::cast_to(std::mem::take(*part), &kind.of_constants());
        changed = true;
    }
    Transformed::new_transformed(expression, changed)
}

/// Errors: 42804 for a call that chooses one of values whose types do not go together, 42883 if it is NULLIF.
pub(super) fn check_chosen(call: &ScalarFunction, schema: &DFSchema) -> PlanResult<()> {
    let branch = |part: &Expr| match part {
        Expr::Literal(value, _) => Branch::new(sql_type(part, schema), Some(value.clone())),
        part => Branch::new(sql_type(part, schema), None),
    };
    match (call.func.name(), call.args.as_slice()) {
        ("nullif", [value, other]) => return strict::check_comparable(value, other, schema),
        (name, _) if !CHOOSING.contains(&name) => return Ok(()),
        _ => {}
    }
    let branches: Vec<Branch> = call.args.iter().map(branch).collect();
    let common = Branch::common_type(&branches, &call.func.name().to_uppercase());
    common.map(drop).map_err(|error| DataFusionError::External(Box::new(error)))
}

/// An expression whose type was forgotten, with it.
pub(in crate::compile) fn tagged_again(expression: Expr, schema: &DFSchema) -> Transformed<Expr> {
    if !matches!(expression, Expr::Case(_) | Expr::ScalarFunction(_)) {
        return Transformed::no(expression);
    }
    let Ok(field) = field_of(&expression, schema) else { return Transformed::no(expression) };
    match forgotten(&expression, &field, schema) {
        Some(sql_type) => Transformed::yes(tagged(expression, Some(&sql_type))),
        None => Transformed::no(expression),
    }
}

/// The same value as a type that is kept as text.
pub(super) fn tagged(expression: Expr, sql_type: Option<&SqlType>) -> Expr {
    match sql_type {
        Some(kind) => order::tagged::tagged(expression, kind),
        None => expression,
    }
}

fn forgotten(expression: &Expr, field: &Field, schema: &DFSchema) -> Option<SqlType> {
    match SqlType::of(field) {
        SqlType::Text if *field.data_type() == DataType::Utf8 => {}
        SqlType::Enum(found) if found.is_any() => {}
        _ => return None,
    }
    let chosen: Vec<&Expr> = match expression {
        Expr::Case(case) => {
            case.when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(case.else_expr.as_deref()).collect()
        }
        Expr::ScalarFunction(call) if CHOOSING.contains(&call.func.name()) => call.args.iter().collect(),
        Expr::AggregateFunction(AggregateFunction { func, params }) if KEEPING.contains(&func.name()) => {
            params.args.iter().take(1).collect()
        }
        Expr::Alias(alias) => vec![alias.expr.as_ref()],
        _ => return None,
    };
    use SqlType::{Char, Enum, Json, Jsonb, Uuid};
    let known = |sql_type: &SqlType| matches!(sql_type, Jsonb | Json | Uuid | Char(_) | Enum(_));
    chosen.into_iter().filter_map(|part| sql_type(part, schema)).find(known)
}
