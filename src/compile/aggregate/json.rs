//! `jsonb_agg` and `jsonb_object_agg`: values as PostgreSQL's `to_jsonb` writes them.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::scalar::ScalarValue;

use crate::error::{Error, Result, code};
use crate::format::json::ValueWriter;
use crate::format::text::canonical_jsonb;

/// How the values of a column are written.
pub(super) struct Json {
    writer: ValueWriter,
}

impl Json {
    pub(super) fn new(field: &FieldRef) -> Result<Json> {
        Ok(Json { writer: ValueWriter::new(field)? })
    }
}

/// `[…]` of the values.
pub(super) fn array(columns: &[Json], arguments: &[ArrayRef]) -> Result<ScalarValue> {
    let ([column], [values]) = (columns, arguments) else { return Err(Error::internal("jsonb_agg has one argument")) };
    let values = column.writer.bind(values)?;
    let rows = arguments[0].len();
    let mut out = vec![b'['];
    for row in 0..rows {
        if row > 0 {
            out.push(b',');
        }
        values.write(row, &mut out);
    }
    out.push(b']');
    finished(out)
}

/// `{…}` of keys and values; of equal keys the last one stays.
pub(super) fn object(columns: &[Json], arguments: &[ArrayRef]) -> Result<ScalarValue> {
    let ([key, value], [keys, values]) = (columns, arguments) else {
        return Err(Error::internal("jsonb_object_agg has two arguments"));
    };
    let rows = keys.len();
    let (keys, values) = (key.writer.bind(keys)?, value.writer.bind(values)?);
    let mut out = vec![b'{'];
    for row in 0..rows {
        if row > 0 {
            out.push(b',');
        }
        write_key(|out| keys.write(row, out), &mut out)?;
        out.push(b':');
        values.write(row, &mut out);
    }
    out.push(b'}');
    finished(out)
}

/// A value as a key: its text in quotes.
fn write_key(write: impl Fn(&mut Vec<u8>), out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    write(out);
    let invalid = |message: &str| Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
    match out[start..] {
        [b'n', ..] => invalid("field name must not be null"),
        [b'{' | b'[', ..] => invalid("key value must be scalar, not array, composite, or json"),
        [b'"', ..] => Ok(()),
        _ => {
            out.insert(start, b'"');
            out.push(b'"');
            Ok(())
        }
    }
}

fn finished(out: Vec<u8>) -> Result<ScalarValue> {
    let text = String::from_utf8(out).map_err(|_| Error::internal("JSON that is no text"))?;
    Ok(ScalarValue::Utf8(Some(canonical_jsonb(&text)?)))
}
