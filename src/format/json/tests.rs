//! Hand-written rows, arrow-json as the oracle of valid records, serde_json as the oracle of broken ones, and the round trip.

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{FieldRef, Int64Type, Schema, SchemaRef};
use serde_json::Value;

use super::*;
use crate::connector::{Options, RawBatch};
use crate::format::tests::batch_of;
use crate::format::text::{ColumnBuilder, TextOptions, Writer};
use crate::format::{Decoded, Decoder, Include, Layout};
use crate::types::{RowType, SqlType};

// What the encoder writes.
mod encoded;

/// xorshift64: the same numbers on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

fn schema_of(columns: &[(&str, SqlType)]) -> SchemaRef {
    Schema::new(columns.iter().map(|(name, sql_type)| sql_type.field(name)).collect::<Vec<_>>()).into()
}

fn decoder_of(schema: SchemaRef, includes: Vec<Include>) -> Box<dyn Decoder> {
    (FORMAT.decoder)(&Options::default(), &Layout { schema, includes }).unwrap()
}

fn decode_one(sql_type: SqlType, record: &str) -> Result<String, String> {
    let schema = schema_of(&[("x", sql_type)]);
    let decoded = decoder_of(schema, vec![]).decode(&batch_of(&[record.as_bytes()]));
    match decoded.rejected.first() {
        Some(reject) => {
            assert_eq!((decoded.rows.num_rows(), reject.payload.as_deref()), (0, Some(record.as_bytes())));
            Err(reject.reason.clone())
        }
        None => Ok(cell(&decoded.rows, 0, 0)),
    }
}

fn cell(rows: &RecordBatch, column: usize, row: usize) -> String {
    let writer = Writer::new(rows.schema().field(column), &TextOptions::default()).unwrap();
    let bound = writer.bind(rows.column(column)).unwrap();
    if bound.is_null(row) {
        return "NULL".to_string();
    }
    let mut text = Vec::new();
    bound.write(row, &mut text);
    String::from_utf8(text).unwrap()
}

/// A row type of several fields.
fn address() -> SqlType {
    let tags = SqlType::Array(Box::new(SqlType::Text));
    let fields = [("street", SqlType::Text), ("zip", SqlType::Integer), ("tags", tags)];
    let fields = fields.map(|(name, sql_type)| (name.to_string(), sql_type)).to_vec();
    SqlType::Row(Arc::new(RowType { name: None, fields }))
}

