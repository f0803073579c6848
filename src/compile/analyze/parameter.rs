//! Types of a statement's parameters: as its client declares them, as the query writes them (`$1::int`), else as PostgreSQL gives them: a
//! parameter without a type takes the one that a constant without a type would take in its place, and is a text where nothing tells one.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::{BinaryExpr, Placeholder};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{LogicalPlan, Operator};
use datafusion::prelude::Expr;

use super::field::field_of;
use super::{Relations, as_declared, error, names};
use crate::compile::function;
use crate::compile::parse::Query;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// Parameters of a statement at most: PostgreSQL's protocol counts them in 16 bits.
const PARAMETERS_MAX: usize = 65_535;

/// Functions whose result is their first argument as another type.
const CASTS: [&str; 2] = ["cast", "numeric"];

/// The plan of a query and the types of its parameters. `hints` are those that its client declares; `coerce` makes operands alike.
pub(super) fn planned(
    query: &Query,
    relations: &dyn Relations,
    names: &names::Names<'_>,
    hints: &[Option<FieldRef>],
    coerce: impl Fn(LogicalPlan) -> PlanResult<LogicalPlan>,
) -> Result<(LogicalPlan, Vec<FieldRef>)> {
    let explain = |failure| error::from_datafusion(failure, query);
    let mut hints = with_written_types(hints, query, relations)?;
    let raw = names.plan(query, &hints).map_err(explain)?;
    let mut fields = by_number(&raw).map_err(explain)??;
    let count = fields.keys().copied().max().unwrap_or(0).max(hints.len());
    if count == 0 {
        return Ok((raw, Vec::new()));
    }
    hints.resize(count, None);
    let is_known = |number: usize| hints[number - 1].is_some() || fields.get(&number).is_some_and(Option::is_some);
    if !(1..=count).all(is_known) {
        // What cannot be made alike is complained about below, with the types that are found.
        let found = inferred(&raw, coerce(raw.clone()).ok().as_ref()).map_err(explain)?;
        for (number, field) in &mut fields {
            if field.is_none() {
                *field = found.get(&format!("${number}")).map(|kind| Arc::new(kind.field("")));
            }
        }
    }
    let parameters: Vec<FieldRef> =
        (1..=count).map(|number| typed(number, hints[number - 1].as_ref(), fields.remove(&number).flatten())).collect();
    // Planned once more with all types.
    let known: Vec<Option<FieldRef>> = parameters.iter().cloned().map(Some).collect();
    Ok((names.plan(query, &known).map_err(explain)?, parameters))
}

/// The field of `$number`, from what is declared, else from what is found.
fn typed(number: usize, declared: Option<&FieldRef>, found: Option<FieldRef>) -> FieldRef {
    let name = format!("${number}");
    let is_declared = declared.is_some();
    match declared.cloned().or(found).filter(|field| !field.data_type().is_null()) {
        Some(field) => {
            let kind = super::types::sql_type(field.data_type());
            let kind =
                if kind == *field.data_type() { SqlType::of(&field) } else { SqlType::of(&Field::new("", kind, true)) };
            // A number beside one with few digits may have more.
            let kind = if kind.is_numeric() && !is_declared { SqlType::NUMERIC } else { kind };
            Arc::new(as_declared(kind.field(&name), &field))
        }
        None => Arc::new(SqlType::Text.field(&name)),
    }
}

