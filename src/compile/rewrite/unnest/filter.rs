//! Subqueries in WHERE: what a row must pass becomes a semi or anti join, which keeps no more than it needs.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::Exists;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Filter, LogicalPlan};
use datafusion::prelude::Expr;

use super::attach::{is_one_row, uses};
use super::pull::Use;
use super::{Matched, Unnesting, has_subquery, joined, narrowed};

impl Unnesting<'_> {
    pub(super) fn filter(&self, filter: Filter) -> PlanResult<LogicalPlan> {
        let kept = filter.input.schema().columns();
        let mut plan = Arc::unwrap_or_clone(filter.input);
        let mut subqueries = Vec::new();
        let mut plain = Vec::new();
        for condition in split_conjunction_owned(filter.predicate) {
            if has_subquery(&condition)? { subqueries.push(condition) } else { plain.push(condition) }
        }
        plan = filtered(plan, plain)?;
        for condition in subqueries {
            plan = self.condition(plan, condition)?;
        }
        narrowed(plan, kept)
    }

    /// The rows of a plan that pass a condition with subqueries.
    fn condition(&self, plan: LogicalPlan, condition: Expr) -> PlanResult<LogicalPlan> {
        let (inner, negated) = match condition {
            Expr::Not(inner) => (*inner, true),
            other => (other, false),
        };
        match inner {
            Expr::Exists(Exists { subquery, negated: not }) => {
                let subquery = self.plan(Arc::unwrap_or_clone(subquery.subquery))?;
                if self.single(&plan, &subquery)?.is_none() {
                    let matched = self.matched(&plan, &subquery, Use::Presence)?;
                    if let Some(plan) = passing(&plan, matched, negated != not)? {
                        return Ok(plan);
                    }
                }
                let subquery = datafusion::logical_expr::Subquery {
                    subquery: Arc::new(subquery),
                    outer_ref_columns: Vec::new(),
                    spans: Default::default(),
                };
                self.general(plan, Expr::Exists(Exists { subquery, negated: not }), negated)
            }
            Expr::InSubquery(_) | Expr::SetComparison(_) if !has_subquery_inside(&inner)? => {
                let mut test = self.membership(inner.clone())?;
                test.negated = test.negated != negated;
                if self.single(&plan, &test.subquery)?.is_some() {
                    return self.general(plan, inner, negated);
                }
                let matched = self.candidates(&plan, &test)?;
                let Some(passed) = passing(&plan, matched, test.negated)? else {
                    return self.general(plan, inner, negated);
                };
                if !test.negated || !self.may_be_unknown(&plan, &test)? {
                    return Ok(passed);
                }
                let (passed, unknown) = self.unknown(passed, &test)?;
                filtered(passed, vec![!unknown])
            }
            other => self.general(plan, other, negated),
        }
    }

    /// The rows for which a value is true.
    fn general(&self, plan: LogicalPlan, condition: Expr, negated: bool) -> PlanResult<LogicalPlan> {
        let (plan, value) = self.value(plan, condition)?;
        filtered(plan, vec![if negated { !value } else { value }])
    }
}

/// The rows with a match, or those without; `None` if that takes more than a join.
fn passing(plan: &LogicalPlan, matched: Matched, without: bool) -> PlanResult<Option<LogicalPlan>> {
    let Matched { plan: right, conditions, .. } = matched;
    if is_one_row(&right) {
        return Ok(None);
    }
    let (inside, outside): (Vec<Expr>, Vec<Expr>) =
        conditions.into_iter().partition(|condition| uses(condition, &right));
    if without && !outside.is_empty() {
        return Ok(None);
    }
    let kind = if without { JoinType::LeftAnti } else { JoinType::LeftSemi };
    joined(filtered(plan.clone(), outside)?, right, kind, inside).map(Some)
}

/// Whether there are subqueries on the left side of an IN.
fn has_subquery_inside(expression: &Expr) -> PlanResult<bool> {
    match expression {
        Expr::InSubquery(test) => has_subquery(&test.expr),
        Expr::SetComparison(test) => has_subquery(&test.expr),
        _ => Ok(false),
    }
}

fn filtered(plan: LogicalPlan, conditions: Vec<Expr>) -> PlanResult<LogicalPlan> {
    match conjunction(conditions) {
        Some(predicate) => Ok(LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(plan))?)),
        None => Ok(plan),
    }
}
