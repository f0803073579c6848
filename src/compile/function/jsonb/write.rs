//! Values as JSON, as PostgreSQL's `to_json` writes them.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};

use crate::error::Result;
use crate::format::text::jsonb::write_string;
use crate::format::text::{TextOptions, TimeZone, Writer};
use crate::types::{RowType, SqlType};

/// Appends a value: numbers and booleans as they are, JSON as it is, arrays item by item, rows as objects, times in ISO 8601, anything else as a string.
pub(in crate::compile) fn write_value(
    sql_type: &SqlType,
    values: &ArrayRef,
    row: usize,
    time_zone: TimeZone,
    out: &mut Vec<u8>,
) -> Result<()> {
    use SqlType::{BigInt, Double, Integer, Json, Jsonb, Numeric, Real, SmallInt, Timestamp, TimestampTz};
    if values.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match sql_type {
        SqlType::Boolean => {
            out.extend_from_slice(if values.as_boolean().value(row) { b"true" } else { b"false" });
            return Ok(());
        }
        SqlType::Array(item) => return write_array(item, &values.as_list::<i32>().value(row), b",", time_zone, out),
        SqlType::Row(kind) => return write_object(kind, values, row, b",", time_zone, out),
        _ => {}
    }
    let mut text = Vec::new();
    Writer::new(&sql_type.field(""), &TextOptions { time_zone, ..TextOptions::default() })?
        .write(values, row, &mut text)?;
    match sql_type {
        Json | Jsonb | SmallInt | Integer | BigInt | Numeric(..) => out.extend_from_slice(&text),
        Real | Double | SqlType::AnyNumeric(_) if text.last().is_some_and(u8::is_ascii_digit) => {
            out.extend_from_slice(&text)
        }
        Timestamp | TimestampTz => write_string(iso(text, sql_type).as_bytes(), out),
        _ => write_string(&text, out),
    }
    Ok(())
}

/// Appends all items of an array.
pub(super) fn write_array(
    item: &SqlType,
    items: &ArrayRef,
    separator: &[u8],
    time_zone: TimeZone,
    out: &mut Vec<u8>,
) -> Result<()> {
    out.push(b'[');
    for at in 0..items.len() {
        if at > 0 {
            out.extend_from_slice(separator);
        }
        write_value(item, items, at, time_zone, out)?;
    }
    out.push(b']');
    Ok(())
}

/// Appends a row as an object.
pub(super) fn write_object(
    kind: &RowType,
    rows: &ArrayRef,
    row: usize,
    separator: &[u8],
    time_zone: TimeZone,
    out: &mut Vec<u8>,
) -> Result<()> {
    out.push(b'{');
    for (at, ((name, sql_type), values)) in kind.fields.iter().zip(rows.as_struct().columns()).enumerate() {
        if at > 0 {
            out.extend_from_slice(separator);
        }
        write_string(name.as_bytes(), out);
        out.push(b':');
        write_value(sql_type, values, row, time_zone, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// `2024-01-01 12:00:00+01` as `2024-01-01T12:00:00+01:00`.
fn iso(text: Vec<u8>, sql_type: &SqlType) -> String {
    let text = String::from_utf8_lossy(&text).replacen(' ', "T", 1);
    let (moment, era) = text.strip_suffix(" BC").map_or((text.as_str(), ""), |moment| (moment, " BC"));
    let zoned = *sql_type == SqlType::TimestampTz && !moment.ends_with("infinity");
    let offset = moment.rfind(['+', '-']).filter(|_| zoned);
    let minutes = if offset.is_some_and(|at| moment.len() == at + 3) { ":00" } else { "" };
    format!("{moment}{minutes}{era}")
}
