use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;

use super::*;
use crate::wire::encode::Encoders;

fn parameter(sql_type: &SqlType) -> ParameterType {
    ParameterType { oid: pg_type::oid(sql_type), field: Arc::new(sql_type.field("p")) }
}

fn decode(bytes: &[u8], parameter: ParameterType, format: Format) -> Result<ScalarValue> {
    let values = [Some(Bytes::copy_from_slice(bytes))];
    let mut decoded = parameters(&values, &Formats::all(format), &[parameter], "s", &TextOptions::default())?;
    Ok(decoded.remove(0))
}

fn encode(value: &ScalarValue, sql_type: &SqlType) -> Bytes {
    let array = value.to_array().unwrap();
    let schema = Arc::new(Schema::new(vec![
        Field::new("c", array.data_type().clone(), true).with_metadata(sql_type.field("c").metadata().clone()),
    ]));
    let batch = RecordBatch::try_new(schema, vec![array]).unwrap();
    let encoders = Encoders::new(&batch, &Formats::all(Format::Binary), &TextOptions::default()).unwrap();
    let mut out = Vec::new();
    assert!(encoders.value(0, 0, &mut out).unwrap());
    out.into()
}

fn examples() -> Vec<(SqlType, ScalarValue)> {
    let text = |text: &str| ScalarValue::Utf8(Some(text.into()));
    let numeric = |text: &str| {
        let value = crate::decimal::Decimal::parse(text).unwrap();
        ScalarValue::LargeBinary(Some(crate::decimal::encoding::encoded(&value)))
    };
    let interval = IntervalMonthDayNano { months: -1, days: 2, nanoseconds: -3_000 };
    vec![
        (SqlType::Boolean, ScalarValue::Boolean(Some(false))),
        (SqlType::SmallInt, ScalarValue::Int16(Some(i16::MIN))),
        (SqlType::Integer, ScalarValue::Int32(Some(-7))),
        (SqlType::BigInt, ScalarValue::Int64(Some(i64::MAX))),
        (SqlType::Real, ScalarValue::Float32(Some(-0.5))),
        (SqlType::Double, ScalarValue::Float64(Some(f64::INFINITY))),
        (SqlType::Numeric(20, 4), ScalarValue::Decimal128(Some(-1_234_567), 20, 4)),
        (SqlType::NUMERIC, numeric("-12345678901234567890123456789012345678901234.5000")),
        (SqlType::NUMERIC, numeric("NaN")),
        (SqlType::Text, text("grün")),
        (SqlType::Varchar(9), text("")),
        (SqlType::Bytea, ScalarValue::Binary(Some(vec![0, 255]))),
        (SqlType::Date, ScalarValue::Date32(Some(-1))),
        (SqlType::Timestamp, ScalarValue::TimestampMicrosecond(Some(-1), None)),
        (SqlType::TimestampTz, ScalarValue::TimestampMicrosecond(Some(1), Some("UTC".into()))),
        (SqlType::Interval, ScalarValue::IntervalMonthDayNano(Some(interval))),
        (SqlType::Uuid, text("00112233-4455-6677-8899-aabbccddeeff")),
    ]
}

#[test]
fn binary_values_come_back_as_they_were() {
    for (sql_type, value) in examples() {
        let decoded = decode(&encode(&value, &sql_type), parameter(&sql_type), Format::Binary);
        assert_eq!(decoded.unwrap(), value, "{sql_type}");
    }
}

#[test]
fn binary_arrays_come_back_as_they_were() {
    for (item, value) in examples() {
        let sql_type = SqlType::Array(Box::new(item.clone()));
        let DataType::List(field) = sql_type.arrow() else { panic!("not a list") };
        let null = ScalarValue::try_new_null(field.data_type()).unwrap();
        for values in [vec![value.clone(), null], vec![]] {
            let list = ScalarValue::List(ScalarValue::new_list(&values, field.data_type(), true));
            let list = list.cast_to(&sql_type.arrow()).unwrap();
            let decoded = decode(&encode(&list, &sql_type), parameter(&sql_type), Format::Binary).unwrap();
            assert_eq!(decoded, list, "{sql_type}");
        }
    }
}

