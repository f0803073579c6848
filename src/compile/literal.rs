//! Constants as SQL, for EXPLAIN and the texts of errors.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::metadata::FieldMetadata;
use datafusion::scalar::ScalarValue;

use crate::format::text::{TextOptions, Writer};
use crate::types::SqlType;

/// A constant as PostgreSQL shows it: numbers and booleans as they are, texts in quotes, all others with their type.
pub(super) fn literal(value: &ScalarValue, metadata: Option<&FieldMetadata>) -> String {
    let mut field = Field::new("", value.data_type(), true);
    if let Some(metadata) = metadata {
        field = metadata.add_to_field(field);
    }
    let sql_type = SqlType::of(&field);
    if value.is_null() {
        let is_untyped = matches!(value.data_type(), DataType::Null);
        return if is_untyped { "NULL".to_string() } else { format!("NULL::{}", type_name(&sql_type)) };
    }
    let Some(text) = text(value, &field) else { return value.to_string() };
    let is_plain = text.parse::<f64>().is_ok_and(f64::is_finite);
    match sql_type {
        SqlType::SmallInt | SqlType::Integer | SqlType::BigInt | SqlType::Real | SqlType::Double if is_plain => text,
        SqlType::Numeric(..) | SqlType::AnyNumeric(_) if is_plain => text,
        SqlType::Boolean => if text == "t" { "true" } else { "false" }.to_string(),
        SqlType::Text => quoted(&text),
        other => format!("{}::{}", quoted(&text), type_name(&other)),
    }
}

/// The type of a cast, without the digits that only its representation has.
pub(super) fn type_name(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Timestamp => "timestamp".to_string(),
        SqlType::TimestampTz => "timestamptz".to_string(),
        SqlType::Time => "time".to_string(),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn text(value: &ScalarValue, field: &Field) -> Option<String> {
    let options = TextOptions::default();
    let mut out = Vec::new();
    Writer::new(field, &options).ok()?.write(&value.to_array().ok()?, 0, &mut out).ok()?;
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::IntervalMonthDayNano;

    use super::*;

    #[test]
    fn constants_are_written_as_sql() {
        let interval = |months, days, seconds: i64| {
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(months, days, seconds * 1_000_000_000)))
        };
        for (value, expected) in [
            (ScalarValue::Int64(Some(-5)), "-5"),
            (ScalarValue::Boolean(Some(true)), "true"),
            (ScalarValue::Decimal128(Some(1050), 5, 2), "10.50"),
            (ScalarValue::Utf8(Some("it's".into())), "'it''s'"),
            (ScalarValue::Utf8(None), "NULL::text"),
            (ScalarValue::Null, "NULL"),
            (interval(0, 0, 1), "'00:00:01'::interval"),
            (interval(1, 2, 0), "'1 mon 2 days'::interval"),
            (ScalarValue::Date32(Some(0)), "'1970-01-01'::date"),
            (ScalarValue::TimestampMicrosecond(Some(0), Some("UTC".into())), "'1970-01-01 00:00:00+00'::timestamptz"),
            (ScalarValue::Binary(Some(vec![1])), "'\\x01'::bytea"),
            (ScalarValue::Float64(Some(0.5)), "0.5"),
        ] {
            assert_eq!(literal(&value, None), expected);
        }
    }
}
