//! Refuses plans that name the same queries again and again: each name stands for all of it, so a plan may double with each step.

use std::collections::HashMap;

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::LogicalPlan;

use crate::error::{Error, code};

/// Nodes of one plan at most, counted as often as they occur.
const NODES_MAX: u64 = 5_000;

/// 54001 for a plan of very many nodes. Takes no longer than the plan has different nodes.
pub(in crate::compile) fn check(plan: &LogicalPlan) -> PlanResult<()> {
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