#[test]
fn binary_arrays_of_several_dimensions_come_back_as_they_were() {
    for (element, written) in [
        (SqlType::Integer, "{{{1,NULL},{3,4}},{{5,6},{7,8}}}"),
        (SqlType::Jsonb, "{{{1},{NULL}}}"),
        (SqlType::Text, "{}"),
    ] {
        let sql_type = element.array_of(3);
        let value = crate::format::text::parse(written, &sql_type, &TextOptions::default()).unwrap();
        let decoded = decode(&encode(&value, &sql_type), parameter(&sql_type), Format::Binary).unwrap();
        assert_eq!(decoded, value, "{written}");
        let other = SqlType::of(&sql_type.field("")).element().clone().array_of(2);
        let decoded = decode(&encode(&value, &sql_type), parameter(&other), Format::Binary);
        assert_eq!(decoded.err().map(|error| error.code), (written != "{}").then_some("0A000"));
    }
}

/// Every value that is too short or too long is refused, never read beyond its end.
#[test]
fn binary_values_of_a_wrong_length() {
    for (sql_type, value) in examples() {
        if matches!(sql_type, SqlType::Text | SqlType::Varchar(_) | SqlType::Bytea) {
            continue;
        }
        let bytes = encode(&value, &sql_type);
        let longer = [&bytes[..], b"\0"].concat();
        for bytes in [&bytes[..bytes.len() - 1], &longer] {
            let error = decode(bytes, parameter(&sql_type), Format::Binary).unwrap_err();
            assert_eq!(error.code, "22P03", "{sql_type}");
            assert_eq!(error.message, "incorrect binary data format in bind parameter 1");
        }
    }
}

#[test]
fn broken_arrays() {
    let sql_type = SqlType::Array(Box::new(SqlType::Integer));
    let header = |dimensions: i32, count: i32| {
        [dimensions, 0, 23, count, 1].iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>()
    };
    let refused = |bytes: &[u8]| decode(bytes, parameter(&sql_type), Format::Binary).unwrap_err().code;
    assert_eq!(refused(&[]), "22P03");
    assert_eq!(refused(&header(1, i32::MAX)), "22P03");
    assert_eq!(refused(&header(-1, 0)), "22P03");
    assert_eq!(refused(&header(2, 1)), "0A000");
    assert_eq!(refused(&header(i32::MAX, 1)), "0A000");
}

/// A client's own type is read as that type and cast to the planner's.
#[test]
fn a_clients_type_is_cast_to_the_planners() {
    let field = Arc::new(SqlType::BigInt.field("p"));
    let decoded = decode(&7_i32.to_be_bytes(), ParameterType { oid: 23, field: Arc::clone(&field) }, Format::Binary);
    assert_eq!(decoded.unwrap(), ScalarValue::Int64(Some(7)));
    let decoded = decode(&u32::MAX.to_be_bytes(), ParameterType { oid: 26, field }, Format::Binary);
    assert_eq!(decoded.unwrap(), ScalarValue::Int64(Some(i64::from(u32::MAX))));
}

#[test]
fn values_that_are_refused() {
    let refused =
        |bytes: &[u8], sql_type: SqlType, format| decode(bytes, parameter(&sql_type), format).unwrap_err().code;
    assert_eq!(refused(b"a\xff", SqlType::Text, Format::Text), "22021");
    assert_eq!(refused(b"a\xff", SqlType::Text, Format::Binary), "22021");
    assert_eq!(refused(b"a\0", SqlType::Text, Format::Binary), "22021");
    assert_eq!(refused(b"x", SqlType::Integer, Format::Text), "22P02");
    assert_eq!(refused(&(i64::MAX - 1).to_be_bytes(), SqlType::Timestamp, Format::Binary), "22008");
    assert_eq!(refused(b"\x02{}", SqlType::Jsonb, Format::Binary), "22P03");
}

#[test]
fn counts_must_agree() {
    let types = [parameter(&SqlType::Integer), parameter(&SqlType::Integer)];
    let options = TextOptions::default();
    let error = parameters(&[None], &Formats::default(), &types, "s", &options).unwrap_err();
    assert_eq!(error.code, "08P01");
    assert_eq!(error.message, "bind message supplies 1 parameters, but prepared statement \"s\" requires 2");
    let formats = Formats::new(&[0, 0, 0]).unwrap();
    assert_eq!(parameters(&[None, None], &formats, &types, "s", &options).unwrap_err().code, "08P01");
    let values = parameters(&[None, None], &Formats::default(), &types, "s", &options).unwrap();
    assert_eq!(values, [ScalarValue::Int32(None), ScalarValue::Int32(None)]);
}
