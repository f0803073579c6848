//! Columns whose values are not given: DEFAULT, serial, identity, GENERATED.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, new_null_array};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use super::{Changed, Session};
use crate::catalog::pg_catalog::Effects;
use crate::catalog::{ColumnValue, Sequence};
use crate::compile::analyze::Rows;
use crate::compile::parse::{Query, constant_of};
use crate::error::Result;
use crate::flow::delta::arrow_error;
use crate::precision::Precision;
use crate::types::SqlType;

impl Session {
    /// Defaults of a column for `rows` rows.
    pub(in crate::engine) async fn default_values(
        &mut self,
        table: &Changed,
        column: usize,
        rows: usize,
    ) -> Result<ArrayRef> {
        let target = self.assignment_to(table, column);
        match &table.table.columns[column].value {
            ColumnValue::Null | ColumnValue::Generated(_) => Ok(new_null_array(&target.sql_type.arrow(), rows)),
            ColumnValue::Serial(sequence) | ColumnValue::Identity { sequence, .. } => {
                let numbers = numbers(sequence, rows)?;
                if let Some(last) = rows.checked_sub(1) {
                    self.effects.took(&sequence.name, numbers.value(last));
                }
                let numbers: ArrayRef = Arc::new(numbers);
                target.assign(&numbers, &SqlType::BigInt)
            }
            ColumnValue::Default(text) => {
                if let Some(constant) = constant_of(text) {
                    let one = target.constants([constant].iter())?;
                    return interleave(&[one.as_ref()], &vec![(0, 0); rows]).map_err(arrow_error);
                }
                // Once per row: a default such as gen_random_uuid() differs from row to row.
                let query = Query::over_rows(&[text])?;
                let dummy = Arc::new(Schema::new(vec![Field::new("", DataType::Boolean, true)]));
                let columns = Rows::default().with("", &dummy);
                let given = [new_null_array(&DataType::Boolean, rows)];
                let values = self.evaluate(&query, &columns, &given, rows, &[]).await?;
                let (field, value) = (values.schema_ref().field(0), values.column(0));
                let target = self.assignment_to(table, column);
                target.assign(value, &SqlType::of(field))
            }
        }
    }

    /// Fills in the GENERATED columns of complete rows, after the others were rounded to the precision of their columns and tested
    /// against their domains.
    pub(in crate::engine) async fn generate(
        &mut self,
        table: &Changed,
        columns: &mut [ArrayRef],
        rows: usize,
    ) -> Result<()> {
        let generated: Vec<(usize, &str)> = table.generated().collect();
        let is_generated = |at: &usize| generated.iter().any(|(column, _)| column == at);
        let given: Vec<usize> = (0..columns.len()).filter(|at| !is_generated(at)).collect();
        self.refine(table, columns, &given, rows).await?;
        if generated.is_empty() || rows == 0 {
            return Ok(());
        }
        let query = Query::over_rows(&generated.iter().map(|(_, text)| *text).collect::<Vec<_>>())?;
        let over = Rows::default().with(table.relation.local_name(), &table.relation.schema);
        let values = self.evaluate(&query, &over, columns, rows, &[]).await?;
        for (at, (column, _)) in generated.iter().enumerate() {
            let from = SqlType::of(values.schema_ref().field(at));
            columns[*column] = self.assignment_to(table, *column).assign(values.column(at), &from)?;
        }
        let generated: Vec<usize> = generated.iter().map(|(column, _)| *column).collect();
        self.refine(table, columns, &generated, rows).await
    }

    /// Rounds columns to their precision and tests them against their domains.
    async fn refine(&mut self, table: &Changed, columns: &mut [ArrayRef], which: &[usize], rows: usize) -> Result<()> {
        for at in which {
            if let Some(precision) = Precision::of(table.relation.schema.field(*at)) {
                columns[*at] = precision.apply(&columns[*at]);
            }
        }
        let catalog = self.engine.catalog();
        let mut tests = Vec::new();
        for at in which {
            let domain = table.table.columns[*at].domain.and_then(|id| catalog.user_type(id));
            if let Some(domain) = domain {
                let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
                let (schema, name) = (quoted(domain.namespace()), quoted(domain.local_name()));
                tests.push(format!("{}::{schema}.{name}", quoted(table.column_name(*at))));
            }
        }
        if tests.is_empty() || rows == 0 {
            return Ok(());
        }
        let query = Query::over_rows(&tests.iter().map(String::as_str).collect::<Vec<_>>())?;
        let over = Rows::default().with(table.relation.local_name(), &table.relation.schema);
        self.evaluate(&query, &over, columns, rows, &[]).await.map(drop)
    }
}

impl Changed {
    /// GENERATED columns and their expressions.
    pub(super) fn generated(&self) -> impl Iterator<Item = (usize, &str)> {
        self.table.columns.iter().enumerate().filter_map(|(at, column)| match &column.value {
            ColumnValue::Generated(text) => Some((at, text.as_str())),
            _ => None,
        })
    }
}

fn numbers(sequence: &Sequence, rows: usize) -> Result<Int64Array> {
    let first = if rows == 0 { 0 } else { sequence.take(rows)? };
    Ok((0..rows as i64).map(|row| Some(first + row * sequence.step())).collect())
}
