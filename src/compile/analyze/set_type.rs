//! The columns of set operations have one type on all sides, by PostgreSQL's rules (its chapter 10.5). A constant without a type takes that
//! of the other sides; once an operation is done, or a subquery, it is a text.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::{Cast, Placeholder};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, RecursiveQuery};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::any_numeric::{self, is_number};
use super::field::{field_of, type_of};
use super::strict::plain_name;
use super::types::{column, sql_type};
use crate::compile::function;
use crate::compile::function::condition::common_type::Branch;
use crate::compile::rewrite::set_operation;
use crate::error::{Error, code};
use crate::types::SqlType;

/// The inputs of a union with columns of the same types. Errors: 42804 for types that do not go together, 22P02 for constants that
/// are no values of the type.
pub(super) fn unified(inputs: Vec<Arc<LogicalPlan>>) -> PlanResult<Vec<Arc<LogicalPlan>>> {
    let Some(width) = inputs.iter().map(|input| input.schema().fields().len()).min() else { return Ok(inputs) };
    let construct = inputs.first().and_then(|first| set_operation::word(first.schema())).unwrap_or("UNION");
    let mut wanted = Vec::with_capacity(width);
    for position in 0..width {
        let branches: Vec<Branch> = inputs.iter().map(|input| branch(input, position)).collect();
        let kind = Branch::common_type(&branches, construct);
        wanted.push(kind.map_err(|error| DataFusionError::External(Box::new(error)))?);
    }
    inputs.into_iter().map(|input| converted(input, &wanted)).collect()
}

/// Checks that the recursive term of a query has the types of the other term. Errors: 42804.
pub(super) fn check_recursion(query: &RecursiveQuery) -> PlanResult<()> {
    let external = |error| DataFusionError::External(Box::new(error));
    for (number, first) in query.static_term.schema().fields().iter().enumerate() {
        let next = before_cast(&query.recursive_term, number)?;
        if first.data_type().is_null() || next.data_type().is_null() {
            continue;
        }
        let first = SqlType::of(first);
        let branches = [first.clone(), SqlType::of(&next)].map(|kind| Branch::new(Some(kind), None));
        let overall = Branch::common_type(&branches, "UNION").map_err(external)?;
        let (first, overall) = (plain_name(&first), plain_name(&overall));
        let text = ["text", "character varying"];
        if first != overall && !(text.contains(&first.as_str()) && text.contains(&overall.as_str())) {
            let message = format!(
                "recursive query \"{}\" column {} has type {first} in non-recursive term but type {overall} overall",
                query.name,
                number + 1
            );
            let hint = "Cast the output of the non-recursive term to the correct type.";
            return Err(external(Error::new(code::DATATYPE_MISMATCH, message).hint(hint)));
        }
    }
    Ok(())
}

/// A column of the recursive term without the cast that DataFusion puts over it: what a query casts is a call.
fn before_cast(term: &LogicalPlan, position: usize) -> PlanResult<FieldRef> {
    if let LogicalPlan::Projection(projection) = term
        && let Some(Expr::Cast(cast)) = projection.expr.get(position).map(unaliased)
    {
        return field_of(&cast.expr, projection.input.schema());
    }
    Ok(Arc::clone(&term.schema().fields()[position]))
}

/// What a side brings to a column.
fn branch(input: &LogicalPlan, position: usize) -> Branch {
    let field = input.schema().field(position);
    let constant = constant(input, position).cloned();
    // A NULL that is no constant any more is a text.
    let kind = if field.data_type().is_null() { SqlType::Text } else { SqlType::of(field) };
    Branch::new((!matches!(constant, Some(ScalarValue::Null))).then_some(kind), constant)
}

/// The constant without a type that a column of a side is.
fn constant(input: &LogicalPlan, position: usize) -> Option<&ScalarValue> {
    match input {
        LogicalPlan::Projection(projection) => match unaliased(projection.expr.get(position)?) {
            Expr::Literal(value @ (ScalarValue::Utf8(Some(_)) | ScalarValue::Null), _) => Some(value),
            // Its type is yet to be found.
            Expr::Placeholder(Placeholder { field: None, .. }) => Some(&ScalarValue::Null),
            Expr::Column(column) => {
                constant(&projection.input, projection.input.schema().maybe_index_of_column(column)?)
            }
            _ => None,
        },
        LogicalPlan::Sort(sort) => constant(&sort.input, position),
        LogicalPlan::Limit(limit) => constant(&limit.input, position),
        _ => None,
    }
}

