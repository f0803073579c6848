use std::sync::Arc;

use datafusion::arrow::array::{
    Array, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array, Int32Array,
    Int64Array, IntervalMonthDayNanoArray, LargeBinaryArray, ListArray, NullArray, StringViewArray,
    TimestampMicrosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{Int32Type, IntervalMonthDayNano};

use super::*;
use crate::decimal::{Decimal, encoding};
use crate::types::RowType;

fn encode(field: Field, array: ArrayRef, format: Format) -> Vec<Option<Vec<u8>>> {
    let rows = array.len();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap();
    let encoders = Encoders::new(&batch, &Formats::all(format), &TextOptions::default()).unwrap();
    let value = |row| {
        let mut out = Vec::new();
        encoders.value(0, row, &mut out).unwrap().then_some(out)
    };
    (0..rows).map(value).collect()
}

fn binary(sql_type: SqlType, array: impl Array + 'static) -> Vec<u8> {
    let values = encode(sql_type.field("c"), Arc::new(array), Format::Binary);
    assert_eq!(values.len(), 1);
    values.into_iter().next().unwrap().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes are those of PostgreSQL 15: `SELECT encode(…send(value), 'hex')`.
#[test]
fn binary_values_are_postgresqls() {
    assert_eq!(hex(&binary(SqlType::Boolean, BooleanArray::from(vec![true]))), "01");
    assert_eq!(hex(&binary(SqlType::SmallInt, Int16Array::from(vec![-2]))), "fffe");
    assert_eq!(hex(&binary(SqlType::Integer, Int32Array::from(vec![-2]))), "fffffffe");
    assert_eq!(hex(&binary(SqlType::BigInt, Int64Array::from(vec![258]))), "0000000000000102");
    assert_eq!(hex(&binary(SqlType::Real, Float32Array::from(vec![1.5]))), "3fc00000");
    assert_eq!(hex(&binary(SqlType::Double, Float64Array::from(vec![-1.5]))), "bff8000000000000");
    let numeric = Decimal128Array::from(vec![-123_450]).with_precision_and_scale(10, 3).unwrap();
    assert_eq!(hex(&binary(SqlType::Numeric(10, 3), numeric)), "0002000040000003007b1194");
    for (text, expected) in [
        ("12345.678", "0003000100000003000109291a7c"),
        ("-0.00", "0000000000000002"),
        ("1e8", "00010002000000000001"),
        ("-0.00001", "0001fffe4000000503e8"),
        ("NaN", "00000000c0000000"),
        ("Infinity", "00000000d0000020"),
        ("-Infinity", "00000000f0000020"),
    ] {
        let value = Decimal::parse(text).unwrap();
        let bytes = encoding::encoded(&value);
        assert_eq!(hex(&binary(SqlType::NUMERIC, LargeBinaryArray::from(vec![bytes.as_slice()]))), expected, "{text}");
        let bytes: Vec<u8> =
            (0..expected.len()).step_by(2).map(|at| u8::from_str_radix(&expected[at..at + 2], 16).unwrap()).collect();
        assert_eq!(numeric::read_any(&bytes).unwrap(), value, "{text}");
    }
    assert_eq!(hex(&binary(SqlType::Text, StringArray::from(vec!["é"]))), "c3a9");
    assert_eq!(hex(&binary(SqlType::Varchar(3), StringArray::from(vec!["ab"]))), "6162");
    assert_eq!(hex(&binary(SqlType::Bytea, BinaryArray::from_vec(vec![b"\0\xff"]))), "00ff");
    assert_eq!(hex(&binary(SqlType::Date, Date32Array::from(vec![10_958]))), "00000001");
    let second = EPOCH_MICROS + 1_000_000;
    assert_eq!(hex(&binary(SqlType::Timestamp, TimestampMicrosecondArray::from(vec![second]))), "00000000000f4240");
    let zoned = TimestampMicrosecondArray::from(vec![second]).with_timezone("UTC");
    assert_eq!(hex(&binary(SqlType::TimestampTz, zoned)), "00000000000f4240");
    let interval = IntervalMonthDayNano { months: 14, days: -3, nanoseconds: 4_000_000 };
    let interval = binary(SqlType::Interval, IntervalMonthDayNanoArray::from(vec![interval]));
    assert_eq!(hex(&interval), "0000000000000fa0fffffffd0000000e");
    let uuid = StringArray::from(vec!["00112233-4455-6677-8899-aabbccddeeff"]);
    assert_eq!(hex(&binary(SqlType::Uuid, uuid)), "00112233445566778899aabbccddeeff");
    assert_eq!(hex(&binary(SqlType::Jsonb, StringArray::from(vec!["[1]"]))), "015b315d");
}

/// PostgreSQL's `record_send(ROW(1, 'ab', NULL::bigint, ROW(true)))`.
#[test]
fn binary_rows() {
    let row = |types: Vec<SqlType>| SqlType::Row(Arc::new(RowType::anonymous(types)));
    let inner = row(vec![SqlType::Boolean]);
    let sql_type = row(vec![SqlType::Integer, SqlType::Text, SqlType::BigInt, inner]);
    let mut column = crate::format::text::ColumnBuilder::new(&sql_type);
    column.append_text("(1,ab,,\"(t)\")").unwrap();
    column.append_null();
    let values = encode(sql_type.field("c"), column.finish(), Format::Binary);
    let sent = "000000040000001700000004000000010000001900000002616200000014ffffffff000008c90000000d00000001000000100000000101";
    assert_eq!(values[0].as_ref().map(|bytes| hex(bytes)).as_deref(), Some(sent));
    assert_eq!(values[1], None);
}

#[test]
fn binary_arrays() {
    let array = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        Some(vec![]),
        None,
        Some(vec![Some(3)]),
    ]);
    let field = SqlType::Array(Box::new(SqlType::Integer)).field("c");
    let values = encode(field, Arc::new(array), Format::Binary);
    let hex: Vec<_> = values.iter().map(|value| value.as_ref().map(|bytes| hex(bytes))).collect();
    assert_eq!(
        hex,
        [
            Some("00000001000000010000001700000002000000010000000400000001ffffffff".to_string()),
            Some("000000000000000000000017".to_string()),
            None,
            Some("000000010000000000000017000000010000000100000004".to_string() + "00000003"),
        ]
    );
}

