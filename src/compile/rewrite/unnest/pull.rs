//! Conditions out of a subquery: `(SELECT y FROM b WHERE b.k = a.k AND b.z < a.z)` is the rows of `b` that match `b.k = a.k AND
//! b.z < a.z`, as long as only projections, filters and inner joins are in between.

use datafusion::common::DFSchema;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{Distinct, FetchType, Join, JoinType, LogicalPlan, SkipType};
use datafusion::prelude::Expr;

use super::outer::{depends, expression_depends, in_outer, inlined};
use super::{Matched, Unnesting, columns, joined};

/// What the outer query wants of a subquery's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// All of them.
    Rows,
    /// Their values, however often.
    Values,
    /// Whether there are some.
    Presence,
}

/// A plan without outer columns, conditions on its rows and expressions over them; both may name outer columns.
struct Pulled {
    plan: LogicalPlan,
    conditions: Vec<Expr>,
    outputs: Vec<Expr>,
}

impl Unnesting<'_> {
    /// The rows of a subquery for each row of `outer`.
    pub(super) fn matched(&self, outer: &LogicalPlan, subquery: &LogicalPlan, wanted: Use) -> PlanResult<Matched> {
        if let Some(pulled) = self.pull(subquery, outer.schema(), wanted)? {
            let Pulled { plan, conditions, outputs } = self.apart(pulled)?;
            let here = |expressions: Vec<Expr>| -> PlanResult<Vec<Expr>> {
                expressions.into_iter().map(|expression| in_outer(expression, outer.schema())).collect()
            };
            return Ok(Matched { plan, conditions: here(conditions)?, outputs: here(outputs)? });
        }
        self.pushed(outer, subquery)
    }

    fn pull(&self, plan: &LogicalPlan, outer: &DFSchema, wanted: Use) -> PlanResult<Option<Pulled>> {
        if !depends(plan, outer)? {
            let outputs = columns(plan.schema());
            return Ok(Some(Pulled { plan: plan.clone(), conditions: Vec::new(), outputs }));
        }
        let input = match plan {
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::Filter(filter) => &filter.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => &sort.input,
            LogicalPlan::Distinct(Distinct::All(input)) if wanted != Use::Rows => input,
            LogicalPlan::Limit(limit) if wanted == Use::Presence => {
                let some = matches!(limit.get_fetch_type()?, FetchType::Literal(None | Some(1..)));
                if !some || !matches!(limit.get_skip_type()?, SkipType::Literal(0)) {
                    return Ok(None);
                }
                &limit.input
            }
            LogicalPlan::Join(join) if join.join_type == JoinType::Inner => return self.pull_join(join, outer, wanted),
            _ => return Ok(None),
        };
        let Some(mut pulled) = self.pull(input, outer, wanted)? else { return Ok(None) };
        match plan {
            LogicalPlan::Projection(projection) => {
                let expressions = projection.expr.iter();
                pulled.outputs = expressions
                    .map(|expression| inlined(expression.clone(), input.schema(), &pulled.outputs))
                    .collect::<PlanResult<_>>()?;
            }
            LogicalPlan::Filter(filter) => {
                let predicate = inlined(filter.predicate.clone(), input.schema(), &pulled.outputs)?;
                pulled.conditions.extend(split_conjunction_owned(predicate));
            }
            _ => {}
        }
        Ok(Some(pulled))
    }

    fn pull_join(&self, join: &Join, outer: &DFSchema, wanted: Use) -> PlanResult<Option<Pulled>> {
        let (Some(left), Some(right)) = (self.pull(&join.left, outer, wanted)?, self.pull(&join.right, outer, wanted)?)
        else {
            return Ok(None);
        };
        let (left, right) = (self.apart(left)?, self.apart(right)?);
        let mut outputs = left.outputs;
        outputs.extend(right.outputs);
        let mut conditions = left.conditions;
        conditions.extend(right.conditions);
        let mut inner = Vec::new();
        let all = join.on.iter().map(|(left, right)| left.clone().eq(right.clone())).chain(join.filter.clone());
        for condition in all.flat_map(split_conjunction_owned) {
            let condition = inlined(condition, &join.schema, &outputs)?;
            if expression_depends(&condition, outer)? { conditions.push(condition) } else { inner.push(condition) }
        }
        let plan = joined(left.plan, right.plan, JoinType::Inner, inner)?;
        Ok(Some(Pulled { plan, conditions, outputs }))
    }

    /// The same over columns that have names which nothing else has.
    fn apart(&self, pulled: Pulled) -> PlanResult<Pulled> {
        let Pulled { plan, conditions, outputs } = pulled;
        let schema = std::sync::Arc::clone(plan.schema());
        let (plan, named) = self.renamed(plan)?;
        let over = |expressions: Vec<Expr>| -> PlanResult<Vec<Expr>> {
            expressions.into_iter().map(|expression| inlined(expression, &schema, &named)).collect()
        };
        Ok(Pulled { plan, conditions: over(conditions)?, outputs: over(outputs)? })
    }
}
