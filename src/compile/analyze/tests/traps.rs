//! Where DataFusion's defaults would give other results than PostgreSQL.

use std::sync::Arc;

use datafusion::scalar::ScalarValue;

use super::{answer, answer_in, answer_with, berlin, columns, complaint, planned};
use crate::error::code;
use crate::types::SqlType;

#[test]
fn now_is_fixed_by_the_caller() {
    assert_eq!(answer("SELECT now() = now(), now()"), ["true|2023-11-14T22:13:20Z"]);
}

#[test]
fn time_zones() {
    let noon = "TIMESTAMP '2024-03-31 12:00:00'";
    assert_eq!(answer_in(&format!("SELECT {noon} AT TIME ZONE 'Europe/Berlin'"), &berlin()), ["2024-03-31T10:00:00Z"]);
    assert_eq!(
        answer_in(&format!("SELECT ({noon} AT TIME ZONE 'UTC') AT TIME ZONE 'Asia/Tokyo'"), &berlin()),
        ["2024-03-31T21:00:00"]
    );
    assert_eq!(answer_in("SELECT '2024-01-15 00:30:00'::timestamptz", &berlin()), ["2024-01-14T23:30:00Z"]);
    assert_eq!(
        answer_in("SELECT date_trunc('day', '2024-01-15 00:30:00'::timestamptz)", &berlin()),
        ["2024-01-14T23:00:00Z"]
    );
    assert_eq!(answer_in("SELECT '2024-01-15 00:30:00'::timestamptz::date", &berlin()), ["2024-01-15"]);
    assert_eq!(answer_in("SELECT extract(hour FROM '2024-07-15 10:00:00+00'::timestamptz)", &berlin()), ["12"]);
    assert_eq!(answer("SELECT '2024-01-15 00:30:00'::timestamptz::date"), ["2024-01-15"]);
}

#[test]
fn overflow_is_an_error() {
    for (sql, message) in [
        ("SELECT 9223372036854775807 + 1", "bigint out of range"),
        ("SELECT 2147483647 + 1", "integer out of range"),
        ("SELECT 2147483647 * 2", "integer out of range"),
        ("SELECT 32767::smallint + 1::smallint", "smallint out of range"),
        ("SELECT '1e308'::double precision * 10::double precision", "value out of range: overflow"),
    ] {
        let error = complaint(sql);
        assert_eq!((error.code, error.message.as_str()), (code::NUMERIC_VALUE_OUT_OF_RANGE, message), "{sql}");
    }
    for sql in [
        "SELECT 1 / 0",
        "SELECT 1 % 0",
        "SELECT 1.0 / 0",
        "SELECT 1.0::double precision / 0",
        "SELECT x / (x - x) FROM t",
    ] {
        let error = complaint(sql);
        assert_eq!((error.code, error.message.as_str()), (code::DIVISION_BY_ZERO, "division by zero"), "{sql}");
    }
}

#[test]
fn conditions_guard_those_after_them() {
    let rows = "(VALUES (0), (1), (2), (0)) v(n)";
    assert_eq!(answer(&format!("SELECT n FROM {rows} WHERE n <> 0 AND 10 / n > 5")), ["1"]);
    assert_eq!(answer(&format!("SELECT n FROM {rows} WHERE CASE WHEN n <> 0 THEN 10 / n > 5 END")), ["1"]);
    assert_eq!(
        answer(&format!("SELECT CASE WHEN n <> 0 THEN 10 / n > 5 END FROM {rows} ORDER BY n")),
        ["NULL", "NULL", "true", "false"]
    );
    assert_eq!(complaint(&format!("SELECT n FROM {rows} WHERE 10 / n > 5")).code, code::DIVISION_BY_ZERO);
}

#[test]
fn float_keys() {
    let floats = "(VALUES (0.0::double precision), ('-0'::double precision), ('NaN'::double precision), ('NaN'::double precision)) a(x)";
    assert_eq!(answer(&format!("SELECT count(*) FROM (SELECT x FROM {floats} GROUP BY x) g")), ["2"]);
}

#[test]
fn strings_are_not_views() {
    assert_eq!(
        columns("SELECT 'a' AS a, md5('a') AS m, concat('a', 'b') AS c, 'x'::varchar AS v")[..3],
        ["a text", "m text", "c text"]
    );
    let schema = planned("SELECT 'a' AS a, substr('abc', 2) AS b, md5('x') AS c").expect("a plan").schema;
    assert!(schema.fields().iter().all(|field| *field.data_type() == SqlType::Text.arrow()), "{schema}");
}

#[test]
fn output_names_may_repeat() {
    assert_eq!(columns("SELECT x, x, y AS x FROM t"), ["x integer", "x integer", "x integer"]);
}

#[test]
fn parameters() {
    let select = planned("SELECT x + $1 FROM t WHERE y > $2 AND $3 = 'a' LIMIT 10").expect("a plan");
    let types: Vec<String> = select.parameters.iter().map(|field| SqlType::of(field).to_string()).collect();
    assert_eq!(types, ["integer", "integer", "text"]);
    assert_eq!(planned("SELECT $1").expect("a plan").parameters[0].data_type(), &SqlType::Text.arrow());
    let five = [ScalarValue::Int32(Some(5))];
    assert_eq!(answer_with("SELECT x + $1 FROM t WHERE x = 1", &[], &five), Ok(vec!["6".to_string()]));
    let hint = [Some(Arc::new(SqlType::BigInt.field("")))];
    let select = answer_with("SELECT $1", &hint, &[ScalarValue::Int64(Some(7))]);
    assert_eq!(select, Ok(vec!["7".to_string()]));
    let error = answer_with("SELECT $1", &hint, &[]).expect_err("no value");
    assert_eq!(error.message, "1 parameters are needed, 0 were given");
}
