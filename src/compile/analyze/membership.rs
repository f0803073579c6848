//! `x IN (a, b)` with items that are not constant, as `x = a OR x = b`. DataFusion takes an item for a constant that is one for no rows
//! at all, and a CASE over no rows is NULL.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::disjunction;
use datafusion::prelude::Expr;

/// The plan with such lists as comparisons.
pub(super) fn compared(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expression| {
            let name = names.save(&expression);
            let found = expression.transform_up(|part| Ok(comparisons(part)))?;
            Ok(found.update_data(|expression| name.restore(expression)))
        })
    })?;
    Ok(rewritten.data)
}

fn comparisons(expression: Expr) -> Transformed<Expr> {
    let Expr::InList(InList { expr, list, negated }) = expression else { return Transformed::no(expression) };
    if expr.is_volatile() || list.iter().all(is_constant) {
        return Transformed::no(Expr::InList(InList::new(expr, list, negated)));
    }
    match disjunction(list.into_iter().map(|item| expr.as_ref().clone().eq(item))) {
        Some(found) if negated => Transformed::yes(Expr::Not(Box::new(found))),
        Some(found) => Transformed::yes(found),
        None => Transformed::yes(datafusion::prelude::lit(negated)),
    }
}

fn is_constant(item: &Expr) -> bool {
    let varies = |part: &Expr| {
        Ok(matches!(part, Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::ScalarSubquery(_) | Expr::Case(_)))
    };
    // The closure cannot fail.
    !item.exists(varies).unwrap_or(true)
}
