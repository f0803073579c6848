//! Which values a read asks a relation's columns for: `id = 5`, `id IN (1, 2)`, `a = 1 AND b = 2`. Who has an index need not scan.

use std::collections::HashMap;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, LogicalPlan, Operator};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::source::ReadSource;
use crate::catalog::RelationId;

/// A column and the values that the wanted rows have in it. There may be NULLs among them, which no row has.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// Position of the column in its relation.
    pub column: usize,
    /// Values of the column's type.
    pub values: Vec<ScalarValue>,
}

/// Whether a condition binds a column.
pub(super) fn binds(condition: &Expr) -> bool {
    bound(condition).is_some()
}

/// The bound columns of relations that the plan reads once; of others the rows for one place would not do for the other.
pub(super) fn bindings(plan: &LogicalPlan) -> PlanResult<HashMap<RelationId, Vec<Binding>>> {
    let mut scans: HashMap<RelationId, Vec<Vec<Binding>>> = HashMap::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(source) = scan.source.downcast_ref::<ReadSource>()
        {
            let binding = |filter: &Expr| {
                let (name, values) = bound(filter)?;
                let (column, field) = source.schema.column_with_name(&name)?;
                let typed = values.iter().all(|value| value.data_type() == *field.data_type());
                typed.then_some(Binding { column, values })
            };
            scans.entry(source.relation).or_default().push(scan.filters.iter().filter_map(binding).collect());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let once = scans.into_iter().filter(|(_, scans)| scans.len() == 1);
    Ok(once.flat_map(|(relation, scans)| scans.into_iter().map(move |bindings| (relation, bindings))).collect())
}

/// The column and the values that it must have one of.
fn bound(condition: &Expr) -> Option<(String, Vec<ScalarValue>)> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match (left.as_ref(), right.as_ref()) {
            (value, Expr::Literal(literal, _)) | (Expr::Literal(literal, _), value) => {
                Some((column_of(value, literal)?, vec![literal.clone()]))
            }
            _ => None,
        },
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let ((one, mut values), (other, more)) = (bound(left)?, bound(right)?);
            values.extend(more);
            (one == other).then_some((one, values))
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let Expr::Literal(first, _) = list.first()? else { return None };
            let column = column_of(expr, first)?;
            let value = |item: &Expr| match item {
                Expr::Literal(value, _) => Some(value.clone()),
                _ => None,
            };
            Some((column, list.iter().map(value).collect::<Option<_>>()?))
        }
        _ => None,
    }
}

/// The column that is compared with a literal: itself, or, where that is a numeric, by its key, which is a numeric again.
fn column_of(expression: &Expr, literal: &ScalarValue) -> Option<String> {
    match expression {
        Expr::Column(column) => Some(column.name.clone()),
        Expr::ScalarFunction(call)
            if call.func.name() == "sort_key" && matches!(literal, ScalarValue::LargeBinary(_)) =>
        {
            match call.args.as_slice() {
                [Expr::Column(column)] => Some(column.name.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}
