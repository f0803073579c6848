//! Refuses what grows without measure: expressions that DataFusion would simplify to far larger ones (`coalesce(x, y)` becomes a CASE
//! that has `x` twice, and nested ones double at each level), and plans that name the same query again and again (each name stands for
//! all of it).

use std::collections::HashMap;

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;

use crate::error::{Error, code};

/// Parts of one expression at most, as it will be simplified.
const PARTS_MAX: u64 = 50_000;

/// Nodes of one plan at most, counted as often as they occur.
const NODES_MAX: u64 = 5_000;

/// Functions whose arguments but the last are repeated.
const REPEATING: [&str; 4] = ["coalesce", "ifnull", "nvl", "nvl2"];

/// 54001 for a plan with an expression that grows beyond all measure.
pub(super) fn check(plan: &LogicalPlan) -> PlanResult<()> {
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            if parts(expression)? <= PARTS_MAX {
                return Ok(TreeNodeRecursion::Continue);
            }
            let error = Error::new(code::STATEMENT_TOO_COMPLEX, "statement is too complex");
            Err(DataFusionError::External(Box::new(error.hint("nest fewer calls of coalesce"))))
        })
    })?;
    Ok(())
}

/// 54001 for a plan of very many nodes. Takes no longer than the plan has different nodes.
pub(super) fn check_size(plan: &LogicalPlan) -> PlanResult<()> {
    if nodes(plan, &mut HashMap::new())? <= NODES_MAX {
        return Ok(());
    }
    let error = Error::new(code::STATEMENT_TOO_COMPLEX, "statement is too complex");
    let hint = "it names queries or views that name others several times; make materialized views of some of them";
    Err(DataFusionError::External(Box::new(error.hint(hint))))
}

/// The nodes of a plan. What occurs several times is one value in memory.
fn nodes(plan: &LogicalPlan, known: &mut HashMap<*const LogicalPlan, u64>) -> PlanResult<u64> {
    let address: *const LogicalPlan = plan;
    if let Some(known) = known.get(&address) {
        return Ok(*known);
    }
    let mut sum = 1_u64;
    for input in plan.inputs() {
        sum = sum.saturating_add(nodes(input, known)?);
    }
    plan.apply_subqueries(|subquery| {
        // The node around it is made for the visit only.
        if let LogicalPlan::Subquery(subquery) = subquery {
            sum = sum.saturating_add(nodes(&subquery.subquery, known)?);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    known.insert(address, sum);
    Ok(sum)
}

fn parts(expression: &Expr) -> PlanResult<u64> {
    let (mut sum, mut last) = (0_u64, 0);
    expression.apply_children(|child| {
        last = parts(child)?;
        sum = sum.saturating_add(last);
        Ok(TreeNodeRecursion::Continue)
    })?;
    let repeats = matches!(expression, Expr::ScalarFunction(call) if REPEATING.contains(&call.func.name()));
    let repeated = if repeats { sum - last } else { 0 };
    Ok(sum.saturating_add(repeated).saturating_add(1))
}
