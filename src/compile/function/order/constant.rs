//! `constant[](array)`: a constant array of several dimensions in a SELECT that DataFusion runs. Its estimates compare constants, which it
//! cannot do with such arrays, so they must not be seen.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{LogicalPlan, Volatility};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::super::definition::{Argument, Definition, Types};
use crate::types::SqlType;

pub(in crate::compile) static DEFINITION: Definition = Definition {
    name: "constant[]",
    aliases: &[],
    volatility: Volatility::Volatile,
    types,
    evaluate: |call| Ok(Arc::clone(&call.arguments[0])),
};

fn types(arguments: &[Argument]) -> Types {
    let [Argument { sql_type: Some(kind @ SqlType::Array(_)), .. }] = arguments else { return Ok(None) };
    Ok(Some((vec![kind.clone()], kind.clone())))
}

/// The plan with its constant arrays of several dimensions hidden, inner queries included.
pub(in crate::compile) fn hidden(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    let hidden = plan.transform_up_with_subqueries(|node| {
        let mut found = false;
        node.apply_expressions(|expression| {
            found |= expression.exists(|part| Ok(is_hidden(part)))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        if !found || matches!(node, LogicalPlan::Values(_)) {
            return Ok(Transformed::no(node));
        }
        let names = NamePreserver::new(&node);
        node.map_expressions(|expression| {
            let name = names.save(&expression);
            Ok(expression.transform_up(hide)?.update_data(|expression| name.restore(expression)))
        })
    })?;
    Ok(hidden.data)
}

fn is_hidden(part: &Expr) -> bool {
    matches!(part, Expr::Literal(ScalarValue::List(array), _) if array.values().data_type().is_list())
}

fn hide(part: Expr) -> PlanResult<Transformed<Expr>> {
    if !is_hidden(&part) {
        return Ok(Transformed::no(part));
    }
    let function = super::super::udf(&DEFINITION);
    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![part]))))
}
