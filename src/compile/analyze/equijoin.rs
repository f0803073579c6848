//! Equalities in join conditions → keys. DataFusion keeps with a join one word on whether NULLs are equal, for all of its keys, and
//! adds keys later without asking: `a.k IS NOT DISTINCT FROM b.k AND a.n = b.n` may end with `n` compared like `k`. Here `=` becomes keys
//! while the plan is optimized, `IS NOT DISTINCT FROM` only afterwards, in joins without other keys.

use datafusion::common::NullEquality;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Join, LogicalPlan, Operator};
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;

/// DataFusion's rule of the same name, for `=` only.
#[derive(Debug, Default)]
pub(super) struct Equijoin {
    inner: ExtractEquijoinPredicate,
}

impl OptimizerRule for Equijoin {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.inner.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> PlanResult<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(mut join) = plan else { return Ok(Transformed::no(plan)) };
        if join.null_equality == NullEquality::NullEqualsNull && !join.on.is_empty() {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        }
        let conditions = join.filter.take().map(split_conjunction_owned).unwrap_or_default();
        let (null_equal, others): (Vec<Expr>, Vec<Expr>) = conditions.into_iter().partition(is_null_equal);
        join.filter = conjunction(others);
        let null_equality = join.null_equality;
        let rewritten = self.inner.rewrite(LogicalPlan::Join(join), config)?;
        Ok(rewritten.update_data(|plan| match plan {
            LogicalPlan::Join(join) => {
                let filter = conjunction(join.filter.into_iter().chain(null_equal));
                LogicalPlan::Join(Join { filter, null_equality, ..join })
            }
            other => other,
        }))
    }
}

/// The optimized plan with `IS NOT DISTINCT FROM` as keys of joins that have no others.
pub(super) fn with_null_equal_keys(plan: LogicalPlan, config: &dyn OptimizerConfig) -> PlanResult<LogicalPlan> {
    let rule = ExtractEquijoinPredicate;
    let rewritten = plan.transform_up(|node| match &node {
        LogicalPlan::Join(join) if join.on.is_empty() => rule.rewrite(node, config),
        _ => Ok(Transformed::no(node)),
    })?;
    Ok(rewritten.data)
}

fn is_null_equal(condition: &Expr) -> bool {
    matches!(condition, Expr::BinaryExpr(BinaryExpr { op: Operator::IsNotDistinctFrom, .. }))
}
