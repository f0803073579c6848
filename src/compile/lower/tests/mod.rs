//! Queries → operators as EXPLAIN prints them, or the complaint. Each golden file holds queries, each followed by its answer;
//! `UPDATE_GOLDEN=1` writes the answers anew, and the difference is to be read.

use std::fmt::Write;

use datafusion::arrow::datatypes::{DataType, Schema};

use crate::compile::analyze::tests::Shop;
use crate::compile::analyze::{Settings, plan_view};
use crate::compile::explain::explain;
use crate::compile::parse::Query;
use crate::compile::plan::{AggregateFunction, Plan};
use crate::error::Result;
use crate::types::SqlType;

#[test]
fn plans() {
    check("plans.txt", include_str!("plans.txt"));
}

#[test]
fn refusals() {
    check("refusals.txt", include_str!("refusals.txt"));
}

#[test]
fn outputs_have_their_types() {
    let (plan, _) =
        view("SELECT category, avg(reserve) AS a, sum(seller) AS s FROM auctions GROUP BY category").expect("a plan");
    let Plan::Aggregate { calls, .. } = plan else { panic!("an aggregate") };
    assert_eq!(calls[0].function, AggregateFunction::Avg);
    assert_eq!(calls[0].field.data_type(), &SqlType::NUMERIC.arrow());
    assert_eq!(calls[1].field.data_type(), &SqlType::Numeric(33, 0).arrow());
}

#[test]
fn constants_are_computed_once() {
    let (plan, columns) = view("SELECT 1 + 1 AS two, 'a' || 'b' AS ab WHERE 3 > 2").expect("a plan");
    let Plan::Values { rows } = plan else { panic!("constant rows") };
    assert_eq!((rows.num_rows(), rows.num_columns()), (1, 2));
    assert_eq!(columns, ["two integer", "ab text"]);
}

/// Answers every query of a golden file and compares.
fn check(file: &str, golden: &str) {
    let mut found = String::new();
    for block in golden.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let sql: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("-- ")).collect();
        let _ = writeln!(found, "-- {}\n{}\n", sql.join("\n-- "), answer(&sql.join("\n")));
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = format!("{}/src/compile/lower/tests/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, &found).expect("the golden file can be written");
        return;
    }
    let differs = found.lines().zip(golden.lines()).find(|(found, golden)| found != golden);
    assert_eq!(differs, None, "{file}");
    assert_eq!(found.trim_end(), golden.trim_end(), "{file}");
}

fn answer(sql: &str) -> String {
    match view(sql) {
        Ok((plan, columns)) => format!("{}\n=> {}", explain(&plan).join("\n"), columns.join(", ")),
        Err(error) => {
            let place = error.position.map_or_else(String::new, |position| format!(" at {position}"));
            let hint = error.hint.map_or_else(String::new, |hint| format!("\nhint: {hint}"));
            format!("{}{place}: {}{hint}", error.code, error.message)
        }
    }
}

fn view(sql: &str) -> Result<(Plan, Vec<String>)> {
    let (plan, schema) = plan_view(&Query::from_text(sql)?, &Shop, &Settings::default())?;
    let kinds =
        |schema: &Schema| schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<DataType>>();
    assert_eq!(kinds(&plan.schema()), kinds(&schema), "{sql}");
    let columns = schema.fields().iter().map(|field| format!("{} {}", field.name(), SqlType::of(field))).collect();
    Ok((plan, columns))
}
