//! `constant[]()`: a constant array of several dimensions in a SELECT that DataFusion runs. Its estimates compare constants, which it
//! cannot do with such arrays, so they must not be seen.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    ColumnarValue, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

/// The function, which has the array in it: a call with an argument that is constant would be taken for constant, too.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Constant {
    array: ScalarValue,
    signature: Signature,
}

impl ScalarUDFImpl for Constant {
    fn name(&self) -> &str {
        "constant[]"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> PlanResult<DataType> {
        Ok(self.array.data_type())
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.array.clone()))
    }
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
    match part {
        Expr::Literal(array, _) if is_hidden(&Expr::Literal(array.clone(), None)) => {
            let function = Constant { array, signature: Signature::nullary(Volatility::Volatile) };
            let function = Arc::new(ScalarUDF::new_from_impl(function));
            Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(function, Vec::new()))))
        }
        part => Ok(Transformed::no(part)),
    }
}
