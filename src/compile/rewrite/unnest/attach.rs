//! Subqueries in expressions: the plan below gets columns from which the subquery's value is computed.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, JoinType};
use datafusion::error::Result as PlanResult;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::SetQuantifier;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, EmptyRelation, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Projection, when,
};
use datafusion::prelude::{Expr, lit};
use datafusion::scalar::ScalarValue;

use super::super::single_value::{only_value, single_value};
use super::guard::shielded;
use super::outer::depends;
use super::pull::Use;
use super::{Matched, Unnesting, column_at, columns, joined, unsupported};
use crate::compile::function::order::tagged::tagged;
use crate::types::SqlType;

/// `value operator ANY (subquery)`.
pub(super) struct Membership {
    pub(super) value: Expr,
    pub(super) operator: Operator,
    pub(super) subquery: LogicalPlan,
    /// NOT of all that.
    pub(super) negated: bool,
}

impl Unnesting<'_> {
    /// The input with what an expression's subqueries need, and the expression without subqueries.
    pub(super) fn value(&self, input: LogicalPlan, expression: Expr) -> PlanResult<(LogicalPlan, Expr)> {
        let expression = shielded(expression, input.schema())?;
        let mut input = input;
        let mut attach = |value: &dyn Fn(LogicalPlan) -> PlanResult<(LogicalPlan, Expr)>| {
            let (extended, value) = value(std::mem::take(&mut input))?;
            input = extended;
            Ok(Transformed::yes(value))
        };
        let expression = expression.transform_up(|part| match part {
            Expr::ScalarSubquery(subquery) => {
                let subquery = self.plan(Arc::unwrap_or_clone(subquery.subquery))?;
                attach(&|input| self.scalar(input, &subquery))
            }
            Expr::Exists(test) => {
                let subquery = self.plan(Arc::unwrap_or_clone(test.subquery.subquery))?;
                attach(&|input| {
                    let (input, found) = self.exists(input, &subquery)?;
                    Ok((input, if test.negated { !found } else { found }))
                })
            }
            Expr::InSubquery(_) | Expr::SetComparison(_) => {
                let membership = self.membership(part)?;
                attach(&|input| self.member(input, &membership))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok((input, expression.data))
    }

    /// `x [NOT] IN (…)`, `x < ANY (…)` or `x < ALL (…)`; other expressions are none.
    pub(super) fn membership(&self, expression: Expr) -> PlanResult<Membership> {
        match expression {
            Expr::InSubquery(test) => Ok(Membership {
                value: *test.expr,
                operator: Operator::Eq,
                subquery: self.plan(Arc::unwrap_or_clone(test.subquery.subquery))?,
                negated: test.negated,
            }),
            Expr::SetComparison(test) => {
                let all = test.quantifier == SetQuantifier::All;
                let operator = if all { test.op.negate() } else { Some(test.op) };
                Ok(Membership {
                    value: *test.expr,
                    operator: operator.ok_or_else(|| unsupported("ALL with this operator"))?,
                    subquery: self.plan(Arc::unwrap_or_clone(test.subquery.subquery))?,
                    negated: all,
                })
            }
            _ => Err(unsupported("this kind of subquery")),
        }
    }

    /// `(SELECT y …)`.
    fn scalar(&self, input: LogicalPlan, subquery: &LogicalPlan) -> PlanResult<(LogicalPlan, Expr)> {
        let (input, value) = self.only(input, subquery)?;
        Ok((input, typed((value, &subquery.schema().fields()[0]))))
    }

    fn only(&self, input: LogicalPlan, subquery: &LogicalPlan) -> PlanResult<(LogicalPlan, Expr)> {
        if let Some(single) = self.single(&input, subquery)? {
            let (input, outputs, having) = single.beside(input)?;
            let value = outputs.into_iter().next().ok_or_else(|| unsupported("a subquery without columns"))?;
            return Ok((input, where_true(having, value)?));
        }
        if subquery.max_rows().is_some_and(|rows| rows <= 1) {
            let matched = self.matched(&input, subquery, Use::Rows)?;
            if is_one_row(&matched.plan) {
                let value =
                    matched.outputs.into_iter().next().ok_or_else(|| unsupported("a subquery without columns"))?;
                return Ok((input, where_true(conjunction(matched.conditions), value)?));
            }
            let Matched { plan, conditions, outputs } = self.null_extended(matched)?;
            let value = outputs.into_iter().next().ok_or_else(|| unsupported("a subquery without columns"))?;
            return Ok((joined(input, plan, JoinType::Left, conditions)?, value));
        }
        let value = column_at(subquery.schema(), 0);
        let (rows, only) = (self.fresh(), self.fresh());
        let calls = vec![count_udaf().call(vec![lit(1_i64)]).alias(&rows), single_value(value).alias(&only)];
        let gathered = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(subquery.clone()), vec![], calls)?);
        let unqualified = |name: String| Expr::Column(Column::new_unqualified(name));
        let checked = only_value(unqualified(only), unqualified(rows)).alias(self.fresh());
        let plan = LogicalPlan::Projection(Projection::try_new(vec![checked], Arc::new(gathered))?);
        self.only(input, &plan)
    }

    /// `EXISTS (…)`.
    fn exists(&self, input: LogicalPlan, subquery: &LogicalPlan) -> PlanResult<(LogicalPlan, Expr)> {
        if let Some(single) = self.single(&input, subquery)? {
            if single.having.is_none() {
                return Ok((input, lit(true)));
            }
            let (input, _, having) = single.beside(input)?;
            return Ok((input, having.map_or(lit(true), Expr::is_true)));
        }
        let matched = self.matched(&input, subquery, Use::Presence)?;
        self.mark(input, matched)
    }

    /// Whether there is a match, as a value that is true or false.
    fn mark(&self, input: LogicalPlan, matched: Matched) -> PlanResult<(LogicalPlan, Expr)> {
        let Matched { plan, conditions, .. } = matched;
        let (inside, outside): (Vec<Expr>, Vec<Expr>) =
            conditions.into_iter().partition(|condition| uses(condition, &plan));
        let (input, found) = if is_one_row(&plan) {
            (input, lit(true))
        } else if inside.is_empty() {
            let (counted, rows) = self.counted(plan, vec![])?;
            (joined(input, counted, JoinType::Inner, vec![])?, rows[0].clone().gt(lit(0_i64)))
        } else {
            let name = self.fresh();
            let schema = Arc::clone(plan.schema());
            let right = LogicalPlanBuilder::from(plan).alias(&name)?.build()?;
            let named = columns(right.schema());
            let inside = inside.into_iter().map(|condition| super::outer::inlined(condition, &schema, &named));
            let inside = inside.collect::<PlanResult<Vec<_>>>()?;
            let marked = joined(input, right, JoinType::LeftMark, inside)?;
            (marked, Expr::Column(Column::new(Some(name), "mark")))
        };
        let passes = conjunction(outside).map(Expr::is_true);
        Ok((input, passes.map_or(found.clone(), |passes| passes.and(found))))
    }

    /// The number of rows of a plan, and of those for which each of `values` is not NULL: one row.
    fn counted(&self, plan: LogicalPlan, values: Vec<Expr>) -> PlanResult<(LogicalPlan, Vec<Expr>)> {
        let calls = std::iter::once(lit(1_i64)).chain(values);
        let (calls, names): (Vec<Expr>, Vec<String>) = calls
            .map(|value| {
                let name = self.fresh();
                (count_udaf().call(vec![value]).alias(&name), name)
            })
            .unzip();
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(plan), vec![], calls)?);
        Ok((plan, names.into_iter().map(|name| Expr::Column(Column::new_unqualified(name))).collect()))
    }

    /// `x operator ANY (…)`, which is unknown where no row says yes and some row does not say no.
    fn member(&self, input: LogicalPlan, test: &Membership) -> PlanResult<(LogicalPlan, Expr)> {
        let answer = |found: Expr| if test.negated { !found } else { found };
        if let Some(single) = self.single(&input, &test.subquery)? {
            let (input, outputs, having) = single.beside(input)?;
            let candidate = outputs.into_iter().next().ok_or_else(|| unsupported("a subquery without columns"))?;
            let compared = compared(test, candidate);
            let found = match having {
                None => compared,
                Some(having) => when(having, compared).otherwise(lit(false))?,
            };
            return Ok((input, answer(found)));
        }
        let may_be_unknown = self.may_be_unknown(&input, test)?;
        let (input, found) = self.found(input, test)?;
        if !may_be_unknown {
            return Ok((input, answer(found)));
        }
        let (input, unknown) = self.unknown(input, test)?;
        let found = when(found, lit(!test.negated)).when(unknown, lit(ScalarValue::Boolean(None)));
        Ok((input, { found }.otherwise(lit(test.negated))?))
    }

    /// Whether NULLs can make the answer unknown.
    pub(super) fn may_be_unknown(&self, input: &LogicalPlan, test: &Membership) -> PlanResult<bool> {
        Ok(test.value.nullable(input.schema())? || test.subquery.schema().field(0).is_nullable())
    }

    /// Whether some row says yes.
    fn found(&self, input: LogicalPlan, test: &Membership) -> PlanResult<(LogicalPlan, Expr)> {
        let matched = self.candidates(&input, test)?;
        self.mark(input, matched)
    }

    /// The rows that say yes.
    pub(super) fn candidates(&self, input: &LogicalPlan, test: &Membership) -> PlanResult<Matched> {
        let mut matched = self.matched(input, &test.subquery, Use::Values)?;
        let candidate = matched.outputs.first().cloned().ok_or_else(|| unsupported("a subquery without columns"))?;
        matched.conditions.push(compared(test, candidate));
        Ok(matched)
    }

    /// Whether some row says neither yes nor no, given that none says yes.
    pub(super) fn unknown(&self, input: LogicalPlan, test: &Membership) -> PlanResult<(LogicalPlan, Expr)> {
        let candidate = column_at(test.subquery.schema(), 0);
        let (counted, counts) = self.counted(test.subquery.clone(), vec![candidate])?;
        let (any, nulls) = (counts[0].clone().gt(lit(0_i64)), counts[0].clone().gt(counts[1].clone()));
        // Projected, so that the counts themselves, which change all the time, do not reach the join.
        let (counted, _) = self.projected(counted, vec![any, nulls])?;
        let single = self.single(&input, &counted)?.ok_or_else(|| unsupported("this kind of subquery"))?;
        let (input, outputs, _) = single.flags(self)?.beside(input)?;
        let [any, nulls] = outputs.as_slice() else { return Err(unsupported("this kind of subquery")) };
        Ok((input, test.value.clone().is_null().and(any.clone()).or(nulls.clone())))
    }

    /// The same with outputs that are NULL where a left join finds no match.
    pub(super) fn null_extended(&self, matched: Matched) -> PlanResult<Matched> {
        let Matched { plan, conditions, outputs } = matched;
        let is_own = |output: &Expr| matches!(output, Expr::Column(_)) && uses(output, &plan);
        if outputs.iter().all(is_own) {
            return Ok(Matched { plan, conditions, outputs });
        }
        let own: Vec<bool> = outputs.iter().map(is_own).collect();
        let name = self.fresh();
        let mut expressions = columns(plan.schema());
        expressions.push(lit(true).alias(&name));
        let plan = LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(plan))?);
        let marker = Expr::Column(Column::new_unqualified(name));
        let outputs = outputs.into_iter().zip(own);
        let outputs = outputs.map(|(output, own)| if own { Ok(output) } else { when(marker.clone(), output).end() });
        Ok(Matched { plan, conditions, outputs: outputs.collect::<PlanResult<_>>()? })
    }
}

