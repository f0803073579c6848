//! `ORDER BY x FETCH FIRST n ROWS WITH TIES`: the rows whose rank is at most n. The parser puts the number into a function that nobody
//! can name, as the planner knows no ties.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, internal_err, plan_err};
use datafusion::error::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Limit, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Sort, Volatility,
};
use datafusion::prelude::{Expr, lit};
use datafusion::scalar::ScalarValue;

use super::numbered;

/// The function's name.
pub(in crate::compile) const NAME: &str = "\u{1}with_ties";

/// The function.
pub(in crate::compile) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(WithTies { signature: Signature::any(1, Volatility::Immutable) })
}

/// Replaces the node if it is a LIMIT with ties.
pub(super) fn rewrite(node: LogicalPlan, state: &SessionState) -> PlanResult<LogicalPlan> {
    let LogicalPlan::Limit(limit) = node else { return Ok(node) };
    let Some(count) = limit.fetch.as_deref().and_then(count) else { return Ok(LogicalPlan::Limit(limit)) };
    let (count, Limit { skip, input, .. }) = (count.clone(), limit);
    first_ranks(Arc::unwrap_or_clone(input), &count, skip.as_deref(), state)
}

fn count(fetch: &Expr) -> Option<&Expr> {
    match fetch {
        Expr::Cast(cast) => count(&cast.expr),
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == NAME => args.first(),
        _ => None,
    }
}

/// Looks for the ORDER BY of the query through its last projection.
fn first_ranks(plan: LogicalPlan, count: &Expr, skip: Option<&Expr>, state: &SessionState) -> PlanResult<LogicalPlan> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let below = first_ranks(Arc::unwrap_or_clone(projection.input), count, skip, state)?;
            LogicalPlanBuilder::from(below).project(projection.expr)?.build()
        }
        LogicalPlan::Sort(sort) => ranked(sort, count, skip, state),
        _ => plan_err!("WITH TIES cannot be specified without ORDER BY clause"),
    }
}

fn ranked(sort: Sort, count: &Expr, skip: Option<&Expr>, state: &SessionState) -> PlanResult<LogicalPlan> {
    let kept: Vec<Expr> = sort.input.schema().columns().into_iter().map(Expr::Column).collect();
    let skip = skip.filter(|skip| !matches!(skip, Expr::Literal(value, _) if is_zero(value)));
    let last = match (count, skip) {
        (count, None) => count.clone(),
        (Expr::Literal(count, _), Some(Expr::Literal(skip, _))) => lit(whole(count)?.saturating_add(whole(skip)?)),
        (count, Some(skip)) => count.clone() + skip.clone(),
    };
    let plan = numbered("rank", sort.input, Vec::new(), sort.expr.clone(), state)?;
    let rank = last_column(&plan);
    let mut plan = LogicalPlanBuilder::from(plan).filter(rank.lt_eq(last))?.project(kept.clone())?.build()?;
    if let Some(skip) = skip {
        // The ranks are the first rows of the order, so that they have their numbers still.
        plan = numbered("row_number", Arc::new(plan), Vec::new(), sort.expr.clone(), state)?;
        let number = last_column(&plan);
        plan = LogicalPlanBuilder::from(plan).filter(number.gt(skip.clone()))?.project(kept)?.build()?;
    }
    LogicalPlanBuilder::from(plan).sort(sort.expr)?.build()
}

fn last_column(plan: &LogicalPlan) -> Expr {
    let last = plan.schema().fields().len() - 1;
    Expr::Column(Column::from(plan.schema().qualified_field(last)))
}

fn is_zero(value: &ScalarValue) -> bool {
    value.is_null() || whole(value).is_ok_and(|value| value == 0)
}

fn whole(value: &ScalarValue) -> PlanResult<i64> {
    match value.cast_to(&DataType::Int64)? {
        ScalarValue::Int64(Some(value)) => Ok(value),
        _ => plan_err!("LIMIT WITH TIES needs a number"),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WithTies {
    signature: Signature,
}

impl ScalarUDFImpl for WithTies {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> PlanResult<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        internal_err!("a LIMIT has no value")
    }
}
