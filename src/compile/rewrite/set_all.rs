//! EXCEPT ALL and INTERSECT ALL. DataFusion plans them as anti and semi joins, which drop or keep all copies of a row together:
//! {1,1,1,2} EXCEPT ALL {1} lost every 1. Copies that are numbered first cancel one by one:
//! copy n of a row stays (or goes) if the other side has a copy n.

use std::sync::Arc;

use datafusion::common::{Column, NullEquality};
use datafusion::error::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Distinct, Join, JoinType, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::Expr;

use super::numbered;

/// Replaces the node if it is an EXCEPT ALL or INTERSECT ALL.
pub(super) fn rewrite(node: LogicalPlan, state: &SessionState) -> PlanResult<LogicalPlan> {
    let join = match node {
        LogicalPlan::Join(join) if is_set_operation(&join) && !is_distinct(&join.left) => join,
        other => return Ok(other),
    };
    let kept: Vec<Expr> = columns(&join.left);
    let left = with_copy_number(join.left, "__left_copy", state)?;
    let right = with_copy_number(join.right, "__right_copy", state)?;
    let mut on = join.on;
    on.push((
        Expr::Column(Column::new_unqualified("__left_copy")),
        Expr::Column(Column::new_unqualified("__right_copy")),
    ));
    let numbered = Join::try_new(
        Arc::new(left),
        Arc::new(right),
        on,
        join.filter,
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    LogicalPlanBuilder::from(LogicalPlan::Join(numbered)).project(kept)?.build()
}

/// Whether a join of an unoptimized plan stands for EXCEPT or INTERSECT: nothing else compares NULLs as equal there.
pub(in crate::compile) fn is_set_operation(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
}

/// EXCEPT and INTERSECT without ALL, or over rows that are distinct anyway, where joins are right.
fn is_distinct(input: &LogicalPlan) -> bool {
    match input {
        LogicalPlan::Distinct(Distinct::All(_)) => true,
        LogicalPlan::SubqueryAlias(alias) => is_distinct(&alias.input),
        _ => false,
    }
}

fn with_copy_number(input: Arc<LogicalPlan>, name: &str, state: &SessionState) -> PlanResult<LogicalPlan> {
    let all = columns(&input);
    let plan = numbered("row_number", input, all.clone(), Vec::new(), state)?;
    let number = Expr::Column(Column::from(plan.schema().qualified_field(all.len())));
    let mut expressions = all;
    expressions.push(number.alias(name));
    LogicalPlanBuilder::from(plan).project(expressions)?.build()
}

fn columns(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().columns().into_iter().map(Expr::Column).collect()
}
