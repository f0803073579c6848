//! `json_agg`, `jsonb_agg`, `json_object_agg`, `jsonb_object_agg`: values as PostgreSQL's `to_json` writes them.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::scalar::ScalarValue;

use crate::compile::function::write_json;
use crate::error::{Error, Result, code};
use crate::format::text::{TimeZone, canonical_jsonb};
use crate::types::SqlType;

/// How the values of a column are written.
pub(super) struct Json {
    sql_type: SqlType,
    /// Where instants are shown: the zone of their Arrow type.
    time_zone: TimeZone,
}

impl Json {
    pub(super) fn new(field: &FieldRef) -> Result<Json> {
        let time_zone = match zone_in(field.data_type()) {
            Some(zone) => TimeZone::parse(zone)?,
            None => TimeZone::default(),
        };
        Ok(Json { sql_type: SqlType::of(field), time_zone })
    }

    fn write(&self, values: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<()> {
        write_json(&self.sql_type, values, row, self.time_zone, out)
    }
}

/// The zone of the instants in values of a type.
fn zone_in(data_type: &DataType) -> Option<&str> {
    match data_type {
        DataType::Timestamp(_, zone) => zone.as_deref(),
        DataType::List(item) => zone_in(item.data_type()),
        DataType::Struct(fields) => fields.iter().find_map(|field| zone_in(field.data_type())),
        _ => None,
    }
}

/// `[…]` of the values; arrays and rows begin a line of their own.
pub(super) fn array(columns: &[Json], arguments: &[ArrayRef]) -> Result<String> {
    let ([column], [values]) = (columns, arguments) else { return Err(Error::internal("json_agg has one argument")) };
    let is_array = matches!(column.sql_type, SqlType::Array(_) | SqlType::Row(_));
    let mut out = vec![b'['];
    for row in 0..values.len() {
        if row > 0 {
            out.extend_from_slice(if is_array && values.is_valid(row) { b", \n " } else { b", " });
        }
        column.write(values, row, &mut out)?;
    }
    out.push(b']');
    finished(out)
}

/// `{…}` of keys and values.
pub(super) fn object(columns: &[Json], arguments: &[ArrayRef]) -> Result<String> {
    let ([key, value], [keys, values]) = (columns, arguments) else {
        return Err(Error::internal("json_object_agg has two arguments"));
    };
    let mut out = b"{ ".to_vec();
    for row in 0..keys.len() {
        if row > 0 {
            out.extend_from_slice(b", ");
        }
        if keys.is_null(row) {
            return Err(Error::new(code::INVALID_PARAMETER_VALUE, "field name must not be null"));
        }
        let start = out.len();
        key.write(keys, row, &mut out)?;
        quote_key(start, &mut out)?;
        out.extend_from_slice(b" : ");
        value.write(values, row, &mut out)?;
    }
    out.extend_from_slice(b" }");
    finished(out)
}

/// Makes the value that begins at `start` a key: its text in quotes.
fn quote_key(start: usize, out: &mut Vec<u8>) -> Result<()> {
    match out[start..] {
        [b'{' | b'[', ..] => {
            let message = "key value must be scalar, not array, composite, or json";
            return Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
        }
        [b'"', ..] => {}
        _ => {
            out.insert(start, b'"');
            out.push(b'"');
        }
    }
    Ok(())
}

fn finished(out: Vec<u8>) -> Result<String> {
    String::from_utf8(out).map_err(|_| Error::internal("JSON that is no text"))
}

/// The value of type json: the text as it was made.
pub(super) fn text(json: String) -> ScalarValue {
    ScalarValue::Utf8(Some(json))
}

/// The value of type jsonb: of equal keys the last one stays.
pub(super) fn canonical(json: &str) -> Result<ScalarValue> {
    Ok(ScalarValue::Utf8(Some(canonical_jsonb(json)?)))
}
