//! Recorded answers of PostgreSQL, and what it has no answer to.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Date64Array, Decimal256Array, DictionaryArray, DurationMillisecondArray, Int32Array,
    LargeStringArray, NullArray, StringArray, StringViewArray, StructArray, Time64MicrosecondArray,
    TimestampNanosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, i256};

use super::*;
use crate::error::code;

fn sql_type(name: &str) -> SqlType {
    if let Some(item) = name.strip_suffix("[]") {
        return SqlType::Array(Box::new(sql_type(item)));
    }
    if let Some(typmod) = name.strip_prefix("numeric(").and_then(|rest| rest.strip_suffix(')')) {
        let (precision, scale) = typmod.split_once(',').unwrap();
        return SqlType::Numeric(precision.parse().unwrap(), scale.parse().unwrap());
    }
    match name {
        "bool" => SqlType::Boolean,
        "int2" => SqlType::SmallInt,
        "int4" => SqlType::Integer,
        "int8" => SqlType::BigInt,
        "float4" => SqlType::Real,
        "float8" => SqlType::Double,
        "text" => SqlType::Text,
        "bytea" => SqlType::Bytea,
        "date" => SqlType::Date,
        "timestamp" => SqlType::Timestamp,
        "timestamptz" => SqlType::TimestampTz,
        "interval" => SqlType::Interval,
        "uuid" => SqlType::Uuid,
        "jsonb" => SqlType::Jsonb,
        other => panic!("unknown type {other}"),
    }
}

