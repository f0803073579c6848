//! Which numerics of a query's output have a precision that a column or a cast declares: those of expressions have none in SQL.

use datafusion::logical_expr::{Distinct, LogicalPlan};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use crate::types::COMPUTED;

/// Whether the output column at `position` is a column or a cast with a declared precision.
pub(in crate::compile) fn is_declared(plan: &LogicalPlan, position: usize) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            projection.expr.get(position).is_some_and(|value| of_expression(value, &projection.input))
        }
        LogicalPlan::Aggregate(aggregate) => {
            aggregate.group_expr.get(position).is_some_and(|value| of_expression(value, &aggregate.input))
        }
        LogicalPlan::SubqueryAlias(alias) => is_declared(&alias.input, position),
        LogicalPlan::Filter(filter) => is_declared(&filter.input, position),
        LogicalPlan::Sort(sort) => is_declared(&sort.input, position),
        LogicalPlan::Limit(limit) => is_declared(&limit.input, position),
        LogicalPlan::Distinct(Distinct::All(input)) => is_declared(input, position),
        LogicalPlan::Window(window) => is_declared(&window.input, position),
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            match position.checked_sub(left) {
                None => is_declared(&join.left, position),
                Some(position) => is_declared(&join.right, position),
            }
        }
        // Windows and the like: the input's columns, then others.
        LogicalPlan::Extension(extension) => match extension.node.inputs().as_slice() {
            [input] => position < input.schema().fields().len() && is_declared(input, position),
            _ => false,
        },
        LogicalPlan::TableScan(scan) => {
            let schema = scan.projected_schema.fields();
            schema.get(position).is_some_and(|field| !field.metadata().contains_key(COMPUTED))
        }
        _ => false,
    }
}

fn of_expression(value: &Expr, input: &LogicalPlan) -> bool {
    match value {
        Expr::Alias(alias) => of_expression(&alias.expr, input),
        Expr::Column(column) => {
            input.schema().maybe_index_of_column(column).is_some_and(|position| is_declared(input, position))
        }
        Expr::ScalarFunction(call) if call.func.name() == "cast" => {
            let target = call.args.get(1);
            matches!(target, Some(Expr::Literal(ScalarValue::Utf8(Some(name)), _)) if name.contains('('))
        }
        _ => false,
    }
}
