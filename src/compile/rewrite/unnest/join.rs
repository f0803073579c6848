//! LATERAL, and subqueries in the conditions of joins.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Filter, Join, LogicalPlan, Projection};
use datafusion::prelude::Expr;

use super::attach::{is_lateral, typed, uses, where_true};
use super::outer::inlined;
use super::pull::Use;
use super::single::Single;
use super::{Matched, Unnesting, columns, has_subquery, joined, narrowed, unsupported};

impl Unnesting<'_> {
    pub(super) fn join(&self, join: Join) -> PlanResult<LogicalPlan> {
        if is_lateral(&join.right, &join.left)? {
            return self.lateral(join);
        }
        let mut found = false;
        for condition in join.on.iter().flat_map(|(left, right)| [left, right]).chain(&join.filter) {
            found |= has_subquery(condition)?;
        }
        match join.join_type {
            _ if !found => Ok(LogicalPlan::Join(join)),
            JoinType::Inner => {
                let (subqueries, plain) = self.split(&join)?;
                let (left, right) = (Arc::unwrap_or_clone(join.left), Arc::unwrap_or_clone(join.right));
                self.filtered(joined(left, right, JoinType::Inner, plain)?, subqueries)
            }
            _ => self.condition_on_sides(join),
        }
    }

    /// The conditions of a join with subqueries, and those without.
    fn split(&self, join: &Join) -> PlanResult<(Vec<Expr>, Vec<Expr>)> {
        let (mut subqueries, mut plain) = (Vec::new(), Vec::new());
        let all = join.on.iter().map(|(left, right)| left.clone().eq(right.clone())).chain(join.filter.clone());
        for condition in all.flat_map(split_conjunction_owned) {
            if has_subquery(&condition)? { subqueries.push(condition) } else { plain.push(condition) }
        }
        Ok((subqueries, plain))
    }

    fn filtered(&self, plan: LogicalPlan, conditions: Vec<Expr>) -> PlanResult<LogicalPlan> {
        match conjunction(conditions) {
            Some(predicate) => self.node(LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(plan))?)),
            None => Ok(plan),
        }
    }

    /// Subqueries in the condition of an outer join: each is computed on the side whose columns it uses.
    fn condition_on_sides(&self, join: Join) -> PlanResult<LogicalPlan> {
        let kept = join.schema.columns();
        let (subqueries, mut conditions) = self.split(&join)?;
        let (mut left, mut right) = (Arc::unwrap_or_clone(join.left), Arc::unwrap_or_clone(join.right));
        for condition in subqueries {
            let condition = condition.transform_down(|part| {
                if !matches!(
                    part,
                    Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_)
                ) {
                    return Ok(Transformed::no(part));
                }
                let (from_left, from_right) = (needs(&part, &left)?, needs(&part, &right)?);
                let side = match (from_left, from_right) {
                    (true, true) => {
                        return Err(unsupported("a subquery over both sides in the condition of an outer join"));
                    }
                    (false, true) => &mut right,
                    _ => &mut left,
                };
                let (plan, value) = self.value(std::mem::take(side), part)?;
                *side = plan;
                Ok(Transformed::yes(value))
            })?;
            conditions.push(condition.data);
        }
        narrowed(joined(left, right, join.join_type, conditions)?, kept)
    }

    /// `FROM a, LATERAL (SELECT … a.x …) s`.
    fn lateral(&self, join: Join) -> PlanResult<LogicalPlan> {
        let outer = match join.join_type {
            JoinType::Inner => false,
            JoinType::Left => true,
            _ => return Err(unsupported("LATERAL in this kind of join")),
        };
        let (subqueries, on) = self.split(&join)?;
        if outer && !subqueries.is_empty() {
            return Err(unsupported("a subquery in the condition of LEFT JOIN LATERAL"));
        }
        let schema = Arc::clone(&join.schema);
        let (left, right) = (Arc::unwrap_or_clone(join.left), Arc::unwrap_or_clone(join.right));
        let own = columns(left.schema());
        let over = |outputs: &[Expr]| -> PlanResult<Vec<Expr>> {
            on.iter().map(|condition| inlined(condition.clone(), right.schema(), outputs)).collect()
        };
        let typed = |outputs: Vec<Expr>| outputs.into_iter().zip(right.schema().fields()).map(typed).collect();
        let (plan, outputs) = match self.single(&left, &right)? {
            Some(single) => {
                let (plan, outputs) = self.beside_single(single, left, over, outer)?;
                (plan, typed(outputs))
            }
            None => {
                let mut matched = self.matched(&left, &right, Use::Rows)?;
                if outer {
                    matched = self.null_extended(matched)?;
                }
                let Matched { plan, mut conditions, outputs } = matched;
                let outputs: Vec<Expr> = typed(outputs);
                conditions.extend(over(&outputs)?);
                let kind = if outer { JoinType::Left } else { JoinType::Inner };
                (joined(left, plan, kind, conditions)?, outputs)
            }
        };
        let named = own.into_iter().chain(outputs).zip(schema.iter());
        let named = named.map(|(expression, (qualifier, field))| match &expression {
            Expr::Column(column) if column.relation.as_ref() == qualifier && column.name == *field.name() => expression,
            _ => expression.alias_qualified(qualifier.cloned(), field.name()),
        });
        let plan = LogicalPlan::Projection(Projection::try_new(named.collect(), Arc::new(plan))?);
        self.filtered(plan, subqueries)
    }

    /// A subquery that has one row for each outer row: conditions come after the join.
    fn beside_single(
        &self,
        single: Single,
        left: LogicalPlan,
        on: impl Fn(&[Expr]) -> PlanResult<Vec<Expr>>,
        outer: bool,
    ) -> PlanResult<(LogicalPlan, Vec<Expr>)> {
        let (plan, outputs, having) = single.beside(left)?;
        let condition = conjunction(on(&outputs)?.into_iter().chain(having));
        if !outer {
            return Ok((
                match condition {
                    Some(condition) => LogicalPlan::Filter(Filter::try_new(condition, Arc::new(plan))?),
                    None => plan,
                },
                outputs,
            ));
        }
        let outputs = outputs.into_iter().map(|output| where_true(condition.clone(), output));
        Ok((plan, outputs.collect::<PlanResult<_>>()?))
    }
}

/// Whether a subquery, or what it is compared with, uses columns of a plan.
fn needs(part: &Expr, plan: &LogicalPlan) -> PlanResult<bool> {
    let subquery = match part {
        Expr::Exists(test) => &test.subquery,
        Expr::InSubquery(test) => &test.subquery,
        Expr::SetComparison(test) => &test.subquery,
        Expr::ScalarSubquery(subquery) => subquery,
        _ => return Ok(false),
    };
    let refers = |reference: &Expr| matches!(reference, Expr::OuterReferenceColumn(_, column) if plan.schema().maybe_index_of_column(column).is_some());
    Ok(uses(part, plan) || subquery.subquery.all_out_ref_exprs().iter().any(refers))
}
