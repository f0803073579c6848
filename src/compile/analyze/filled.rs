//! Outer joins and grouping sets in SELECTs. DataFusion takes a column that is a literal below, in the rows that are filled up with NULLs, for
//! constant above too, and leaves out sorts by it. So each of them gets an operator around it that hands on rows and claims nothing of
//! them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchemaRef, plan_datafusion_err};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Extension, JoinType, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::Expr;

use super::one_by_one::OneByOneExec;

/// Puts the operator around outer joins and grouping sets; to be called on the optimized plan of a SELECT.
pub(super) fn guarded(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    let guarded = plan.transform_up_with_subqueries(|node| {
        let fills = match &node {
            LogicalPlan::Join(join) => matches!(join.join_type, JoinType::Left | JoinType::Right | JoinType::Full),
            LogicalPlan::Aggregate(aggregate) => matches!(aggregate.group_expr[..], [Expr::GroupingSet(_)]),
            _ => false,
        };
        if !fills {
            return Ok(Transformed::no(node));
        }
        Ok(Transformed::yes(LogicalPlan::Extension(Extension { node: Arc::new(Filled { input: node }) })))
    });
    Ok(guarded?.data)
}

/// The logical node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Filled {
    input: LogicalPlan,
}

// A derived one would have to compare plans, which are ordered only in part.
impl PartialOrd for Filled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        if self == other { Some(Ordering::Equal) } else { None }
    }
}

impl UserDefinedLogicalNodeCore for Filled {
    fn name(&self) -> &str {
        "Filled"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Filled")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> PlanResult<Self> {
        let input = inputs.into_iter().next().ok_or_else(|| plan_datafusion_err!("what is filled up is one input"))?;
        Ok(Filled { input })
    }
}

/// Plans the node.
#[derive(Debug)]
pub(in crate::compile) struct Planner;

#[async_trait]
impl ExtensionPlanner for Planner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> PlanResult<Option<Arc<dyn ExecutionPlan>>> {
        match (node.as_any().downcast_ref::<Filled>(), physical_inputs) {
            (Some(_), [input]) => Ok(Some(Arc::new(OneByOneExec::new(Arc::clone(input))))),
            _ => Ok(None),
        }
    }
}
