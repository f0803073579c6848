//! Subqueries that have exactly one row for each outer row: aggregations without GROUP BY, with projections and HAVING on top.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{Aggregate, Distinct, FetchType, LogicalPlan, SkipType};
use datafusion::prelude::Expr;

use super::outer::{in_outer, inlined, terms};
use super::push::{conditions, defaults};
use super::{Matched, Unnesting, columns, joined};

/// The one row of a subquery, unless `having` is not true.
pub(super) struct Single {
    /// To be joined from the left: where it has no row, the outputs are those over no rows.
    pub(super) matched: Matched,
    /// Over the columns of both plans.
    pub(super) having: Option<Expr>,
}

/// An aggregation and what is computed from its row.
struct Peeled<'a> {
    aggregate: &'a Aggregate,
    plan: &'a LogicalPlan,
    outputs: Vec<Expr>,
    having: Vec<Expr>,
}

impl Unnesting<'_> {
    /// The row of a subquery for each row of `outer`, if it is of this kind.
    pub(super) fn single(&self, outer: &LogicalPlan, subquery: &LogicalPlan) -> PlanResult<Option<Single>> {
        let Some(Peeled { aggregate, plan, outputs, having }) = peeled(subquery)? else { return Ok(None) };
        let wanted = terms(plan, outer.schema())?;
        let own = columns(&aggregate.schema);
        let width = own.len();
        let (plan, values, conditions) = if wanted.is_empty() {
            let (plan, columns) = self.projected(plan.clone(), own)?;
            (plan, columns, Vec::new())
        } else {
            let (plan, pushed) = self.grouped(aggregate, outer, &wanted)?;
            let all = own.into_iter().chain(pushed.terms).collect();
            let (plan, columns) = self.projected(plan, all)?;
            let conditions = conditions(outer.schema(), &wanted, &columns[width..], pushed.strict)?;
            let values = defaults(aggregate)?.into_iter();
            let values = values.map(|value| inlined(value, &aggregate.schema, &columns[..width]));
            (plan, values.collect::<PlanResult<Vec<Expr>>>()?, conditions)
        };
        let over = |expression: Expr| in_outer(inlined(expression, &aggregate.schema, &values)?, outer.schema());
        let outputs = outputs.into_iter().map(over).collect::<PlanResult<_>>()?;
        let having = having.into_iter().map(over).collect::<PlanResult<Vec<_>>>()?;
        let having = having.into_iter().reduce(Expr::and);
        Ok(Some(Single { matched: Matched { plan, conditions, outputs }, having }))
    }
}

impl Single {
    /// The outer plan with the columns of the row.
    pub(super) fn beside(self, outer: LogicalPlan) -> PlanResult<(LogicalPlan, Vec<Expr>, Option<Expr>)> {
        let Matched { plan, conditions, outputs } = self.matched;
        let kind = if conditions.is_empty() { JoinType::Inner } else { JoinType::Left };
        Ok((joined(outer, plan, kind, conditions)?, outputs, self.having))
    }
}

fn peeled(plan: &LogicalPlan) -> PlanResult<Option<Peeled<'_>>> {
    let input: &Arc<LogicalPlan> = match plan {
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => {
            let outputs = columns(&aggregate.schema);
            return Ok(Some(Peeled { aggregate, plan, outputs, having: Vec::new() }));
        }
        LogicalPlan::Projection(node) => &node.input,
        LogicalPlan::Filter(node) => &node.input,
        LogicalPlan::SubqueryAlias(node) => &node.input,
        LogicalPlan::Sort(node) => &node.input,
        LogicalPlan::Distinct(Distinct::All(input)) => input,
        LogicalPlan::Limit(node) => {
            let some = matches!(node.get_fetch_type()?, FetchType::Literal(None | Some(1..)));
            if !some || !matches!(node.get_skip_type()?, SkipType::Literal(0)) {
                return Ok(None);
            }
            &node.input
        }
        _ => return Ok(None),
    };
    let Some(mut below) = peeled(input)? else { return Ok(None) };
    let over = |expression: &Expr, outputs: &[Expr]| inlined(expression.clone(), input.schema(), outputs);
    match plan {
        LogicalPlan::Projection(node) => {
            let expressions = node.expr.iter().map(|expression| over(expression, &below.outputs));
            below.outputs = expressions.collect::<PlanResult<_>>()?;
        }
        LogicalPlan::Filter(node) => {
            below.having.extend(split_conjunction_owned(over(&node.predicate, &below.outputs)?));
        }
        _ => {}
    }
    Ok(Some(below))
}
