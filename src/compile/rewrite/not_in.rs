//! `x NOT IN (SELECT y …)` is true only if `x = y` is false for every y: one NULL among them makes it unknown. DataFusion gets
//! this right for a plain column and an independent subquery; a constant x, a correlated subquery, and IN below OR, NOT or CASE
//! (planned as a mark join, which knows no unknown) are written as EXISTS here.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema};
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

fn rewrite_condition(condition: Expr, schema: &DFSchema) -> PlanResult<Expr> {
    match condition {
        Expr::Not(inner) => match *inner {
            Expr::InSubquery(test) => top_level(InSubquery { negated: !test.negated, ..test }, schema),
            other => embedded(Expr::Not(Box::new(other)), schema),
        },
        Expr::InSubquery(test) => top_level(test, schema),
        other => embedded(other, schema),
    }
}

/// A test that a row passes or not: unknown need not be told from false.
fn top_level(test: InSubquery, schema: &DFSchema) -> PlanResult<Expr> {
    let simple = test.expr.any_column_refs() && test.subquery.outer_ref_columns.is_empty();
    if !test.negated || simple {
        return Ok(Expr::InSubquery(test));
    }
    exists(&test, schema, Expr::is_not_false, true)
}

/// A test inside a larger condition: true, false or unknown.
fn embedded(condition: Expr, schema: &DFSchema) -> PlanResult<Expr> {
    Ok(condition
        .transform_up(|expression| {
            let Expr::InSubquery(test) = expression else { return Ok(Transformed::no(expression)) };
            let found = exists(&test, schema, Expr::is_true, false)?;
            let unknown = exists(&test, schema, Expr::is_unknown, false)?;
            let value = when(found, lit(!test.negated))
                .when(unknown, lit(ScalarValue::Boolean(None)))
                .otherwise(lit(test.negated))?;
            Ok(Transformed::yes(value))
        })?
        .data)
}

/// `[NOT] EXISTS (SELECT … FROM subquery WHERE condition(x = y))`.
fn exists(test: &InSubquery, schema: &DFSchema, condition: impl Fn(Expr) -> Expr, negated: bool) -> PlanResult<Expr> {
    let mut outer = test.subquery.outer_ref_columns.clone();
    let value = test.expr.as_ref().clone().transform_up(|expression| {
        let Expr::Column(column) = expression else { return Ok(Transformed::no(expression)) };
        let (_, field) = schema.qualified_field_from_column(&column)?;
        let reference = Expr::OuterReferenceColumn(Arc::clone(field), column);
        if !outer.contains(&reference) {
            outer.push(reference.clone());
        }
        Ok(Transformed::yes(reference))
    })?;
    let inner = Arc::clone(&test.subquery.subquery);
    let candidate = Expr::Column(Column::from(inner.schema().qualified_field(0)));
    let matching = LogicalPlanBuilder::from(inner).filter(condition(value.data.eq(candidate)))?.build()?;
    let subquery = Subquery { subquery: Arc::new(matching), outer_ref_columns: outer, spans: test.subquery.spans.clone() };
    Ok(Expr::Exists(Exists::new(subquery, negated)))
}