fn written(array: &dyn Array, row: usize, options: &TextOptions) -> String {
    let field = Field::new("x", array.data_type().clone(), true);
    let mut out = Vec::new();
    Writer::new(&field, options).unwrap().write(array, row, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn answers_are_those_of_postgresql() {
    let options = TextOptions { time_zone: TimeZone::parse("Europe/Berlin").unwrap(), bytea_escape: false };
    let mut current = SqlType::Text;
    let mut wrong = String::new();
    for line in include_str!("postgresql.txt").lines().filter(|line| !line.starts_with(';')) {
        if let Some(name) = line.strip_prefix("# ") {
            current = sql_type(name);
            continue;
        }
        let (input, expected) = line.rsplit_once(" => ").unwrap();
        let mut column = ColumnBuilder::new(&current).with_time_zone(options.time_zone);
        let answer = match column.append_text(input) {
            Ok(()) => written(&column.finish(), 0, &options),
            Err(error) => format!("! {} {}", error.code, error.message),
        };
        if answer != expected {
            wrong.push_str(&format!("{current} '{input}': {answer}, not {expected}\n"));
        }
    }
    assert_eq!(wrong, "");
}

#[test]
fn a_failed_value_leaves_no_trace() {
    let mut column = ColumnBuilder::new(&sql_type("int4[][]"));
    column.append_text("{{1,2}}").unwrap();
    column.append_text("{{3},{4,x}}").unwrap_err();
    column.append_null();
    column.append_text("{{5}}").unwrap();
    column.append_text("{{6}}").unwrap();
    column.truncate(3);
    assert_eq!((column.len(), column.ends_with_null()), (3, false));
    column.append_null();
    let array = column.finish();
    let options = TextOptions::default();
    let texts: Vec<String> = (0..4).map(|row| written(&array, row, &options)).collect();
    assert_eq!(texts, ["{{1,2}}", "", "{{5}}", ""]);
    assert_eq!((array.null_count(), column.len()), (2, 0));
}

#[test]
fn what_is_not_supported_is_refused() {
    let refused = |text: &str, sql_type: SqlType| parse(text, &sql_type, &TextOptions::default()).unwrap_err();
    for (text, sql_type) in [
        ("now", SqlType::TimestampTz),
        ("today", SqlType::Timestamp),
        ("NaN", SqlType::Numeric(5, 2)),
        ("[0:1]={1,2}", SqlType::Array(Box::new(SqlType::Integer))),
    ] {
        assert_eq!(refused(text, sql_type).code, code::FEATURE_NOT_SUPPORTED, "{text}");
    }
    assert_eq!(refused("294277-01-01", SqlType::Timestamp).code, code::DATETIME_FIELD_OVERFLOW);
    assert_eq!(refused("a\0b", SqlType::Text).code, "22021");
    assert_eq!(refused("1e1025", SqlType::Jsonb).code, code::NUMERIC_VALUE_OUT_OF_RANGE);
    let too_long = refused("äöüß", SqlType::Varchar(3));
    assert_eq!(too_long.code, code::STRING_DATA_RIGHT_TRUNCATION);
    assert_eq!(too_long.message, "value too long for type character varying(3)");
    assert_eq!(canonical_jsonb("[1,]").unwrap_err().code, code::INVALID_TEXT_REPRESENTATION);
}

#[test]
fn zones_are_named_or_numbered() {
    for (text, shown, written_as) in [
        ("utc", "UTC", "2024-06-30 22:00:00+00"),
        ("europe/berlin", "Europe/Berlin", "2024-07-01 00:00:00+02"),
        ("-7", "<-07>+07", "2024-06-30 15:00:00-07"),
        ("5.5", "<+05:30>-05:30", "2024-07-01 03:30:00+05:30"),
        ("UTC+3", "<-03>+03", "2024-06-30 19:00:00-03"),
        ("<+02>-02", "<+02>-02", "2024-07-01 00:00:00+02"),
    ] {
        let time_zone = TimeZone::parse(text).unwrap();
        assert_eq!(time_zone.to_string(), shown);
        let value = parse("2024-06-30 22:00Z", &SqlType::TimestampTz, &TextOptions::default()).unwrap();
        let options = TextOptions { time_zone, ..TextOptions::default() };
        assert_eq!(written(&value.to_array().unwrap(), 0, &options), written_as);
    }
    assert_eq!(TimeZone::parse("Foo/Bar").unwrap_err().code, code::INVALID_PARAMETER_VALUE);
}

#[test]
fn arrow_types_that_no_column_declares_have_text() {
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a b"), None, Some("")]));
    let number: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let field = |name: &str, array: &ArrayRef| Arc::new(Field::new(name, array.data_type().clone(), true));
    let record = StructArray::from(vec![(field("n", &number), number), (field("t", &text), text)]);
    let dictionary: DictionaryArray<Int32Type> = vec![Some("x"), None, Some("y")].into_iter().collect();
    let wide = i256::from_i128(i128::MAX).wrapping_mul(i256::from_i128(-10));
    let wide = Decimal256Array::from(vec![wide]).with_precision_and_scale(76, 3).unwrap();
    let expected: [(ArrayRef, usize, &str); 13] = [
        (Arc::new(record.clone()), 0, "(1,\"a b\")"),
        (Arc::new(record.clone()), 1, "(2,)"),
        (Arc::new(record), 2, "(3,\"\")"),
        (Arc::new(dictionary.clone()), 2, "y"),
        (Arc::new(dictionary), 1, ""),
        (Arc::new(wide), 0, "-1701411834604692317316873037158841057.270"),
        (Arc::new(UInt64Array::from(vec![u64::MAX])), 0, "18446744073709551615"),
        (Arc::new(StringViewArray::from(vec!["v"])), 0, "v"),
        (Arc::new(LargeStringArray::from(vec!["l"])), 0, "l"),
        (Arc::new(Date64Array::from(vec![-86_400_000])), 0, "1969-12-31"),
        (Arc::new(TimestampNanosecondArray::from(vec![-1])), 0, "1969-12-31 23:59:59.999999"),
        (Arc::new(Time64MicrosecondArray::from(vec![3_600_000_001])), 0, "01:00:00.000001"),
        (Arc::new(DurationMillisecondArray::from(vec![-1_500])), 0, "-00:00:01.5"),
    ];
    for (array, row, text) in expected {
        assert_eq!(written(&array, row, &TextOptions::default()), text, "{}", array.data_type());
    }
    let nulls = NullArray::new(1);
    let writer = Writer::new(&Field::new("x", DataType::Null, true), &TextOptions::default()).unwrap();
    assert!(writer.bind(&nulls).unwrap().is_null(0));
    let escape = TextOptions { bytea_escape: true, ..TextOptions::default() };
    let bytes = parse("\\x005c61ff", &SqlType::Bytea, &escape).unwrap();
    assert_eq!(written(&bytes.to_array().unwrap(), 0, &escape), "\\000\\\\a\\377");
}