/// `{{1,2},{3,4}}` has two dimensions; `{{1},{2,3}}` has no shape and is 2202E.
#[test]
fn arrays_of_arrays_are_multidimensional() {
    let nested = |lengths: [usize; 2]| {
        let total: usize = lengths.iter().sum();
        let items = Int32Array::from_iter_values(1..=total as i32);
        let inner_field = Arc::new(SqlType::Integer.field("item"));
        let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths(lengths);
        let inner = ListArray::new(Arc::clone(&inner_field), offsets, Arc::new(items), None);
        let outer_field = Arc::new(Field::new("item", inner.data_type().clone(), true));
        let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths([2]);
        ListArray::new(outer_field, offsets, Arc::new(inner), None)
    };
    let sql_type = SqlType::Array(Box::new(SqlType::Array(Box::new(SqlType::Integer))));
    let encoded = hex(&binary(sql_type.clone(), nested([2, 2])));
    assert!(encoded.starts_with("00000002000000000000001700000002000000010000000200000001"), "{encoded}");
    let ragged: ArrayRef = Arc::new(nested([1, 2]));
    let column = Column::binary(&ragged, &sql_type.field("c")).unwrap();
    assert_eq!(column.encoder.write(0, &mut Vec::new()).unwrap_err().code, "2202E");
}

/// Types that no column of ours has come out as the SQL type that describes them.
#[test]
fn foreign_arrow_types_travel_as_the_type_that_describes_them() {
    let field = |data_type| Field::new("c", data_type, true);
    let values = encode(field(DataType::UInt64), Arc::new(UInt64Array::from(vec![u64::MAX])), Format::Binary);
    assert_eq!(hex(values[0].as_ref().unwrap()), "000500040000000007341a5802e103bb064f");
    let view = StringViewArray::from(vec![Some("a long text that is not inlined"), None]);
    let values = encode(field(DataType::Utf8View), Arc::new(view), Format::Binary);
    assert_eq!(values, [Some(b"a long text that is not inlined".to_vec()), None]);
    let values = encode(field(DataType::Null), Arc::new(NullArray::new(1)), Format::Binary);
    assert_eq!(values, [None]);
}

#[test]
fn a_row_has_lengths_and_nulls() {
    let schema = Schema::new(vec![SqlType::Integer.field("a"), SqlType::Text.field("b")]);
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int32Array::from(vec![7])), Arc::new(StringArray::from(vec![None::<&str>]))];
    let batch = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    let formats = Formats::new(&[1, 0]).unwrap();
    let mut out = BytesMut::new();
    Encoders::new(&batch, &formats, &TextOptions::default()).unwrap().data_row(0, &mut out).unwrap();
    assert_eq!(out.as_ref(), b"D\0\0\0\x12\0\x02\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff");
}

#[test]
fn formats_are_none_one_or_one_each() {
    let formats = |codes: &[i16]| Formats::new(codes).unwrap();
    assert_eq!(
        (formats(&[]).of(3), formats(&[1]).of(3), formats(&[0, 1]).of(1)),
        (Format::Text, Format::Binary, Format::Binary)
    );
    formats(&[1]).check(0, "result").unwrap();
    formats(&[0, 1]).check(2, "result").unwrap();
    let error = formats(&[0, 1]).check(3, "result").unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str()),
        ("08P01", "bind message has 2 result formats but query has 3 columns")
    );
    let error = formats(&[0, 1]).check(3, "parameter").unwrap_err();
    assert_eq!(error.message, "bind message has 2 parameter formats but 3 parameters");
    assert_eq!(Formats::new(&[2]).unwrap_err().code, "22023");
}
