//! Expressions in GROUPING SETS, ROLLUP and CUBE: they are computed below the aggregation, which groups by their columns.

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Aggregate, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::Expr;

use super::types::column;

/// The expressions of an aggregation's grouping sets as a projection of its input, and the aggregation over columns only; `None` if it is so
/// already.
pub(super) fn computed(aggregate: &Aggregate) -> PlanResult<Option<(LogicalPlan, Aggregate)>> {
    if !matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]) {
        return Ok(None);
    }
    let input = aggregate.input.schema();
    let mut found: Vec<Expr> = Vec::new();
    for part in grouping_set_to_exprlist(&aggregate.group_expr)? {
        let is_new = !found.contains(part) && input.fields_with_unqualified_name(&name_of(part)).is_empty();
        if !matches!(part, Expr::Column(_)) && is_new {
            found.push(part.clone());
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let columns = (0..input.fields().len()).map(|position| column(input, position));
    let columns = columns.chain(found.iter().map(|part| part.clone().alias(name_of(part))));
    let projection = LogicalPlanBuilder::from(aggregate.input.as_ref().clone()).project(columns)?.build()?;
    let by_column = |part: Expr| -> PlanResult<Expr> {
        let replaced = part.transform_down(|part| match found.contains(&part) {
            true => Ok(Transformed::yes(Expr::Column(Column::new_unqualified(name_of(&part))))),
            false => Ok(Transformed::no(part)),
        })?;
        Ok(replaced.data)
    };
    let groups = aggregate.group_expr.iter().cloned().map(by_column).collect::<PlanResult<Vec<_>>>()?;
    let calls = aggregate.aggr_expr.iter().cloned().map(|call| {
        let name = name_of(&call);
        let call = by_column(call)?;
        Ok(if name_of(&call) == name { call } else { call.alias(name) })
    });
    let calls = calls.collect::<PlanResult<Vec<_>>>()?;
    let over = Aggregate::try_new(std::sync::Arc::new(projection.clone()), groups, calls)?;
    Ok(Some((projection, over)))
}

fn name_of(part: &Expr) -> String {
    part.schema_name().to_string()
}
