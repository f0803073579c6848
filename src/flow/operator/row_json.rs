//! Rows as JSON objects, for `tidewater.row_errors`.

use std::fmt::Write;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

/// Row `row` of `rows` as a JSON object: numbers, booleans and null as such, all else as the text that Arrow prints.
pub(super) fn row_json(rows: &RecordBatch, row: usize) -> String {
    let mut json = String::from("{");
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        let separator = if json.len() > 1 { "," } else { "" };
        let value = value_json(column.as_ref(), row);
        // Writing to a string cannot fail.
        let _ = write!(json, "{separator}{}:{value}", quoted(field.name()));
    }
    json.push('}');
    json
}

fn value_json(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) {
        return "null".to_string();
    }
    let options = FormatOptions::default();
    let text = match ArrayFormatter::try_new(column, &options) {
        Ok(formatter) => formatter.value(row).to_string(),
        Err(error) => error.to_string(),
    };
    let bare = match column.data_type() {
        DataType::Boolean => true,
        // NaN and infinities are no JSON numbers.
        DataType::Float32 | DataType::Float64 => text.parse::<f64>().is_ok_and(f64::is_finite),
        data_type => data_type.is_integer() || matches!(data_type, DataType::Decimal128(..)),
    };
    if bare { text } else { quoted(&text) }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