/// The types that parameters without one are converted to, by name: as the plan says once operands are alike, else by their place in it.
fn inferred(raw: &LogicalPlan, alike: Option<&LogicalPlan>) -> PlanResult<HashMap<String, SqlType>> {
    let mut found = HashMap::new();
    for plan in alike.into_iter().chain([raw]) {
        plan.apply_with_subqueries(|node| {
            let inputs = node.inputs();
            let schema = merge_schema(&inputs);
            let mut note = |value: &Expr, kind: SqlType| {
                if let Some(name) = parameter(value, &inputs) {
                    found.entry(name.to_string()).or_insert(kind);
                }
            };
            match node {
                LogicalPlan::Limit(limit) => {
                    [&limit.fetch, &limit.skip]
                        .into_iter()
                        .flatten()
                        .for_each(|number| note(number.as_ref(), SqlType::BigInt));
                }
                LogicalPlan::Filter(filter) => note(&filter.predicate, SqlType::Boolean),
                _ => {}
            }
            node.apply_expressions(|expression| {
                expression.apply(|part| {
                    for (value, kind) in converted(part, &schema) {
                        note(value, kind);
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
    }
    Ok(found)
}

/// The parts of an expression that are converted to a type.
fn converted<'a>(expression: &'a Expr, schema: &DFSchema) -> Vec<(&'a Expr, SqlType)> {
    let conditions = |parts: Vec<&'a Expr>| parts.into_iter().map(|part| (part, SqlType::Boolean)).collect();
    match expression {
        Expr::Cast(cast) if !cast.field.data_type().is_null() => vec![(cast.expr.as_ref(), SqlType::of(&cast.field))],
        Expr::ScalarFunction(call) if CASTS.contains(&call.func.name()) => {
            let kind = field_of(expression, schema).ok().filter(|field| !field.data_type().is_null());
            call.args.first().zip(kind).map(|(value, kind)| (value, SqlType::of(&kind))).into_iter().collect()
        }
        Expr::ScalarFunction(call) => {
            call.args.iter().zip(function::wanted(call, schema).unwrap_or_default()).collect()
        }
        Expr::Not(value)
        | Expr::IsTrue(value)
        | Expr::IsFalse(value)
        | Expr::IsUnknown(value)
        | Expr::IsNotTrue(value)
        | Expr::IsNotFalse(value)
        | Expr::IsNotUnknown(value) => conditions(vec![value]),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => conditions(vec![left, right]),
        Expr::Case(case) if case.expr.is_none() => {
            conditions(case.when_then_expr.iter().map(|(when, _)| when.as_ref()).collect())
        }
        _ => Vec::new(),
    }
}

/// The name of the parameter without a type that a value is, also as a column of the `inputs`.
fn parameter<'a>(value: &'a Expr, inputs: &[&'a LogicalPlan]) -> Option<&'a str> {
    match value {
        Expr::Placeholder(Placeholder { id, field: None }) => Some(id),
        Expr::Alias(alias) => parameter(&alias.expr, inputs),
        Expr::Column(column) => {
            let output = |input: &&'a LogicalPlan| output(input, input.schema().maybe_index_of_column(column)?);
            inputs.iter().find_map(output)
        }
        _ => None,
    }
}

/// The same for a column of a plan. What a subquery answers is a text.
fn output(plan: &LogicalPlan, position: usize) -> Option<&str> {
    match plan {
        LogicalPlan::Projection(projection) => parameter(projection.expr.get(position)?, &[&projection.input]),
        LogicalPlan::Sort(sort) => output(&sort.input, position),
        LogicalPlan::Limit(limit) => output(&limit.input, position),
        _ => None,
    }
}

/// The hints, completed by what the query writes: `$1::integer`.
fn with_written_types(
    hints: &[Option<FieldRef>],
    query: &Query,
    relations: &dyn Relations,
) -> Result<Vec<Option<FieldRef>>> {
    let mut hints = hints.to_vec();
    for (number, kind) in query.parameter_types() {
        let Some(at) = number.checked_sub(1).filter(|at| *at < PARAMETERS_MAX) else { continue };
        if hints.len() <= at {
            hints.resize(at + 1, None);
        }
        if hints[at].is_none() {
            let kind = kind.clone().resolved(&|name| names::type_named(relations, name))?;
            hints[at] = Some(Arc::new(kind.field("")));
        }
    }
    for numbers in query.parameters_alike() {
        let hint = |number: &usize| hints.get(number.checked_sub(1)?)?.clone();
        let Some(known) = numbers.iter().find_map(hint) else { continue };
        for at in numbers.into_iter().filter_map(|number| number.checked_sub(1)).filter(|at| *at < PARAMETERS_MAX) {
            if hints.len() <= at {
                hints.resize(at + 1, None);
            }
            hints[at].get_or_insert_with(|| Arc::clone(&known));
        }
    }
    Ok(hints)
}

/// The fields of placeholders by their names. One that stands beside columns of one type with different modifiers has the first's.
fn parameter_fields(plan: &LogicalPlan) -> PlanResult<HashMap<String, Option<FieldRef>>> {
    let mut fields: HashMap<String, Option<FieldRef>> = HashMap::new();
    let mut conflict = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::Placeholder(Placeholder { id, field }) = part {
                    let known = fields.entry(id.clone()).or_default();
                    conflict |= matches!((&*known, field), (Some(known), Some(field)) if known.data_type() != field.data_type());
                    if known.is_none() {
                        known.clone_from(field);
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    if conflict { plan.get_parameter_fields() } else { Ok(fields) }
}

/// The fields of `$1…` by number, as far as the planner tells them. Errors: 42P02 for names that are none.
fn by_number(plan: &LogicalPlan) -> PlanResult<Result<HashMap<usize, Option<FieldRef>>>> {
    let mut fields = HashMap::new();
    for (name, field) in parameter_fields(plan)? {
        match name.trim_start_matches('$').parse() {
            Ok(number) if number <= PARAMETERS_MAX => {
                fields.insert(number, field.filter(|field| !field.data_type().is_null()));
            }
            _ => {
                let message = format!("there is no parameter {name}");
                return Ok(Err(Error::new(code::UNDEFINED_PARAMETER, message)));
            }
        }
    }
    Ok(Ok(fields))
}
