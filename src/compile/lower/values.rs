//! Rows that are constants of the query: computed now.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{EmptyRelation, Values};
use datafusion::physical_expr::create_physical_expr;
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::linear::Linear;
use super::{Lowering, nullable};
use crate::compile::plan::Plan;
use crate::error::{Error, Result};

impl Lowering<'_> {
    /// `VALUES (…), (…)`.
    pub(super) fn values(&self, values: &Values) -> Result<Linear> {
        let one_row = rows_without_columns(1)?;
        let schema = nullable(&values.schema);
        let mut columns = Vec::new();
        for (at, field) in schema.fields().iter().enumerate() {
            let mut scalars = Vec::new();
            for row in &values.values {
                let computed = self.compute(&row[at], &DFSchema::empty(), &one_row)?;
                let scalar = crate::batch::scalar(&computed, 0).and_then(|value| value.cast_to(field.data_type()));
                scalars.push(scalar.map_err(|failure| self.failure(failure))?);
            }
            columns.push(ScalarValue::iter_to_array(scalars).map_err(|failure| self.failure(failure))?);
        }
        let rows = RecordBatch::try_new(schema, columns).map_err(|failure| self.failure(failure.into()))?;
        Ok(Linear::new(Plan::Values { rows }, &values.schema))
    }

    /// A SELECT without FROM, or one that is known to be empty.
    pub(super) fn empty(&self, empty: &EmptyRelation) -> Result<Linear> {
        let rows = if empty.produce_one_row {
            rows_without_columns(1)?
        } else {
            RecordBatch::new_empty(nullable(&empty.schema))
        };
        Ok(Linear::new(Plan::Values { rows }, &empty.schema))
    }

    /// Filters and columns over constant rows are constant as well: a mistake in them is found now, as in PostgreSQL.
    pub(super) fn map_values(
        &self,
        rows: &RecordBatch,
        schema: &DFSchema,
        filter: Option<Expr>,
        columns: &[Expr],
        output: &DFSchemaRef,
    ) -> Result<Plan> {
        let rows = match filter {
            None => rows.clone(),
            Some(filter) => {
                let passes = self.compute(&filter, schema, rows)?;
                let passes: &BooleanArray =
                    passes.as_boolean_opt().ok_or_else(|| Error::internal("a condition is not boolean"))?;
                filter_record_batch(rows, passes).map_err(|failure| self.failure(failure.into()))?
            }
        };
        let mut arrays = Vec::new();
        let mut fields = Vec::new();
        for (expression, field) in columns.iter().zip(output.fields()) {
            let computed = self.compute(expression, schema, &rows)?;
            let kind = computed.data_type().clone();
            fields.push(field.as_ref().clone().with_nullable(true).with_data_type(kind));
            arrays.push(computed);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let rows = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options);
        Ok(Plan::Values { rows: rows.map_err(|failure| self.failure(failure.into()))? })
    }

    fn compute(&self, expression: &Expr, schema: &DFSchema, rows: &RecordBatch) -> Result<Arc<dyn Array>> {
        let mut properties = ExecutionProps::new();
        properties.config_options = Some(Arc::clone(self.state.config_options()));
        let expression = expression.clone().unalias_nested().data;
        create_physical_expr(&expression, schema, &properties, &PhysicalPlanningContext::default())
            .and_then(|physical| physical.evaluate(rows))
            .and_then(|value| value.into_array(rows.num_rows()))
            .map_err(|failure| self.failure(failure))
    }
}

fn rows_without_columns(rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
        .map_err(|failure| Error::internal(failure.to_string()))
}
