//! FILTER comes before arguments: `sum(10 / x) FILTER (WHERE x <> 0)` divides only where the condition holds. Arguments are computed for all
//! rows of a batch, so those that may fail become a CASE of the condition.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{Case, Operator};
use datafusion::prelude::Expr;

use super::tag::{sql_type, tagged};

/// An aggregate call, also over a window, whose arguments fail only for rows that its FILTER lets through.
pub(super) fn filtered(mut expression: Expr, schema: &DFSchema) -> PlanResult<Transformed<Expr>> {
    let values: (Option<&Expr>, Vec<&mut Expr>) = match &mut expression {
        Expr::AggregateFunction(call) => {
            let keys = call.params.order_by.iter_mut().map(|key| &mut key.expr);
            (call.params.filter.as_deref(), call.params.args.iter_mut().chain(keys).collect())
        }
        Expr::WindowFunction(call) => (call.params.filter.as_deref(), call.params.args.iter_mut().collect()),
        _ => return Ok(Transformed::no(expression)),
    };
    let (Some(filter), values) = values else { return Ok(Transformed::no(expression)) };
    let mut changed = false;
    for value in values {
        if may_fail(value)? && !is_guarded(value, filter) {
            *value = guarded(std::mem::take(value), filter, schema);
            changed = true;
        }
    }
    Ok(Transformed::new_transformed(expression, changed))
}

fn guarded(value: Expr, filter: &Expr, schema: &DFSchema) -> Expr {
    let kind = sql_type(&value, schema);
    let branches = vec![(Box::new(filter.clone()), Box::new(value))];
    tagged(Expr::Case(Case::new(None, branches, None)), kind.as_ref())
}

/// Whether the value is computed only where the condition holds, already.
fn is_guarded(value: &Expr, filter: &Expr) -> bool {
    match value {
        Expr::Case(case) => case.expr.is_none() && case.when_then_expr.iter().any(|(when, _)| when.as_ref() == filter),
        Expr::ScalarFunction(call) => call.args.first().is_some_and(|inner| is_guarded(inner, filter)),
        _ => false,
    }
}

/// Whether the value is computed from columns by anything but comparisons.
fn may_fail(value: &Expr) -> PlanResult<bool> {
    let is_subquery =
        |part: &Expr| matches!(part, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::SetComparison(_));
    let computes = value.exists(|part| {
        Ok(match part {
            part if is_subquery(part) => true,
            Expr::BinaryExpr(binary) => {
                !super::types::compares(binary.op) && !matches!(binary.op, Operator::And | Operator::Or)
            }
            Expr::ScalarFunction(_) | Expr::Cast(_) | Expr::Negative(_) | Expr::Case(_) => true,
            _ => false,
        })
    })?;
    Ok(computes && (value.any_column_refs() || value.exists(|part| Ok(is_subquery(part)))?))
}
