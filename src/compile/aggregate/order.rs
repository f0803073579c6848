//! Rows of a group as bytes that compare as the rows do, and back.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Float32Type, Float64Type, IntervalMonthDayNanoType,
};
use datafusion::arrow::row::{RowConverter, Rows, SortField};

use crate::error::{Error, Result};

/// Nanoseconds of a day and of a month, as PostgreSQL compares intervals.
const DAY: i128 = 86_400_000_000_000;
const MONTH: i128 = 30 * DAY;

/// An order of rows: some columns as asked for, then the arguments, so that equal encodings are equal arguments and nothing depends
/// on the order in which rows came. NaN is above all numbers, −0 is 0, intervals compare by length.
#[derive(Debug)]
pub struct RowOrder {
    converter: RowConverter,
    parts: Vec<Part>,
    /// Where each argument is among the parts.
    arguments: Vec<usize>,
}

/// A column of the encoding, made from a column of the rows.
#[derive(Debug, Clone, Copy)]
enum Part {
    Value(usize),
    /// How long an interval is.
    Length(usize),
}

impl RowOrder {
    /// For rows with columns of these `types`, the first `arguments` of which come back from the encoding, ordered by columns of
    /// `order`.
    pub fn new(types: &[DataType], arguments: usize, order: &[(usize, SortOptions)]) -> Result<RowOrder> {
        let ties = (0..arguments).map(|column| (column, SortOptions { descending: false, nulls_first: false }));
        let (mut parts, mut fields) = (Vec::new(), Vec::new());
        let mut seen = Vec::new();
        for (column, options) in order.iter().copied().chain(ties) {
            if seen.contains(&column) {
                continue;
            }
            seen.push(column);
            if matches!(types[column], DataType::Interval(_)) {
                parts.push(Part::Length(column));
                let length = DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0);
                fields.push(SortField::new_with_options(length, options));
            }
            parts.push(Part::Value(column));
            fields.push(SortField::new_with_options(types[column].clone(), options));
        }
        let place =
            |argument: usize| parts.iter().position(|part| matches!(part, Part::Value(column) if *column == argument));
        let arguments = (0..arguments).filter_map(place).collect();
        let converter = RowConverter::new(fields).map_err(|error| Error::unsupported(error.to_string()))?;
        Ok(RowOrder { converter, parts, arguments })
    }

    /// The encoded rows.
    pub fn encode(&self, columns: &[ArrayRef]) -> Result<Rows> {
        let parts: Vec<ArrayRef> = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Value(column) => canonical(&columns[*column]),
                Part::Length(column) => lengths(&columns[*column]),
            })
            .collect();
        self.converter.convert_columns(&parts).map_err(internal)
    }

    /// The arguments of encoded rows.
    pub fn decode<'a>(&'a self, rows: impl Iterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        let parser = self.converter.parser();
        let parts = self.converter.convert_rows(rows.map(|row| parser.parse(row))).map_err(internal)?;
        Ok(self.arguments.iter().map(|place| ArrayRef::clone(&parts[*place])).collect())
    }
}

fn internal(error: datafusion::arrow::error::ArrowError) -> Error {
    Error::internal(error.to_string())
}

/// Floats with one zero and one NaN; other columns as they are.
fn canonical(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float32 => Arc::new(
            column
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|value| if value.is_nan() { f32::NAN } else { value + 0.0 }),
        ),
        DataType::Float64 => Arc::new(
            column
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|value| if value.is_nan() { f64::NAN } else { value + 0.0 }),
        ),
        _ => ArrayRef::clone(column),
    }
}

/// How long intervals are, in nanoseconds.
pub(super) fn lengths(column: &ArrayRef) -> ArrayRef {
    let intervals = column.as_primitive::<IntervalMonthDayNanoType>();
    let length = |row: usize| {
        let interval = intervals.value(row);
        i128::from(interval.months) * MONTH + i128::from(interval.days) * DAY + i128::from(interval.nanoseconds)
    };
    let lengths: Decimal128Array =
        (0..intervals.len()).map(|row| intervals.is_valid(row).then(|| length(row))).collect();
    Arc::new(lengths.with_data_type(DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0)))
}
