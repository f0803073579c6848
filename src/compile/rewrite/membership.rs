//! `x [NOT] IN (SELECT y …)` knows three answers: true if some y equals x, else unknown if x or some y is NULL, else false. DataFusion
//! gets this right for a plain column and an independent subquery in WHERE. A constant x, a correlated subquery, and IN below OR,
//! NOT or CASE (planned as a mark join, which knows no unknown) or outside of WHERE are written as EXISTS here.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, not_impl_err};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Filter, LogicalPlan, LogicalPlanBuilder, Subquery, when};
use datafusion::prelude::{Expr, lit};
use datafusion::scalar::ScalarValue;

/// Rewrites the conditions of a filter; other nodes stay.
pub(super) fn rewrite(node: LogicalPlan) -> PlanResult<LogicalPlan> {
    let LogicalPlan::Filter(filter) = node else { return Ok(node) };
    if !filter.predicate.exists(|expression| Ok(matches!(expression, Expr::InSubquery(_))))? {
        return Ok(LogicalPlan::Filter(filter));
    }
    let schema = Arc::clone(filter.input.schema());
    let conditions: Vec<Expr> = split_conjunction_owned(filter.predicate)
        .into_iter()
        .map(|condition| rewrite_condition(condition, &schema))
        .collect::<PlanResult<_>>()?;
    let predicate = conjunction(conditions).unwrap_or_else(|| lit(true));
    Ok(LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?))
}

/// Every IN inside an expression over `schema` as true, false or unknown.
pub(super) fn three_valued(expression: Expr, schema: &DFSchema) -> PlanResult<Expr> {
    Ok(expression
        .transform_up(|part| match part {
            Expr::InSubquery(test) => answer(&test, schema).map(Transformed::yes),
            other => Ok(Transformed::no(other)),
        })?
        .data)
}

fn rewrite_condition(condition: Expr, schema: &DFSchema) -> PlanResult<Expr> {
    match condition {
        Expr::Not(inner) => match *inner {
            Expr::InSubquery(test) => top_level(InSubquery { negated: !test.negated, ..test }, schema),
            other => three_valued(Expr::Not(Box::new(other)), schema),
        },
        Expr::InSubquery(test) => top_level(test, schema),
        other => three_valued(other, schema),
    }
}

/// A test that a row passes or not: unknown need not be told from false.
fn top_level(test: InSubquery, schema: &DFSchema) -> PlanResult<Expr> {
    let simple = test.expr.any_column_refs() && test.subquery.outer_ref_columns.is_empty();
    if !test.negated || simple {
        return Ok(Expr::InSubquery(test));
    }
    let not_false = |value: Expr, candidate: Expr| Some(value.eq(candidate).is_not_false());
    exists(&test, schema, not_false).map(|found| !found)
}

fn answer(test: &InSubquery, schema: &DFSchema) -> PlanResult<Expr> {
    let found = exists(test, schema, |value, candidate| Some(value.eq(candidate)))?;
    let any = exists(test, schema, |_, _| None)?;
    let null = exists(test, schema, |_, candidate| Some(candidate.is_null()))?;
    let unknown = test.expr.as_ref().clone().is_null().and(any).or(null);
    when(found, lit(!test.negated)).when(unknown, lit(ScalarValue::Boolean(None))).otherwise(lit(test.negated))
}

/// `EXISTS (SELECT … FROM subquery WHERE condition(x, y))`.
fn exists(test: &InSubquery, schema: &DFSchema, condition: impl Fn(Expr, Expr) -> Option<Expr>) -> PlanResult<Expr> {
    let mut outer = test.subquery.outer_ref_columns.clone();
    let mut references = Vec::new();
    let value = test.expr.as_ref().clone().transform_up(|expression| {
        let Expr::Column(column) = expression else { return Ok(Transformed::no(expression)) };
        let (_, field) = schema.qualified_field_from_column(&column)?;
        let reference = Expr::OuterReferenceColumn(Arc::clone(field), column);
        references.push(reference.clone());
        Ok(Transformed::yes(reference))
    })?;
    let inner = apart(&test.subquery, &references)?;
    let candidate = Expr::Column(Column::from(inner.schema().qualified_field(0)));
    let plan = match condition(value.data, candidate) {
        None => Arc::new(inner),
        Some(condition) => {
            if condition.contains_outer() {
                references.retain(|reference| !outer.contains(reference));
                outer.extend(references);
            }
            Arc::new(LogicalPlanBuilder::from(inner).filter(condition)?.build()?)
        }
    };
    let subquery = Subquery { subquery: plan, outer_ref_columns: outer, spans: test.subquery.spans.clone() };
    Ok(Expr::Exists(Exists::new(subquery, false)))
}

/// The subquery's plan, with columns that cannot be taken for `references` to columns of the query around: there, a table in the
/// subquery may well have the name of one outside, since the test's left side does not stand in the subquery.
fn apart(subquery: &Subquery, references: &[Expr]) -> PlanResult<LogicalPlan> {
    let inner = Arc::clone(&subquery.subquery);
    if subquery.outer_ref_columns.is_empty() {
        return LogicalPlanBuilder::from(inner).alias("__candidates")?.build();
    }
    // A correlated subquery loses its way through another name.
    let mut collides = false;
    inner.apply_with_subqueries(|node| {
        let has = |reference: &Expr| {
            matches!(reference, Expr::OuterReferenceColumn(_, column) if node.schema().has_column(column))
        };
        collides |= references.iter().any(has);
        // What is below an alias cannot be named above it.
        let hides = matches!(node, LogicalPlan::SubqueryAlias(_));
        Ok(if hides { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Continue })
    })?;
    if collides {
        return not_impl_err!("IN (SELECT …) over a table with the name of one outside; give it another name");
    }
    Ok(Arc::unwrap_or_clone(inner))
}
