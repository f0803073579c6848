//! AND and OR that do not look at their right side for rows that the left side decides.
//!
//! DataFusion looks at both sides for a whole batch, so that `b <> 0 AND a / b > 1` fails although PostgreSQL answers it. Where the right
//! side can fail, `l AND r` becomes `CASE WHEN l IS FALSE THEN false ELSE l AND r END`, and OR likewise: CASE takes only the rows that get
//! to a branch. Views need not be rewritten, see [`Expression::evaluate`](super::Expression::evaluate).

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{BinaryExpr, Case};
use datafusion::logical_expr::{LogicalPlan, Operator};
use datafusion::prelude::{Expr, lit};

/// Rewrites all expressions of a plan that runs once. For optimized plans: filters are not taken apart afterwards.
pub(in crate::compile) fn lazily(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| node.map_expressions(|expression| expression.transform_up(lazy)))?;
    Ok(rewritten.data)
}

fn lazy(expression: Expr) -> Result<Transformed<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expression else { return Ok(Transformed::no(expression)) };
    let decided = match op {
        Operator::And if can_fail(&right)? => left.clone().is_false(),
        Operator::Or if can_fail(&right)? => left.clone().is_true(),
        _ => return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
    };
    let otherwise = Expr::BinaryExpr(BinaryExpr { left, op, right });
    let when_then = vec![(Box::new(decided), Box::new(lit(op == Operator::Or)))];
    Ok(Transformed::yes(Expr::Case(Case { expr: None, when_then_expr: when_then, else_expr: Some(Box::new(otherwise)) })))
}

/// Whether the expression computes something that some values have no result for. Comparisons of what is there cannot fail.
fn can_fail(expression: &Expr) -> Result<bool> {
    let mut found = false;
    expression.apply(|part| {
        found = match part {
            Expr::BinaryExpr(BinaryExpr { op, .. }) => !matches!(
                op,
                Operator::And
                    | Operator::Or
                    | Operator::Eq
                    | Operator::NotEq
                    | Operator::Lt
                    | Operator::LtEq
                    | Operator::Gt
                    | Operator::GtEq
                    | Operator::IsDistinctFrom
                    | Operator::IsNotDistinctFrom
            ),
            Expr::ScalarFunction(_) | Expr::Cast(_) | Expr::Negative(_) => true,
            _ => false,
        };
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
