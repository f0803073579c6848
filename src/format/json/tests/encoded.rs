//! What is encoded, and read back.

use super::*;

/// Columns of all types, filled from text: the usual values, and those at the edges.
fn all_types() -> Vec<(SqlType, Vec<&'static str>)> {
    use SqlType::*;
    let array = |item| Array(Box::new(item));
    vec![
        (Boolean, vec!["t", "f"]),
        (SmallInt, vec!["0", "-32768", "32767"]),
        (Integer, vec!["0", "-2147483648", "2147483647"]),
        (BigInt, vec!["0", "-9223372036854775808", "9223372036854775807", "999999999999999999"]),
        (Real, vec!["0", "-0", "1e-45", "3.4028235e+38", "NaN", "Infinity", "-Infinity", "0.1", "1e+06"]),
        (Double, vec!["0", "-0", "5e-324", "1.7976931348623157e+308", "NaN", "-Infinity", "2e23", "0.1"]),
        (Numeric(10, 2), vec!["0", "-99999999.99", "0.01", "12.5"]),
        (Numeric(38, 10), vec!["1234567890123456789012345678.0123456789", "-0.0000000001"]),
        (Text, vec!["", "a", "é\"\\\n\u{1}\u{7f}日本😀", "null", "{}", "\\x00"]),
        (Varchar(5), vec!["", "äöüß€"]),
        (Bytea, vec!["", "\\x00ff5c22", "abc"]),
        (Date, vec!["2024-02-29", "0044-03-15 BC", "12345-06-07"]),
        (Timestamp, vec!["2024-01-05 06:07:08.000009", "0044-03-15 10:00:00 BC", "12345-06-07 00:00:00"]),
        (TimestampTz, vec!["2024-01-05 06:07:08.9+00", "0044-03-15 10:00:00+00 BC", "12345-06-07 00:00:00+00"]),
        (Interval, vec!["0", "1 year 2 mons -3 days +04:05:06.000007", "-1 mons", "100:00:00"]),
        (Uuid, vec!["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
        (Jsonb, vec!["{\"b\": [1, null, \"\\\"\"], \"a\": 1.50}", "\"text\"", "[]", "12345678901234567890.5"]),
        (array(Integer), vec!["{}", "{1,NULL,3}"]),
        (array(Text), vec!["{\"\",NULL,\"NULL\",\"a \\\" \\\\ b\"}"]),
        (array(array(Double)), vec!["{{1,NaN},{NULL,2}}"]),
        (array(Timestamp), vec!["{\"2024-01-05 06:07:08\"}"]),
        (array(Jsonb), vec!["{\"{\\\"a\\\": 1}\"}"]),
        (address(), vec!["(,,)", "(\"a b\",-1,\"{x,\"\"y z\"\"}\")"]),
        (array(address()), vec!["{}", "{\"(a,1,)\",NULL,\"(,,{})\"}"]),
    ]
}

#[test]
fn what_is_encoded_is_decoded_as_the_same_row() {
    let mut random = Random(7);
    let types = all_types();
    let names: Vec<String> = (0..types.len()).map(|at| format!("c{at} \"é\"")).collect();
    let columns: Vec<_> =
        names.iter().map(String::as_str).zip(types.iter().map(|(sql_type, _)| sql_type.clone())).collect();
    let schema = schema_of(&columns);
    let mut builders: Vec<_> = types.iter().map(|(sql_type, _)| ColumnBuilder::new(sql_type)).collect();
    for _ in 0..200 {
        for (builder, (_, values)) in builders.iter_mut().zip(&types) {
            match random.below(values.len() + 1) {
                0 => builder.append_null(),
                pick => builder.append_text(values[pick - 1]).unwrap(),
            }
        }
    }
    let arrays = builders.iter_mut().map(ColumnBuilder::finish).collect();
    let rows = RecordBatch::try_new(SchemaRef::clone(&schema), arrays).unwrap();
    let fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    let mut encoder = (FORMAT.encoder.unwrap())(&Options::default(), &fields).unwrap();
    let encoded = encoder.encode(&rows, &[]).unwrap();
    let values: Vec<&[u8]> = encoded.iter().map(Vec::as_slice).collect();
    let decoded = decoder_of(schema, vec![]).decode(&batch_of(&values));
    assert_eq!(decoded.rejected, vec![]);
    for column in 0..rows.num_columns() {
        for (row, value) in values.iter().enumerate() {
            let text = String::from_utf8_lossy(value);
            assert_eq!(cell(&decoded.rows, column, row), cell(&rows, column, row), "{text}");
        }
    }
    for value in values {
        serde_json::from_slice::<Value>(value).expect("what is encoded is JSON");
    }
}

#[test]
fn the_encoder_writes_the_chosen_columns() {
    let schema = schema_of(&[
        ("a", SqlType::BigInt),
        ("t", SqlType::TimestampTz),
        ("b", SqlType::Bytea),
        ("j", SqlType::Jsonb),
        ("n", SqlType::Double),
    ]);
    let record = br#"{"a":1,"t":"2024-01-05T06:07:08.5Z","b":"\\x00ff","j":{"k": [1, 2]},"n":"NaN"}"#;
    let rows = decoder_of(SchemaRef::clone(&schema), vec![]).decode(&batch_of(&[record])).rows;
    let fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    let mut encoder = (FORMAT.encoder.unwrap())(&Options::default(), &fields).unwrap();
    let mut text = String::new();
    for columns in [vec![], vec![3, 0]] {
        for value in encoder.encode(&rows, &columns).unwrap() {
            writeln!(text, "{}", String::from_utf8(value).unwrap()).unwrap();
        }
    }
    assert_eq!(text, format!("{}\n{{\"j\":{{\"k\": [1, 2]}},\"a\":1}}\n", String::from_utf8_lossy(record)));
}
