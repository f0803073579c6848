//! CASE and COALESCE come before their subqueries: what a subquery is compared with, and what it computes from the row outside, is computed beside it for
//! all rows. Where that may fail it becomes a CASE of the conditions under which the subquery is reached.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::Subquery;
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::logical_expr::utils::conjunction;
use datafusion::prelude::Expr;

use super::has_subquery;
use crate::compile::analyze::field_of;
use crate::compile::function::order::tagged::tagged;
use crate::types::SqlType;

/// The expression with shielded subqueries; `schema` is that of the rows outside of them.
pub(super) fn shielded(expression: Expr, schema: &DFSchema) -> PlanResult<Expr> {
    let shielded = expression.transform_down(|part| match part {
        Expr::Case(case) if case.expr.is_none() => branches(case, schema).map(Transformed::yes),
        Expr::ScalarFunction(call) if call.func.name() == "coalesce" => choices(call, schema).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    });
    Ok(shielded?.data)
}

/// The CASE whose branches hold subqueries that are shielded by the conditions before them.
fn branches(mut case: Case, schema: &DFSchema) -> PlanResult<Expr> {
    let mut known: Vec<Expr> = Vec::new();
    for (when, then) in &mut case.when_then_expr {
        let is_plain = !has_subquery(when)?;
        let mut reached = known.clone();
        reached.extend(is_plain.then(|| when.as_ref().clone()));
        **then = under(std::mem::take(then), &reached, schema)?;
        known.extend(is_plain.then(|| when.clone().is_not_true()));
    }
    if let Some(otherwise) = &mut case.else_expr {
        **otherwise = under(std::mem::take(otherwise), &known, schema)?;
    }
    Ok(Expr::Case(case))
}

/// The COALESCE whose later values hold subqueries that are shielded by those before them being NULL.
fn choices(mut call: ScalarFunction, schema: &DFSchema) -> PlanResult<Expr> {
    let mut known: Vec<Expr> = Vec::new();
    for value in &mut call.args {
        *value = under(std::mem::take(value), &known, schema)?;
        if !has_subquery(value)? {
            known.push(value.clone().is_null());
        }
    }
    Ok(Expr::ScalarFunction(call))
}

/// The value of a branch that is reached where all of `known` is true.
fn under(value: Expr, known: &[Expr], schema: &DFSchema) -> PlanResult<Expr> {
    let Some(known) = conjunction(known.to_vec()).filter(|_| has_subquery(&value).unwrap_or(false)) else {
        return Ok(value);
    };
    let only = |value: &mut Box<Expr>| {
        if may_fail(value) {
            **value = chosen(&known, std::mem::take(value), schema);
        }
    };
    let under = value.transform_down(|mut part| {
        let subquery = match &mut part {
            Expr::InSubquery(test) => {
                only(&mut test.expr);
                &mut test.subquery
            }
            Expr::SetComparison(test) => {
                only(&mut test.expr);
                &mut test.subquery
            }
            Expr::Exists(test) => &mut test.subquery,
            Expr::ScalarSubquery(subquery) => subquery,
            _ => return Ok(Transformed::no(part)),
        };
        inside(subquery, &known, schema)?;
        Ok(Transformed::new(part, true, TreeNodeRecursion::Jump))
    });
    Ok(under?.data)
}

/// Shields what a subquery computes from the row outside alone.
fn inside(subquery: &mut Subquery, known: &Expr, schema: &DFSchema) -> PlanResult<()> {
    let is_outer = |column: &Column| schema.maybe_index_of_column(column).is_some();
    let seen = known.clone().transform_up(|part| match part {
        Expr::Column(column) => {
            let field = schema.qualified_field_from_column(&column)?.1;
            Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), column)))
        }
        other => Ok(Transformed::no(other)),
    });
    let seen = seen?.data;
    let plan = Arc::clone(&subquery.subquery);
    let shielded = Arc::unwrap_or_clone(plan).transform_up(|node| {
        node.map_expressions(|expression| {
            expression.transform_down(|part| {
                let outer =
                    part.exists(|part| Ok(matches!(part, Expr::OuterReferenceColumn(_, column) if is_outer(column))))?;
                let alone = outer && !part.any_column_refs() && !has_subquery(&part)?;
                if !alone || matches!(part, Expr::Alias(_)) || !may_fail(&part) {
                    return Ok(Transformed::no(part));
                }
                Ok(Transformed::new(chosen(&seen, part, schema), true, TreeNodeRecursion::Jump))
            })
        })
    })?;
    if shielded.transformed {
        subquery.subquery = Arc::new(shielded.data);
    }
    Ok(())
}

fn chosen(condition: &Expr, value: Expr, schema: &DFSchema) -> Expr {
    let kind = field_of(&value, schema).map(|field| SqlType::of(&field));
    let case = Expr::Case(Case::new(None, vec![(Box::new(condition.clone()), Box::new(value))], None));
    // DataFusion forgets the type of a CASE where Arrow does not tell it.
    match kind {
        Ok(kind) => tagged(case, &kind),
        Err(_) => case,
    }
}

/// Whether the value is computed, not only a column or a constant.
fn may_fail(value: &Expr) -> bool {
    !matches!(value, Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::Literal(..))
}
