//! GROUPING SETS, ROLLUP and CUBE by expressions, as the same by columns: what follows knows an expression by its name, which changes
//! when its types are told, and does not look into sets.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::GroupingSet;
use datafusion::logical_expr::{Aggregate, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::Expr;

/// The node with columns in its grouping sets. The output columns stay the same.
pub(super) fn rewrite(node: LogicalPlan) -> PlanResult<LogicalPlan> {
    let LogicalPlan::Aggregate(aggregate) = &node else { return Ok(node) };
    let [Expr::GroupingSet(sets)] = &aggregate.group_expr[..] else { return Ok(node) };
    let computed: Vec<Expr> =
        sets.distinct_expr().into_iter().filter(|key| !matches!(key, Expr::Column(_))).cloned().collect();
    if computed.is_empty() {
        return Ok(node);
    }
    let named = computed.iter().map(|key| {
        let (table, name) = key.qualified_name();
        key.clone().alias_qualified(table, name)
    });
    let columns = aggregate.input.schema().columns().into_iter().map(Expr::Column).chain(named);
    let input = LogicalPlanBuilder::from(Arc::clone(&aggregate.input)).project(columns)?.build()?;
    let column = |key: Expr| match computed.contains(&key) {
        true => {
            let (table, name) = key.qualified_name();
            Expr::Column(Column::new(table, name))
        }
        false => key,
    };
    let list = |keys: &[Expr]| keys.iter().cloned().map(column).collect();
    let sets = match sets {
        GroupingSet::Rollup(keys) => GroupingSet::Rollup(list(keys)),
        GroupingSet::Cube(keys) => GroupingSet::Cube(list(keys)),
        GroupingSet::GroupingSets(sets) => GroupingSet::GroupingSets(sets.iter().map(|keys| list(keys)).collect()),
    };
    let calls = aggregate.aggr_expr.iter().map(|call| match call {
        Expr::AggregateFunction(function) if function.func.name() == "grouping" => {
            let named = call.clone().map_children(|key| Ok(Transformed::yes(column(key))))?;
            Ok(named.data)
        }
        _ => Ok(call.clone()),
    });
    let calls = calls.collect::<PlanResult<_>>()?;
    Ok(LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input), vec![Expr::GroupingSet(sets)], calls)?))
}
