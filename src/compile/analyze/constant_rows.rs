//! Long VALUES of a read: rows of constants are put into columns at once, so that no rule of the planner looks at each of them.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, Values};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

/// Shorter ones stay as they are: their constants may help to simplify a query.
const ROWS_MIN: usize = 200;

/// The plan with relations in memory for long VALUES, inner queries included.
pub(super) fn as_tables(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    let replaced = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Values(values) if values.values.len() >= ROWS_MIN => match columns(&values)? {
            Some(rows) => relation(&values, rows).map(Transformed::yes),
            None => Ok(Transformed::no(LogicalPlan::Values(values))),
        },
        other => Ok(Transformed::no(other)),
    })?;
    Ok(replaced.data)
}

/// The rows in columns; `None` if one of the values must be computed.
fn columns(values: &Values) -> PlanResult<Option<RecordBatch>> {
    let fields = values.schema.fields();
    let mut columns = Vec::with_capacity(fields.len());
    for (position, field) in fields.iter().enumerate() {
        let mut column = Vec::with_capacity(values.values.len());
        for row in &values.values {
            match row.get(position).map(|value| constant(value, field.data_type())).transpose()?.flatten() {
                Some(value) => column.push(value),
                None => return Ok(None),
            }
        }
        columns.push(ScalarValue::iter_to_array(column)?);
    }
    let fields: Vec<_> = fields.iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    Ok(Some(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?))
}

/// A constant of a type, also one that is widened to it.
fn constant(value: &Expr, wanted: &DataType) -> PlanResult<Option<ScalarValue>> {
    match value {
        Expr::Literal(value, _) if value.data_type() == *wanted => Ok(Some(value.clone())),
        Expr::Literal(ScalarValue::Null, _) => ScalarValue::try_from(wanted).map(Some),
        Expr::Cast(cast) if cast.field.data_type() == wanted => match cast.expr.as_ref() {
            Expr::Literal(value, _) if value.is_null() => ScalarValue::try_from(wanted).map(Some),
            Expr::Literal(value, _) if value.data_type().is_numeric() && wanted.is_numeric() => {
                value.cast_to(wanted).map(Some)
            }
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// The rows as a relation whose columns are called as those of VALUES are.
fn relation(values: &Values, rows: RecordBatch) -> PlanResult<LogicalPlan> {
    let table = MemTable::try_new(rows.schema(), vec![vec![rows]])?;
    let scan = LogicalPlanBuilder::scan("values", provider_as_source(Arc::new(table)), None)?;
    let columns = scan.schema().columns().into_iter().zip(values.schema.fields());
    let named: Vec<Expr> = columns.map(|(column, field)| Expr::Column(column).alias(field.name())).collect();
    scan.project(named)?.build()
}
