//! Refuses expressions that DataFusion would simplify to far larger ones: `coalesce(x, y)` becomes a CASE that has `x` twice, and nested
//! ones double at each level.

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;

use crate::error::{Error, code};

/// Parts of one expression at most, as it will be simplified.
const PARTS_MAX: u64 = 50_000;

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
