//! `SELECT DISTINCT ON (a) … ORDER BY a, b`: the first row of each `a` by the order. DataFusion takes the first value of each
//! column on its own, which mixes the columns of different rows when rows tie; `row_number() … = 1` takes one whole row.

use datafusion::common::Column;
use datafusion::error::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr_rewriter::{normalize_cols, normalize_sorts};
use datafusion::logical_expr::{Distinct, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{Expr, lit};

use super::numbered;

/// Replaces the node if it is a DISTINCT ON.
pub(super) fn rewrite(node: LogicalPlan, state: &SessionState) -> PlanResult<LogicalPlan> {
    let LogicalPlan::Distinct(Distinct::On(distinct)) = node else { return Ok(node) };
    let input = distinct.input;
    let partition = normalize_cols(distinct.on_expr, &input)?;
    let order = normalize_sorts(distinct.sort_expr.unwrap_or_default(), &input)?;
    let selected = normalize_cols(distinct.select_expr, &input)?;
    let plan = numbered("row_number", input, partition, order.clone(), state)?;
    let number = plan.schema().fields().len() - 1;
    let number = Expr::Column(Column::from(plan.schema().qualified_field(number)));
    let mut first = LogicalPlanBuilder::from(plan).filter(number.eq(lit(1_i64)))?;
    if !order.is_empty() {
        first = first.sort(order)?;
    }
    let columns = selected
        .into_iter()
        .zip(distinct.schema.iter())
        .map(|(expression, (qualifier, field))| expression.unalias().alias_qualified(qualifier.cloned(), field.name()));
    first.project(columns.collect::<Vec<_>>())?.build()
}
