//! Outer columns into joins.

use std::sync::Arc;

use datafusion::common::{Column, JoinType};
use datafusion::error::Result as PlanResult;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Join, LogicalPlan, Projection};
use datafusion::prelude::Expr;

use super::outer::{depends, expression_depends, terms, with_terms};
use super::push::{Pushed, named, same};
use super::{Unnesting, columns, unsupported};

impl Unnesting<'_> {
    pub(super) fn push_join(&self, node: &Join, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        match node.join_type {
            JoinType::Right => return self.push(&exchanged(node)?, outer, wanted),
            JoinType::Full => return self.push_full_join(node, outer, wanted),
            _ => {}
        }
        let inner = node.join_type == JoinType::Inner;
        let one_sided =
            matches!(node.join_type, JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark);
        if !inner && !one_sided {
            return Err(unsupported("a join of this kind over columns of the outer query"));
        }
        let in_right = terms(&node.right, outer.schema())?;
        let in_left = depends(&node.left, outer.schema())?;
        let mut in_condition = false;
        for condition in node.on.iter().flat_map(|(left, right)| [left, right]).chain(&node.filter) {
            in_condition |= expression_depends(condition, outer.schema())?;
        }
        if inner && !in_left && !in_condition {
            let right = self.push(&node.right, outer, wanted)?;
            let plan = LogicalPlan::Join(with_inputs(node, Arc::clone(&node.left), Arc::new(right.plan), vec![])?);
            return Ok(Pushed { plan, ..right });
        }
        let left = self.push(&node.left, outer, wanted)?;
        let mut more = Vec::new();
        let right = if in_right.is_empty() {
            Arc::clone(&node.right)
        } else {
            let right = self.push(&node.right, outer, &in_right)?;
            let right =
                if node.join_type == JoinType::LeftMark { self.of_one_name(right, &node.right)? } else { right };
            for (term, column) in in_right.iter().zip(right.terms) {
                let at = wanted.iter().position(|wanted| wanted == term);
                let mine = at.and_then(|at| left.terms.get(at)).cloned();
                let mine = mine.ok_or_else(|| unsupported("a join over columns of the outer query"))?;
                more.push(same(mine, column, right.strict));
            }
            Arc::new(right.plan)
        };
        let mut join = with_inputs(node, Arc::new(left.plan), right, more)?;
        join.on = join
            .on
            .into_iter()
            .map(|(one, other)| Ok((with_terms(one, wanted, &left.terms)?, with_terms(other, wanted, &left.terms)?)))
            .collect::<PlanResult<_>>()?;
        join.filter = join.filter.map(|filter| with_terms(filter, wanted, &left.terms)).transpose()?;
        Ok(Pushed { plan: LogicalPlan::Join(join), terms: left.terms, strict: left.strict })
    }

    /// The same with all columns under the name of the plan's own, which is the name of the mark, too.
    fn of_one_name(&self, pushed: Pushed, own: &LogicalPlan) -> PlanResult<Pushed> {
        let Some((Some(table), _)) = own.schema().iter().next() else { return Ok(pushed) };
        let names: Vec<String> = pushed.terms.iter().map(|_| self.fresh()).collect();
        let named = pushed.terms.into_iter().zip(&names);
        let named = named.map(|(term, name)| term.alias_qualified(Some(table.clone()), name));
        let columns = columns(own.schema()).into_iter().chain(named).collect();
        let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(pushed.plan))?);
        let terms = names.into_iter().map(|name| Expr::Column(Column::new(Some(table.clone()), name))).collect();
        Ok(Pushed { plan, terms, ..pushed })
    }

    /// FULL JOIN: both sides for each value of the terms; a row without a match has those of its own side.
    fn push_full_join(&self, node: &Join, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        let side = |input: &LogicalPlan| -> PlanResult<(Pushed, LogicalPlan, Vec<Expr>)> {
            let pushed = self.push(input, outer, wanted)?;
            let own = columns(input.schema());
            let width = own.len();
            // Terms of both sides need names of their own.
            let names: Vec<String> = wanted.iter().map(|_| self.fresh()).collect();
            let renamed = pushed.terms.iter().cloned().zip(&names).map(|(term, name)| term.alias(name));
            let all = own.into_iter().chain(renamed).collect();
            let plan = LogicalPlan::Projection(Projection::try_new(all, Arc::new(pushed.plan.clone()))?);
            let terms = columns(plan.schema()).split_off(width);
            Ok((pushed, plan, terms))
        };
        let ((left, left_plan, left_terms), (right, right_plan, right_terms)) = (side(&node.left)?, side(&node.right)?);
        let is_strict = left.strict || right.strict;
        let pairs = left_terms.iter().zip(&right_terms);
        let equal = pairs.clone().map(|(one, other)| same(one.clone(), other.clone(), is_strict)).collect();
        let mut join = with_inputs(node, Arc::new(left_plan), Arc::new(right_plan), equal)?;
        let on = join
            .on
            .into_iter()
            .map(|(one, other)| Ok((with_terms(one, wanted, &left_terms)?, with_terms(other, wanted, &right_terms)?)));
        join.on = on.collect::<PlanResult<_>>()?;
        join.filter = join.filter.map(|filter| with_terms(filter, wanted, &left_terms)).transpose()?;
        let names: Vec<String> = wanted.iter().map(|_| self.fresh()).collect();
        let either =
            pairs.zip(&names).map(|((one, other), name)| coalesce(vec![one.clone(), other.clone()]).alias(name));
        let own = named(&columns(&node.schema), &node.schema, &[], &[])?;
        let width = own.len();
        let all = own.into_iter().chain(either).collect();
        let plan = LogicalPlan::Projection(Projection::try_new(all, Arc::new(LogicalPlan::Join(join)))?);
        let terms = columns(plan.schema()).split_off(width);
        Ok(Pushed { plan, terms, strict: left.strict && right.strict })
    }
}

/// A right join as a left one.
fn exchanged(node: &Join) -> PlanResult<LogicalPlan> {
    let on = node.on.iter().map(|(left, right)| (right.clone(), left.clone())).collect();
    let (left, right) = (Arc::clone(&node.right), Arc::clone(&node.left));
    let join = Join::try_new(
        left,
        right,
        on,
        node.filter.clone(),
        JoinType::Left,
        node.join_constraint,
        node.null_equality,
        node.null_aware,
    )?;
    let columns = columns(&node.schema);
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(LogicalPlan::Join(join)))?))
}

fn with_inputs(node: &Join, left: Arc<LogicalPlan>, right: Arc<LogicalPlan>, more: Vec<Expr>) -> PlanResult<Join> {
    let filter = node.filter.iter().cloned().chain(more).reduce(Expr::and);
    Join::try_new(
        left,
        right,
        node.on.clone(),
        filter,
        node.join_type,
        node.join_constraint,
        node.null_equality,
        node.null_aware,
    )
}
