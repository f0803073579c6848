//! Conditions that are true for no row, such as `x = NULL`: nothing is left of what they filter or join. DataFusion pushes a condition
//! without columns as far down as it can, also below aggregations that have a row for no rows (`GROUP BY ROLLUP (k)`).

use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{EmptyRelation, Join, JoinType, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

/// The rule; to be applied before filters are pushed, when constants are folded.
#[derive(Debug, Default)]
pub(in crate::compile) struct Never;

impl OptimizerRule for Never {
    fn name(&self) -> &str {
        "never_true"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> PlanResult<Transformed<LogicalPlan>> {
        Ok(match plan {
            LogicalPlan::Filter(filter) if is_never_true(&filter.predicate) => {
                Transformed::yes(empty(filter.input.schema()))
            }
            LogicalPlan::Join(join) if join.filter.as_ref().is_some_and(is_never_true) => joined(join),
            other => Transformed::no(other),
        })
    }
}

/// A join whose condition is never true.
fn joined(join: Join) -> Transformed<LogicalPlan> {
    let left = Arc::new(empty(join.left.schema()));
    let right = Arc::new(empty(join.right.schema()));
    match join.join_type {
        JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => Transformed::yes(empty(&join.schema)),
        JoinType::Left | JoinType::LeftMark | JoinType::LeftAnti if !join.null_aware => {
            Transformed::yes(LogicalPlan::Join(Join { right, filter: None, ..join }))
        }
        JoinType::Right | JoinType::RightMark | JoinType::RightAnti => {
            Transformed::yes(LogicalPlan::Join(Join { left, filter: None, ..join }))
        }
        _ => Transformed::no(LogicalPlan::Join(join)),
    }
}

fn empty(schema: &DFSchemaRef) -> LogicalPlan {
    LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::clone(schema) })
}

fn is_never_true(condition: &Expr) -> bool {
    let never = |part: &&Expr| match part {
        Expr::Literal(ScalarValue::Boolean(value), _) => *value != Some(true),
        Expr::Literal(value, _) => value.is_null(),
        _ => false,
    };
    split_conjunction(condition).iter().any(never)
}
