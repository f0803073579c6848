//! Queries from text to rows against what PostgreSQL 15 answered in the zone Europe/Berlin: `*.tsv` beside this file have an expression,
//! its type and value, or the SQLSTATE and message, between tabs.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::ScalarUDF;
use futures::TryStreamExt;

use super::{ZONE, first};
use crate::compile::analyze::error::from_execution;
use crate::compile::analyze::{Relations, Resolved, Settings, plan_select};
use crate::compile::parse::Query;
use crate::error::{Error, Result};

/// No relations at all.
struct Nothing;

impl Relations for Nothing {
    fn resolve(&self, _schema: Option<&str>, _name: &str) -> Result<Option<Resolved>> {
        Ok(None)
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn function(&self, _name: &str) -> Option<Arc<ScalarUDF>> {
        None
    }
}

fn answer(expression: &str) -> Result<Vec<RecordBatch>, Error> {
    let settings = Settings { time_zone: ZONE.to_string(), ..Settings::default() };
    let select = plan_select(&Query::from_text(&format!("SELECT {expression}"))?, &Nothing, &settings, &[])?;
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let stream = select.execute(HashMap::new(), &[]).await?;
        stream.try_collect().await.map_err(from_execution)
    })
}

fn check(recorded: &str) {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for line in recorded.lines().filter(|line| !line.starts_with('#')) {
        let [expression, expected_type, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let answer = match answer(expression) {
            Ok(batches) => first(&batches),
            Err(error) => (format!("!{}", error.code), error.message),
        };
        checked += 1;
        if answer != (expected_type.to_string(), expected.to_string()) {
            wrong.push(format!("{expression}: {answer:?} instead of {:?}", (expected_type, expected)));
        }
    }
    assert!(checked > 100);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn json_is_as_in_postgres() {
    check(include_str!("json.tsv"));
}

#[test]
fn arrays_and_rows_are_as_in_postgres() {
    check(include_str!("array.tsv"));
}

#[test]
fn dates_and_times_are_as_in_postgres() {
    check(include_str!("time.tsv"));
}