impl super::single::Single {
    /// The same with boolean outputs computed below the join, so that only their changes pass it. Where the join has no row they are
    /// false.
    fn flags(mut self, unnesting: &Unnesting) -> PlanResult<Self> {
        let matched = self.matched;
        let mut expressions = columns(matched.plan.schema());
        let mut outputs = Vec::new();
        for output in matched.outputs {
            let name = unnesting.fresh();
            expressions.push(output.alias(&name));
            outputs.push(Expr::Column(Column::new_unqualified(name)).is_true());
        }
        let plan = LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(matched.plan))?);
        self.matched = Matched { plan, conditions: matched.conditions, outputs };
        Ok(self)
    }
}

/// `CASE WHEN condition THEN value END`, or the value if there is no condition.
pub(super) fn where_true(condition: Option<Expr>, value: Expr) -> PlanResult<Expr> {
    match condition {
        Some(condition) => when(condition, value).end(),
        None => Ok(value),
    }
}

/// What a column has become, of the column's type: CASE forgets what Arrow does not tell.
pub(super) fn typed((expression, column): (Expr, &FieldRef)) -> Expr {
    match expression {
        Expr::Case(_) => tagged(expression, &SqlType::of(column)),
        other => other,
    }
}

/// Whether an expression uses columns of a plan.
pub(super) fn uses(expression: &Expr, plan: &LogicalPlan) -> bool {
    expression.column_refs().iter().any(|column| plan.schema().maybe_index_of_column(column).is_some())
}

/// SELECT without FROM.
pub(super) fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row, .. }) => *produce_one_row,
        LogicalPlan::Projection(projection) => projection.expr.is_empty() && is_one_row(&projection.input),
        _ => false,
    }
}

fn compared(test: &Membership, candidate: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(test.value.clone()), test.operator, Box::new(candidate)))
}

/// Whether a plan's rows depend on those of an outer one.
pub(super) fn is_lateral(plan: &LogicalPlan, outer: &LogicalPlan) -> PlanResult<bool> {
    depends(plan, outer.schema())
}