#[test]
fn values_become_what_the_table_says() {
    use SqlType::*;
    let array = |item| Array(Box::new(item));
    for (sql_type, value, expected) in [
        (BigInt, "12", "12"),
        (BigInt, "-9223372036854775808", "-9223372036854775808"),
        (BigInt, "1e3", "1000"),
        (Integer, "1.0", "1"),
        (SmallInt, "-32768", "-32768"),
        (SmallInt, "null", "NULL"),
        (Numeric(10, 2), "1.005", "1.01"),
        (Numeric(10, 2), "\"-1.005\"", "-1.01"),
        (Numeric(38, 10), "1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"),
        (Double, "0.1", "0.1"),
        (Double, "\"-Infinity\"", "-Infinity"),
        (Real, "\"NaN\"", "NaN"),
        (Boolean, "true", "t"),
        (Text, r#""a\u00e9\ud83d\ude00\n\"\/""#, "aé😀\n\"/"),
        (Text, "\"\"", ""),
        (Varchar(3), "\"abc  \"", "abc"),
        (Date, "\"2024-02-29\"", "2024-02-29"),
        (Timestamp, "\"2024-01-05T06:07:08.5Z\"", "2024-01-05 06:07:08.5"),
        (Timestamp, "1704434828500", "2024-01-05 06:07:08.5"),
        (TimestampTz, "\"2024-01-05T06:07:08+05:30\"", "2024-01-05 00:37:08+00"),
        (TimestampTz, "\"2024-01-05 06:07:08\"", "2024-01-05 06:07:08+00"),
        (TimestampTz, "-1", "1969-12-31 23:59:59.999+00"),
        (TimestampTz, "\"Jan 5, 2024 3:04 PM\"", "2024-01-05 15:04:00+00"),
        (Interval, "\"1 day 02:03:04\"", "1 day 02:03:04"),
        (Interval, "\"P1Y2M\"", "1 year 2 mons"),
        (Uuid, "\"{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}\"", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (Bytea, "\"AP8=\"", "\\x00ff"),
        (Bytea, "\"\\\\x00ff\"", "\\x00ff"),
        (Jsonb, r#"{"b":[1,{}],"a":"\u0041","aa":1.50,"a":null}"#, r#"{"a": null, "b": [1, {}], "aa": 1.50}"#),
        (array(BigInt), "[1, null, 3]", "{1,NULL,3}"),
        (array(array(Text)), r#"[["a","b c"],[null,""]]"#, r#"{{a,"b c"},{NULL,""}}"#),
        (array(array(Text)), "[[],[]]", "{}"),
        (address(), r#"{"street":"A \"1\"", "zip":7, "more":[{}]}"#, r#"("A ""1""",7,)"#),
        (address(), r#"{"Zip":1,"ZIP":2,"zip":3,"zip":null,"tags":["a","b c"],"STREET":"x"}"#, r#"(x,,"{a,""b c""}")"#),
        (address(), "{}", "(,,)"),
        (address(), "null", "NULL"),
        (array(address()), r#"[{"zip":1},null,{"zip":2,"zip":3}]"#, r#"{"(,1,)",NULL,"(,3,)"}"#),
    ] {
        let record = format!(" {{ \"x\" : {value} }} ");
        assert_eq!(decode_one(sql_type, &record).as_deref(), Ok(expected), "{record}");
    }
}

#[test]
fn what_is_no_row_says_why() {
    use SqlType::*;
    for (sql_type, record, expected) in [
        (BigInt, r#"{"x":"abc"}"#, r#"column "x": expected bigint, found string "abc" at byte 5"#),
        (BigInt, r#"{"x":1.5}"#, r#"column "x": expected bigint, found number 1.5 at byte 5"#),
        (SmallInt, r#"{"x":32768}"#, r#"column "x": value "32768" is out of range for type smallint at byte 5"#),
        (
            BigInt,
            r#"{"x":9223372036854775808}"#,
            r#"column "x": value "9223372036854775808" is out of range for type bigint at byte 5"#,
        ),
        (Double, r#"{"x":1e999}"#, r#"column "x": "1e999" is out of range for type double precision at byte 5"#),
        (Double, r#"{"x":NaN}"#, r#"column "x": invalid JSON: expected a JSON value at byte 5"#),
        (Double, r#"{"x":"1"}"#, r#"column "x": expected double precision, found string "1" at byte 5"#),
        (
            Numeric(3, 1),
            r#"{"x":100}"#,
            r#"column "x": numeric field overflow (A field with precision 3, scale 1 must round to an absolute value less than 10^2.) at byte 5"#,
        ),
        (Boolean, r#"{"x":1}"#, r#"column "x": expected boolean, found number 1 at byte 5"#),
        (Text.array_of(2), r#"{"x":["a"]}"#, r#"column "x": expected text[], found string "a" at byte 6"#),
        (
            Text.array_of(2),
            r#"{"x":[["a"],[]]}"#,
            r#"column "x": multidimensional arrays must have array expressions with matching dimensions at byte 5"#,
        ),
        (
            address(),
            r#"{"x":"a"}"#,
            r#"column "x": expected record, found string "a" at byte 5; declare the column as jsonb to take any JSON value"#,
        ),
        (
            address(),
            r#"{"x":{"zip":"a"}}"#,
            r#"column "x": field "zip": expected integer, found string "a" at byte 12"#,
        ),
        (
            address(),
            r#"{"x":{"tags":["a",1]}}"#,
            r#"column "x": field "tags": expected text[], found number 1 at byte 18"#,
        ),
        (
            Text,
            r#"{"x":{"a":1}}"#,
            r#"column "x": expected text, found object {"a":1} at byte 5; declare the column as jsonb to take any JSON value"#,
        ),
        (Text, r#"{"x":"a\u0000"}"#, r#"column "x": invalid byte sequence for encoding "UTF8": 0x00 at byte 5"#),
        (Text, r#"{"x":"\ud800"}"#, r#"column "x": invalid JSON: invalid escape sequence at byte 6"#),
        (Varchar(3), r#"{"x":"äöüß"}"#, r#"column "x": value too long for type character varying(3) at byte 5"#),
        (Date, r#"{"x":"2024-02-30"}"#, r#"column "x": date/time field value out of range: "2024-02-30" at byte 5"#),
        (
            Bytea,
            r#"{"x":"A"}"#,
            r#"column "x": bytea is neither base64 nor \x and hexadecimal digits: Invalid input length: 1 at byte 5"#,
        ),
        (Jsonb, r#"{"x":{"a":[1,}}"#, r#"column "x": invalid JSON: expected a JSON value at byte 13"#),
        (Array(Box::new(BigInt)), r#"{"x":[1,"a"]}"#, r#"column "x": expected bigint[], found string "a" at byte 8"#),
        (Array(Box::new(BigInt)), r#"{"x":1}"#, r#"column "x": expected bigint[], found number 1 at byte 5"#),
        (BigInt, r#"{"x":1"#, "invalid JSON: unexpected end at byte 6"),
        (BigInt, r#"{"x":1} x"#, "invalid JSON: unexpected text after the value at byte 8"),
        (BigInt, r#"{"x":1,}"#, "invalid JSON: expected a key at byte 7"),
        (BigInt, r#"{"y":01}"#, "invalid JSON: a number must not start with 0 at byte 6"),
        (BigInt, r#"{"y":tru}"#, "invalid JSON: expected a JSON value at byte 5"),
        (BigInt, r#"{"y":"\q"}"#, "invalid JSON: invalid escape sequence at byte 6"),
        (BigInt, "[1]", "invalid JSON: expected an object at byte 0"),
        (BigInt, "12x", "invalid JSON: expected an object at byte 0"),
        (BigInt, "", "empty value"),
        (BigInt, " ", "invalid JSON: unexpected end at byte 1"),
    ] {
        assert_eq!(decode_one(sql_type, record).err().as_deref(), Some(expected), "{record}");
    }
    let deep = format!("{{\"y\":{}{}}}", "[".repeat(128), "]".repeat(128));
    assert_eq!(decode_one(BigInt, &deep), Err("invalid JSON: nested too deep at byte 132".to_string()));
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(127), "]".repeat(127));
    assert_eq!(decode_one(Jsonb, &deep), Ok(deep[5..deep.len() - 1].to_string()));
}

#[test]
fn keys_are_found_in_any_order_and_case() {
    let schema = schema_of(&[("id", SqlType::BigInt), ("Name", SqlType::Text), ("n", SqlType::BigInt)]);
    let mut decoder = decoder_of(schema, vec![]);
    let records: Vec<&[u8]> = vec![
        br#"{"id":1,"Name":"a","n":1}"#,
        br#"{"n":2,"extra":[{"id":9}],"ID":2,"name":"b"}"#,
        br#"{"id":3,"id":4}"#,
        br#"{"ID":5,"id":6,"Id":7}"#,
        br#"{"i\u0064":8,"n":null,"Name":"c"}"#,
        br#"{}"#,
        br#"{"id":1,"Name":5}"#,
        br#"{ "id" : 9 , "Name" : "d" , "n" : 3 }"#,
    ];
    let Decoded { rows, rejected } = decoder.decode(&batch_of(&records));
    let table: Vec<String> = (0..rows.num_rows())
        .map(|row| (0..3).map(|column| cell(&rows, column, row)).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(table, ["1 a 1", "2 b 2", "4 NULL NULL", "6 NULL NULL", "8 c NULL", "NULL NULL NULL", "9 d 3"]);
    assert_eq!((rejected.len(), rejected[0].offset, rejected[0].partition), (1, 16, 3));
}

#[test]
fn metadata_not_null_and_tombstones() {
    let fields = vec![
        SqlType::BigInt.field("id").with_nullable(false),
        SqlType::Text.field("k"),
        SqlType::Integer.field("p"),
        SqlType::BigInt.field("o"),
        SqlType::TimestampTz.field("t"),
        SqlType::Jsonb.field("h"),
    ];
    let includes = vec![Include::Key, Include::Partition, Include::Offset, Include::Timestamp, Include::Headers];
    let mut decoder = decoder_of(Schema::new(fields).into(), includes);
    let mut batch = batch_of(&[br#"{"id":1}"#, b"{}", br#"{"id":2}"#, br#"{"id":3}"#, b""]);
    let key = |batch: &mut RawBatch, record: usize, key: &[u8]| {
        let start = batch.arena.len();
        batch.arena.extend_from_slice(key);
        batch.records[record].key = Some(start..batch.arena.len());
    };
    key(&mut batch, 0, b"k1");
    key(&mut batch, 2, b"\xff");
    batch.records[0].headers = vec![
        ("a\"".to_string(), Some(bytes::Bytes::from_static(b"v"))),
        ("a\"".to_string(), Some(bytes::Bytes::from_static(b"\xff"))),
        ("b".to_string(), None),
    ];
    batch.records[3].timestamp_ms = -1;
    batch.records[4].value = None;
    let Decoded { rows, rejected } = decoder.decode(&batch);
    let row = |row: usize| (0..6).map(|column| cell(&rows, column, row)).collect::<Vec<_>>().join("|");
    assert_eq!(
        row(0),
        concat!(
            r#"1|k1|3|10|1970-01-01 00:00:01+00|[{"key": "a\"", "value": "v"}, "#,
            r#"{"key": "a\"", "value": null, "base64": "/w=="}, {"key": "b", "value": null}]"#
        )
    );
    assert_eq!(row(1), "3|NULL|3|13|NULL|[]");
    let reasons: Vec<&str> = rejected.iter().map(|reject| reject.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "column \"id\": null value violates not-null constraint",
            "column \"k\": invalid UTF-8 in the key",
            "null value (tombstone)"
        ]
    );
    assert_eq!((rejected[1].key.as_deref(), rejected[2].payload.as_deref()), (Some(&b"\xff"[..]), None));
}

#[test]
fn a_layout_without_value_columns_counts_rows() {
    let mut decoder = decoder_of(Schema::empty().into(), vec![]);
    let decoded = decoder.decode(&batch_of(&[b"{}", br#"{"a":1}"#, b"x"]));
    assert_eq!((decoded.rows.num_rows(), decoded.rejected.len()), (2, 1));
}

const COLUMNS: [&str; 8] = ["id", "name", "score", "ok", "tags", "counts", "address", "addresses"];

fn random_schema() -> SchemaRef {
    let array = |item| SqlType::Array(Box::new(item));
    let types = [
        SqlType::BigInt,
        SqlType::Text,
        SqlType::Double,
        SqlType::Boolean,
        array(SqlType::Text),
        array(SqlType::Integer),
        address(),
        array(address()),
    ];
    schema_of(&COLUMNS.into_iter().zip(types).collect::<Vec<_>>())
}

fn random_string(random: &mut Random) -> String {
    let parts = [
        "a",
        "Zz",
        "é",
        "日本",
        "\\n",
        "\\\"",
        "\\\\",
        "\\u00e9",
        "\\ud83d\\ude00",
        " ",
        "{}[],:",
        "longer text 0123456789",
    ];
    let body: String = (0..random.below(6)).map(|_| random.pick(&parts)).collect();
    format!("\"{body}\"")
}

fn random_integer(random: &mut Random, digits: u32) -> String {
    let bound = 10usize.pow(1 + random.below(digits as usize) as u32);
    format!("{}{}", random.pick(&["", "-"]), random.below(bound))
}

fn random_value(random: &mut Random, column: usize) -> String {
    match column {
        _ if random.below(8) == 0 => "null".to_string(),
        0 => random_integer(random, 18),
        1 => random_string(random),
        2 => format!("{}.{}e{}", random_integer(random, 6), random.below(1_000), random.below(40) as i32 - 20),
        3 => random.pick(&["true", "false"]).to_string(),
        4 => format!("[{}]", (0..random.below(4)).map(|_| random_string(random)).collect::<Vec<_>>().join(" , ")),
        5 => format!("[{}]", (0..random.below(4)).map(|_| random_integer(random, 8)).collect::<Vec<_>>().join(",")),
        6 => random_address(random),
        _ => format!("[{}]", (0..random.below(4)).map(|_| random_value(random, 6)).collect::<Vec<_>>().join(",")),
    }
}

fn random_address(random: &mut Random) -> String {
    let mut members = Vec::new();
    for (name, column) in [("zip", 7), ("street", 1), ("other", 3), ("tags", 4)] {
        if random.below(3) > 0 {
            let value = if column == 7 { random_integer(random, 8) } else { random_value(random, column) };
            members.push(format!("\"{name}\" :{value}"));
        }
    }
    if random.below(2) == 0 {
        members.reverse();
    }
    format!("{{{}}}", members.join(" , "))
}

/// A valid record with keys missing, permuted and added, and white space here and there.
fn random_record(random: &mut Random) -> String {
    let mut members: Vec<String> = Vec::new();
    for (column, name) in COLUMNS.iter().enumerate() {
        if random.below(6) > 0 {
            let colon = random.pick(&[":", ":", ": ", " : "]);
            members.push(format!("\"{name}\"{colon}{}", random_value(random, column)));
        }
    }
    if random.below(4) == 0 {
        let extra = random.pick(&["{\"id\":[1,{\"x\":null}]}", "\"\\u0041\"", "-1.5E+3", "[]", "true"]);
        members.insert(random.below(members.len() + 1), format!("\"extra{}\":{extra}", random.below(3)));
    }
    if random.below(3) == 0 {
        for at in (1..members.len()).rev() {
            members.swap(at, random.below(at + 1));
        }
    }
    format!("{{{}}}", members.join(random.pick(&[",", ", ", "\n,\t"])))
}

#[test]
fn valid_records_equal_what_arrow_json_reads() {
    let schema = random_schema();
    let mut random = Random(0x5eed);
    let mut decoder = decoder_of(SchemaRef::clone(&schema), vec![]);
    for _ in 0..40 {
        let records: Vec<String> = (0..50).map(|_| random_record(&mut random)).collect();
        let decoded = decoder.decode(&batch_of(&records.iter().map(String::as_bytes).collect::<Vec<_>>()));
        assert_eq!(decoded.rejected, vec![]);
        let mut oracle = arrow_json::ReaderBuilder::new(SchemaRef::clone(&schema)).build_decoder().unwrap();
        for record in &records {
            assert_eq!(oracle.decode(record.as_bytes()).unwrap(), record.len());
        }
        assert_eq!(decoded.rows, oracle.flush().unwrap().unwrap());
    }
}

/// Flips, inserts, removes or cuts off some bytes.
fn mutate(record: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = record.as_bytes().to_vec();
    for _ in 0..=random.below(2) {
        let at = random.below(bytes.len() + 1).min(bytes.len().saturating_sub(1));
        match random.below(5) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 if !bytes.is_empty() => {
                bytes.remove(at);
            }
            3 => bytes.insert(at, b"\"\\{}[]:,0-e.\xff\x00"[random.below(14)]),
            _ if !bytes.is_empty() => bytes[at] = random.below(256) as u8,
            _ => {}
        }
    }
    bytes
}

#[test]
fn broken_records_are_rejected_one_by_one() {
    let mut random = Random(0xbad);
    let mut decoder = decoder_of(random_schema(), vec![]);
    let mut accepted = 0;
    for _ in 0..60 {
        let records: Vec<Vec<u8>> = (0..100).map(|_| mutate(&random_record(&mut random), &mut random)).collect();
        let values: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let Decoded { rows, rejected } = decoder.decode(&batch_of(&values));
        assert_eq!(rows.num_rows() + rejected.len(), records.len());
        accepted += rows.num_rows();
        let mut row = 0;
        for (at, record) in values.iter().enumerate() {
            let whole = serde_json::from_slice::<Value>(record);
            match rejected.iter().find(|reject| reject.offset == 10 + at as i64) {
                Some(reject) if reject.reason.contains("invalid JSON") => {
                    let object = whole.is_ok_and(|value| value.is_object());
                    assert!(!object, "{}: {}", reject.reason, String::from_utf8_lossy(record));
                }
                Some(_) => {}
                None => {
                    let text = std::str::from_utf8(record).expect("an accepted record is UTF-8");
                    serde_json::from_str::<serde::de::IgnoredAny>(text).expect("an accepted record is JSON");
                    if let Ok(value) = whole {
                        check_row(&rows, row, &value);
                    }
                    row += 1;
                }
            }
        }
    }
    assert!((500..5_000).contains(&accepted), "{accepted} of 6000 accepted: the mutations test nothing");
}

fn check_row(rows: &RecordBatch, row: usize, value: &Value) {
    // The last key that is the name wins, else the last that is but for its case.
    let member = |name: &str| {
        let object = value.as_object().expect("an accepted record is an object");
        let mut folded = object.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        object.get(name).or(folded.next_back()).filter(|value| !value.is_null()).cloned()
    };
    let id = rows.column(0).as_primitive::<Int64Type>();
    let id = id.is_valid(row).then(|| id.value(row) as f64);
    assert_eq!(id, member("id").and_then(|id| id.as_f64()), "{value}");
    let name = rows.column(1).as_string::<i32>();
    let name = name.is_valid(row).then(|| name.value(row).to_string());
    assert_eq!(name, member("name").map(|name| name.as_str().unwrap().to_string()), "{value}");
}
