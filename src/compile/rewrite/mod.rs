//! Rules on the logical plan before types are made alike and before anything is optimized: constructs that DataFusion plans, but
//! with other results than PostgreSQL's, are replaced by constructs that it gets right.

// DISTINCT ON → first row by `row_number()`.
mod distinct_on;
// Elements of arrays as rows.
pub(in crate::compile) mod elements;
// Grouping sets of expressions.
mod grouping;
// LATERAL over functions → projections and unnesting.
mod lateral;
pub(in crate::compile) mod never;
// EXCEPT and INTERSECT → one node over the rows of both sides.
pub(in crate::compile) mod set_operation;
// Parts of a view's plan that occur several times.
pub(in crate::compile) mod shared;
// The value of a subquery's only row.
mod single_value;
// Plans that are too large.
pub(in crate::compile) mod size;
// Subqueries and LATERAL → joins.
mod unnest;
// FETCH FIRST … WITH TIES → first ranks.
pub(in crate::compile) mod with_ties;

use std::sync::Arc;

use datafusion::common::plan_datafusion_err;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::{Sort, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFunctionDefinition};
use datafusion::prelude::Expr;

pub(in crate::compile) use single_value::SINGLE_VALUE;
pub(in crate::compile) use unnest::unnest;

/// The plan with exact constructs, inner queries included. The output columns stay the same.
pub(in crate::compile) fn exact(plan: LogicalPlan, state: &SessionState) -> PlanResult<LogicalPlan> {
    let plan = elements::replaced(plan)?;
    let rewritten = plan.transform_up_with_subqueries(|node| {
        let node = lateral::rewrite(node, state)?;
        let node = set_operation::rewrite(node)?;
        let node = grouping::rewrite(node)?;
        let node = with_ties::rewrite(node, state)?;
        distinct_on::rewrite(node, state).map(Transformed::yes)
    })?;
    Ok(rewritten.data)
}

/// The input with a last column that numbers the rows of each partition, from 1: `row_number` or `rank`.
fn numbered(
    function: &str,
    input: Arc<LogicalPlan>,
    partition: Vec<Expr>,
    order: Vec<Sort>,
    state: &SessionState,
) -> PlanResult<LogicalPlan> {
    let function = state
        .window_functions()
        .get(function)
        .ok_or_else(|| plan_datafusion_err!("function {function} does not exist"))?;
    let call = WindowFunction {
        fun: WindowFunctionDefinition::WindowUDF(Arc::clone(function)),
        params: WindowFunctionParams {
            args: Vec::new(),
            partition_by: partition,
            // These functions do not look at it; one by ROWS is accepted over any types.
            window_frame: WindowFrame::new(Some(true)),
            order_by: order,
            filter: None,
            null_treatment: None,
            distinct: false,
        },
    };
    LogicalPlanBuilder::from(input).window([Expr::WindowFunction(Box::new(call))])?.build()
}
