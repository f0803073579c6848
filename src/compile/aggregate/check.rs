//! What PostgreSQL complains about in any call of an aggregate, looked for while the call still has its shape; and an item of
//! `array_agg`, which DataFusion would make a function of its own.

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::error::Result as PlanResult;
use datafusion::functions_nested::expr_fn::array_element;
use datafusion::logical_expr::GetFieldAccess;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawFieldAccessExpr};
use datafusion::prelude::Expr;

use super::definition::NAMES;
use crate::error::{Error, code};

/// The hook of the SQL planner that looks at calls.
#[derive(Debug)]
pub struct Check;

impl ExprPlanner for Check {
    fn plan_aggregate(&self, call: RawAggregateExpr) -> PlanResult<PlannerResult<RawAggregateExpr>> {
        match complaint(&call) {
            Some(error) => Err(DataFusionError::External(Box::new(error))),
            None => Ok(PlannerResult::Original(call)),
        }
    }

    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        _: &DFSchema,
    ) -> PlanResult<PlannerResult<RawFieldAccessExpr>> {
        match (&access.field_access, &access.expr) {
            (GetFieldAccess::ListIndex { key }, Expr::AggregateFunction(call)) if call.func.name() == "array_agg" => {
                let item = array_element(access.expr.clone(), key.as_ref().clone());
                Ok(PlannerResult::Planned(item))
            }
            _ => Ok(PlannerResult::Original(access)),
        }
    }
}

fn complaint(call: &RawAggregateExpr) -> Option<Error> {
    let name = call.func.name();
    let nests = |expression: &Expr| expression.exists(|part| Ok(matches!(part, Expr::AggregateFunction(_))));
    let order = call.order_by.iter().map(|sort| &sort.expr);
    if call.args.iter().chain(order).chain(call.filter.as_deref()).any(|part| nests(part).unwrap_or_default()) {
        return Some(Error::new(code::GROUPING_ERROR, "aggregate function calls cannot be nested"));
    }
    if name == "count" && call.args.is_empty() {
        let message = "count(*) must be used to call a parameterless aggregate function";
        return Some(Error::new(code::WRONG_OBJECT_TYPE, message));
    }
    #[expect(deprecated, reason = "the planner still makes it of `*`")]
    let is_wildcard = |argument: &Expr| matches!(argument, Expr::Wildcard { .. });
    if name != "count" && call.args.iter().any(is_wildcard) {
        return Some(Error::new(code::UNDEFINED_FUNCTION, format!("function {name}() does not exist")));
    }
    let is_ordered_set = NAMES.iter().any(|(known, function)| *known == name && function.is_ordered_set());
    if is_ordered_set && call.order_by.is_empty() {
        let message = format!("WITHIN GROUP is required for ordered-set aggregate {name}");
        return Some(Error::new(code::WRONG_OBJECT_TYPE, message));
    }
    if is_ordered_set && call.distinct {
        return Some(Error::new(code::SYNTAX_ERROR, "cannot use DISTINCT with WITHIN GROUP"));
    }
    let is_argument = |order: &Expr| call.args.iter().any(|argument| argument == order);
    if call.distinct && !call.order_by.iter().all(|sort| is_argument(&sort.expr)) {
        let message = "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list";
        return Some(Error::new(code::INVALID_COLUMN_REFERENCE, message));
    }
    None
}
