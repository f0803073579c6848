//! Values of VALUES and SET on their way into columns.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, new_empty_array};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::scalar::ScalarValue;

use super::{Changed, Hints, Session};
use crate::compile::parse::{Cell, Expressions};
use crate::engine::read::parameter_hints;
use crate::error::{Error, Result};
use crate::flow::delta::arrow_error;
use crate::types::SqlType;

/// Results of the expressions beside cells.
pub(super) struct Evaluated {
    batches: Vec<RecordBatch>,
}

impl Evaluated {
    /// The value of expression `number` and its type.
    fn value(&self, number: usize) -> Result<(&ArrayRef, SqlType)> {
        let (batch, column) = (number / Expressions::PER_QUERY, number % Expressions::PER_QUERY);
        let found = self.batches.get(batch).filter(|batch| column < batch.num_columns());
        let batch = found.ok_or_else(|| Error::internal("an expression was not evaluated"))?;
        Ok((batch.column(column), SqlType::of(batch.schema_ref().field(column))))
    }
}

/// A parameter that is a whole value takes the type of its column.
pub(super) fn cell_hints<'a>(
    table: &Changed,
    cells: impl Iterator<Item = (&'a Cell, usize)>,
    hints: &[Option<FieldRef>],
) -> Hints {
    let mut hints = hints.to_vec();
    for (cell, column) in cells {
        let Cell::Parameter(number @ 1..=65_535) = cell else { continue };
        if hints.len() < *number {
            hints.resize(*number, None);
        }
        if hints[*number - 1].is_none() && column < table.width() {
            hints[*number - 1] = Some(Arc::clone(&table.relation.schema.fields()[column]));
        }
    }
    hints
}

impl Session {
    /// Evaluates the expressions of a statement.
    pub(super) async fn evaluated(
        &mut self,
        expressions: &Expressions,
        hints: &[Option<FieldRef>],
        parameters: &[ScalarValue],
    ) -> Result<Evaluated> {
        let mut batches = Vec::with_capacity(expressions.queries.len());
        for query in &expressions.queries {
            batches.push(self.collect(query, hints, parameters).await?);
        }
        Ok(Evaluated { batches })
    }

    /// One column of cells. `DEFAULT` becomes the default.
    pub(super) async fn cells(
        &mut self,
        table: &Changed,
        column: usize,
        cells: &[&Cell],
        evaluated: &Evaluated,
        parameters: &[ScalarValue],
    ) -> Result<ArrayRef> {
        let target = self.assignment_to(table, column);
        let constants = target.constants(cells.iter().copied())?;
        let mut sources: Vec<ArrayRef> = vec![constants];
        let mut places: Vec<(usize, usize)> = (0..cells.len()).map(|row| (0, row)).collect();
        let mut known: HashMap<usize, usize> = HashMap::new();
        for (row, cell) in cells.iter().enumerate() {
            let source = match cell {
                Cell::Expression(number) => {
                    let (value, from) = evaluated.value(*number)?;
                    target.assign(value, &from)?
                }
                Cell::Parameter(number) => {
                    if let Some(source) = known.get(number) {
                        places[row] = (*source, 0);
                        continue;
                    }
                    known.insert(*number, sources.len());
                    let value = number.checked_sub(1).and_then(|at| parameters.get(at));
                    let value = value.ok_or_else(|| Error::new("42P02", format!("there is no parameter ${number}")))?;
                    parameter(value, &target)?
                }
                _ => continue,
            };
            places[row] = (sources.len(), 0);
            sources.push(source);
        }
        let defaults = cells.iter().filter(|cell| ***cell == Cell::Default).count();
        if defaults > 0 {
            let number = sources.len();
            sources.push(self.default_values(table, column, defaults).await?);
            let asking = cells.iter().enumerate().filter(|(_, cell)| ***cell == Cell::Default);
            asking.enumerate().for_each(|(at, (row, _))| places[row] = (number, at));
        }
        if sources.len() == 1 {
            return Ok(sources.swap_remove(0));
        }
        let sources: Vec<&dyn Array> = sources.iter().map(AsRef::as_ref).collect();
        interleave(&sources, &places).map_err(arrow_error)
    }

    /// The values of a column that SET gives, for `rows` rows: a constant for all or a column of `found`.
    pub(super) async fn set_values(
        &mut self,
        table: &Changed,
        column: usize,
        cell: &Cell,
        found: &RecordBatch,
        parameters: &[ScalarValue],
    ) -> Result<ArrayRef> {
        let rows = found.num_rows();
        if let Cell::Expression(at) = cell {
            return self
                .assignment_to(table, column)
                .assign(found.column(*at), &SqlType::of(found.schema_ref().field(*at)));
        }
        if *cell == Cell::Default {
            return self.default_values(table, column, rows).await;
        }
        let none = Evaluated { batches: Vec::new() };
        let one = self.cells(table, column, &[cell], &none, parameters).await?;
        if rows == 0 {
            return Ok(new_empty_array(one.data_type()));
        }
        interleave(&[one.as_ref()], &vec![(0, 0); rows]).map_err(arrow_error)
    }
}

/// A parameter's value: typed by its column, or by the client.
fn parameter(value: &ScalarValue, target: &crate::compile::function::Target<'_>) -> Result<ArrayRef> {
    let array = value.to_array().map_err(|error| Error::internal(error.to_string()))?;
    if array.data_type().is_null() {
        return target.constants([Cell::Null].iter());
    }
    if *array.data_type() == target.sql_type.arrow() {
        // Texts are still measured against varchar(n).
        return match target.sql_type {
            SqlType::Varchar(_) | SqlType::Char(_) | SqlType::Jsonb | SqlType::Uuid => target.read(&array),
            _ => Ok(array),
        };
    }
    let hints = parameter_hints(std::slice::from_ref(value));
    let from = hints.first().and_then(|hint| hint.as_ref()).map_or(SqlType::Text, |field| SqlType::of(field));
    target.assign(&array, &from)
}