fn unaliased(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

/// The side with columns of these types; further columns stay.
fn converted(input: Arc<LogicalPlan>, wanted: &[SqlType]) -> PlanResult<Arc<LogicalPlan>> {
    let schema = Arc::clone(input.schema());
    let differs = |(position, wanted): (usize, &SqlType)| {
        let field = schema.field(position);
        field.data_type().is_null() || SqlType::of(field) != *wanted
    };
    if !wanted.iter().enumerate().any(differs) {
        return Ok(input);
    }
    let mut columns: Vec<Expr> = Vec::with_capacity(schema.fields().len());
    for position in 0..schema.fields().len() {
        let value = column(&schema, position);
        columns.push(match wanted.get(position).filter(|wanted| differs((position, wanted))) {
            Some(wanted) => {
                let (qualifier, field) = schema.qualified_field(position);
                function::cast_to(value, wanted).alias_qualified(qualifier.cloned(), field.name())
            }
            None => value,
        });
    }
    Ok(Arc::new(LogicalPlanBuilder::from(input).project(columns)?.build()?))
}

/// The rows of VALUES with columns of numbers of one type each, which DataFusion has made one by rules of its own. Errors: 42804 for types
/// that do not go together, 22P02 for constants that are no numbers.
pub(super) fn unified_rows(mut rows: Vec<Vec<Expr>>) -> PlanResult<Vec<Vec<Expr>>> {
    let schema = DFSchema::empty();
    let width = rows.iter().map(Vec::len).min().unwrap_or(0);
    for at in 0..width {
        let mut kinds = Vec::with_capacity(rows.len());
        let mut branches = Vec::with_capacity(rows.len());
        for row in &rows {
            let value = written(&row[at], &schema);
            let kind = type_of(value, &schema)?;
            let text = text_of(value).cloned();
            if !kind.is_null() {
                let sql_type = SqlType::of(&Field::new("", kind.clone(), true));
                branches.push(Branch::new(Some(sql_type), text.clone()));
            }
            kinds.push((kind, text.is_some()));
        }
        let numbers = || kinds.iter().filter(|(kind, _)| !kind.is_null());
        let are_numbers = numbers().all(|(kind, is_text)| *is_text || is_number(kind));
        let is_one = numbers().zip(numbers().skip(1)).all(|(one, next)| one == next);
        if !are_numbers || is_one {
            continue;
        }
        let wanted = Branch::common_type(&branches, "VALUES");
        let wanted = wanted.map_err(|error| DataFusionError::External(Box::new(error)))?;
        for (row, (kind, _)) in rows.iter_mut().zip(&kinds) {
            let value = written(&row[at], &schema).clone();
            row[at] = if kind.is_null() || *kind == wanted.arrow() { value } else { number_as(value, &wanted) };
        }
    }
    Ok(rows)
}

/// A value without the cast that DataFusion puts over numbers and constant texts.
fn written<'a>(value: &'a Expr, schema: &DFSchema) -> &'a Expr {
    let Expr::Cast(cast) = value else { return value };
    let wanted = cast.field.data_type();
    if !is_number(wanted) && *wanted != DataType::Utf8 {
        return value;
    }
    match type_of(&cast.expr, schema) {
        Ok(kind) if is_number(&kind) && sql_type(&kind) == kind => &cast.expr,
        _ if text_of(&cast.expr).is_some() => &cast.expr,
        _ => value,
    }
}

/// A constant text.
fn text_of(value: &Expr) -> Option<&ScalarValue> {
    match value {
        Expr::Literal(text @ ScalarValue::Utf8(Some(_)), _) => Some(text),
        _ => None,
    }
}

/// A number as one of another type; a constant stays one.
fn number_as(value: Expr, wanted: &SqlType) -> Expr {
    match (value, wanted) {
        (Expr::Literal(constant, metadata), SqlType::AnyNumeric(_)) => match any_numeric::constant(&constant) {
            Some(constant) => Expr::Literal(constant, metadata),
            None => function::cast_to(Expr::Literal(constant, metadata), wanted),
        },
        (value @ Expr::Literal(..), SqlType::SmallInt | SqlType::Integer | SqlType::BigInt | SqlType::Numeric(..)) => {
            Expr::Cast(Cast::new(Box::new(value), wanted.arrow()))
        }
        (value, wanted) => function::cast_to(value, wanted),
    }
}
