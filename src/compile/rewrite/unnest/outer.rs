//! What a subquery takes from the plan around it.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;

use super::column_at;

/// Whether a plan uses columns of `outer`. Columns of queries further out do not count.
pub(super) fn depends(plan: &LogicalPlan, outer: &DFSchema) -> PlanResult<bool> {
    let mut found = false;
    plan.apply(|node| {
        node.apply_expressions(|expression| {
            found |= expression_depends(expression, outer)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Whether an expression uses columns of `outer`.
pub(super) fn expression_depends(expression: &Expr, outer: &DFSchema) -> PlanResult<bool> {
    expression.exists(|part| Ok(is_reference(part, outer)))
}

/// Whether an expression uses columns of any query around it.
pub(super) fn is_correlated(expression: &Expr) -> PlanResult<bool> {
    expression.exists(|part| Ok(matches!(part, Expr::OuterReferenceColumn(..))))
}

/// The different terms over `outer` in a plan; see [`is_term`].
pub(super) fn terms(plan: &LogicalPlan, outer: &DFSchema) -> PlanResult<Vec<Expr>> {
    let mut found = Vec::new();
    plan.apply(|node| {
        node.apply_expressions(|expression| {
            collect_terms(expression, outer, &mut found)?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}

fn collect_terms(expression: &Expr, outer: &DFSchema, found: &mut Vec<Expr>) -> PlanResult<()> {
    expression.apply(|part| {
        if !is_term(part, outer) {
            return Ok(TreeNodeRecursion::Continue);
        }
        if !found.contains(part) {
            found.push(part.clone());
        }
        Ok(TreeNodeRecursion::Jump)
    })?;
    Ok(())
}

/// The expression with each of `terms` replaced by the expression at its position.
pub(super) fn with_terms(expression: Expr, terms: &[Expr], by: &[Expr]) -> PlanResult<Expr> {
    let replaced = expression.transform_down(|part| match terms.iter().position(|term| *term == part) {
        Some(at) => Ok(Transformed::new(by[at].clone(), true, TreeNodeRecursion::Jump)),
        None => Ok(Transformed::no(part)),
    })?;
    Ok(replaced.data)
}

/// The expression as it stands in the outer query: references to columns of `outer` are those columns.
pub(super) fn in_outer(expression: Expr, outer: &DFSchema) -> PlanResult<Expr> {
    let replaced = expression.transform_up(|part| {
        if let Expr::OuterReferenceColumn(_, column) = &part
            && let Some(at) = outer.maybe_index_of_column(column)
        {
            return Ok(Transformed::yes(column_at(outer, at)));
        }
        Ok(Transformed::no(part))
    })?;
    Ok(replaced.data)
}

/// The expression with each column of `schema` replaced by the expression at its position; other columns stay.
pub(super) fn inlined(expression: Expr, schema: &DFSchema, by: &[Expr]) -> PlanResult<Expr> {
    let replaced = expression.unalias_nested().data.transform_up(|part| match &part {
        Expr::Column(column) => match schema.maybe_index_of_column(column) {
            Some(at) => Ok(Transformed::yes(by[at].clone())),
            None => Ok(Transformed::no(part)),
        },
        _ => Ok(Transformed::no(part)),
    })?;
    Ok(replaced.data)
}

/// A column of the outer query, alone or converted to a type that has all of its values: what is pushed into a subquery as one value.
fn is_term(expression: &Expr, outer: &DFSchema) -> bool {
    match expression {
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::OuterReferenceColumn(field, _) => {
                is_reference(&cast.expr, outer) && widens(field.data_type(), cast.field.data_type())
            }
            _ => false,
        },
        other => is_reference(other, outer),
    }
}

fn is_reference(expression: &Expr, outer: &DFSchema) -> bool {
    matches!(expression, Expr::OuterReferenceColumn(_, column) if outer.maybe_index_of_column(column).is_some())
}

fn widens(from: &DataType, to: &DataType) -> bool {
    use DataType::{Decimal128, Float32, Float64, Int16, Int32, Int64};
    matches!((from, to), (Int16, Int32 | Int64) | (Int32, Int64) | (Int16 | Int32 | Int64 | Float32, Float64))
        || matches!((from, to), (Int16 | Int32 | Int64, Decimal128(precision, scale)) if i16::from(*precision) - i16::from(*scale) >= 19)
}
