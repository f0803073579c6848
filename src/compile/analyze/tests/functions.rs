//! Functions and operators against PostgreSQL's recorded answers.

use datafusion::arrow::datatypes::Field;
use futures::TryStreamExt;

use super::{Shop, error};
use crate::compile::analyze::{Settings, plan_select};
use crate::compile::parse::Query;
use crate::error::Error;
use crate::format::text::{TextOptions, Writer};
use crate::types::SqlType;

fn type_name(field: &Field) -> String {
    fn plain(sql_type: &SqlType) -> String {
        match sql_type {
            SqlType::Numeric(..) => "numeric".to_string(),
            SqlType::Varchar(_) => "character varying".to_string(),
            SqlType::Array(item) => format!("{}[]", plain(item)),
            other => other.to_string(),
        }
    }
    plain(&SqlType::of(field))
}

/// Type and value of an expression.
fn answer(expression: &str) -> Result<(String, String), Error> {
    let query = Query::from_text(&format!("SELECT {expression}"))?;
    let select = plan_select(&query, &Shop, &Settings::default(), &[])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let schema = std::sync::Arc::clone(&select.schema);
    let batches: Vec<_> = runtime.block_on(async {
        let stream = select.execute(std::collections::HashMap::new(), &[]).await?;
        stream.try_collect().await.map_err(error::from_execution)
    })?;
    let column = batches[0].column(0);
    let name = type_name(schema.field(0));
    if datafusion::arrow::array::Array::is_null(column, 0) {
        return Ok((name, "NULL".to_string()));
    }
    let mut text = Vec::new();
    Writer::new(schema.field(0), &TextOptions::default())?.write(column, 0, &mut text)?;
    Ok((name, String::from_utf8_lossy(&text).replace('\n', "\\n")))
}

/// `functions.tsv` is what PostgreSQL 15 answers: expression, type and value, or SQLSTATE and message.
#[test]
fn functions_and_operators_answer_as_postgres_does() {
    let mut wrong = Vec::new();
    let lines: Vec<&str> = include_str!("functions.tsv").lines().collect();
    assert!(lines.len() > 900, "{}", lines.len());
    for line in lines {
        let [expression, expected_type, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let found = answer(expression).unwrap_or_else(|error| (format!("!{}", error.code), error.message));
        if found != (expected_type.to_string(), expected.to_string()) {
            wrong.push(format!("{expression}: {found:?} instead of {:?}", (expected_type, expected)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What PostgreSQL does not have: NULL instead of an error.
#[test]
fn attempts_answer_null_for_errors() {
    for (expression, expected) in [
        ("try(1 / 0)", "NULL"),
        ("try(1 / 2.0)", "0.50000000000000000000"),
        ("coalesce(try('x'::int), -1)", "-1"),
        ("try_cast('12' AS int)", "12"),
        ("try_cast('x' AS int)", "NULL"),
        ("try_cast('2024-02-30' AS date)", "NULL"),
        ("try_cast('1.239' AS numeric(4,2))", "1.24"),
    ] {
        assert_eq!(answer(expression).map(|(_, value)| value), Ok(expected.to_string()), "{expression}");
    }
    assert_eq!(answer("try_cast(now() AS int)").unwrap_err().code, crate::error::code::CANNOT_COERCE);
    assert_eq!(super::answer("SELECT try(10 / (x - 1)) FROM t ORDER BY x"), ["NULL", "10", "NULL"]);
}
