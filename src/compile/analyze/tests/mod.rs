//! Queries against a small catalog: what they answer, and what is complained about.

mod complaints;
mod semantics;
mod traps;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, StringArray};
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;

use super::{Relations, Resolved, Select, Settings, error, plan_select};
use crate::catalog::RelationId;
use crate::compile::parse::Query;
use crate::error::{Error, Result};
use crate::types::SqlType;

/// A catalog with streams, tables, a view and a system relation.
pub(in crate::compile) struct Shop;

const RELATIONS: [(&str, &[(&str, SqlType)]); 4] = [
    (
        "bids",
        &[
            ("auction", SqlType::BigInt),
            ("bidder", SqlType::BigInt),
            ("price", SqlType::BigInt),
            ("channel", SqlType::Text),
            ("at", SqlType::TimestampTz),
        ],
    ),
    (
        "auctions",
        &[
            ("id", SqlType::BigInt),
            ("seller", SqlType::BigInt),
            ("category", SqlType::Integer),
            ("reserve", SqlType::Numeric(10, 2)),
            ("expires", SqlType::Timestamp),
        ],
    ),
    (
        "people",
        &[
            ("id", SqlType::BigInt),
            ("name", SqlType::Varchar(20)),
            ("uid", SqlType::Uuid),
            ("doc", SqlType::Jsonb),
            ("score", SqlType::Double),
            ("active", SqlType::Boolean),
            ("born", SqlType::Date),
        ],
    ),
    ("t", &[("x", SqlType::Integer), ("y", SqlType::Integer)]),
];

impl Relations for Shop {
    fn resolve(&self, schema: Option<&str>, name: &str) -> Result<Option<Resolved>> {
        match (schema, name) {
            (None, "expensive") => {
                let query = Query::from_text("SELECT auction, price FROM bids WHERE price > 100")?;
                return Ok(Some(Resolved::View(Box::new(query), vec!["item".to_string()])));
            }
            (Some("tidewater"), "sources") => {
                let schema = Arc::new(Schema::new(vec![SqlType::Text.field("name")]));
                let names: ArrayRef = Arc::new(StringArray::from(vec!["bids"]));
                let rows = RecordBatch::try_new(Arc::clone(&schema), vec![names]).expect("one column");
                return Ok(Some(Resolved::System(memory(schema, vec![rows]))));
            }
            (Some(_), _) => return Ok(None),
            _ => {}
        }
        let found = RELATIONS.iter().position(|(known, _)| *known == name);
        Ok(found.map(|at| Resolved::Relation { id: RelationId(at as u32), schema: schema_of(name) }))
    }

    fn names(&self) -> Vec<String> {
        RELATIONS.iter().map(|(name, _)| (*name).to_string()).collect()
    }
}

pub(in crate::compile) fn schema_of(relation: &str) -> SchemaRef {
    let columns = RELATIONS.iter().find(|(name, _)| *name == relation).map_or(&[][..], |(_, columns)| columns);
    Arc::new(Schema::new(columns.iter().map(|(name, kind)| kind.field(name)).collect::<Vec<_>>()))
}

fn memory(schema: SchemaRef, batches: Vec<RecordBatch>) -> Arc<dyn TableProvider> {
    Arc::new(MemTable::try_new(schema, vec![batches]).expect("batches have the schema"))
}

/// A zone other than UTC, for what depends on it.
fn berlin() -> Settings {
    Settings { time_zone: "Europe/Berlin".to_string() }
}

fn planned(sql: &str) -> Result<Select> {
    plan_select(&Query::from_text(sql)?, &Shop, &Settings::default(), &[])
}

/// The complaint about a SELECT, when it is planned or when it runs.
fn complaint(sql: &str) -> Error {
    match planned(sql) {
        Err(error) => error,
        Ok(select) => run(select, &[]).expect_err(sql),
    }
}

/// Columns as `name type`.
fn columns(sql: &str) -> Vec<String> {
    let select = planned(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    select.schema.fields().iter().map(|field| format!("{} {}", field.name(), SqlType::of(field))).collect()
}

/// Rows as text, columns apart by `|`, in the order they come.
fn answer(sql: &str) -> Vec<String> {
    answer_in(sql, &Settings::default())
}

fn answer_in(sql: &str, settings: &Settings) -> Vec<String> {
    let query = Query::from_text(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let select = plan_select(&query, &Shop, settings, &[]).unwrap_or_else(|error| panic!("{sql}: {error}"));
    run(select, &[]).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// As [`answer`], sorted.
fn answer_any_order(sql: &str) -> Vec<String> {
    let mut rows = answer(sql);
    rows.sort();
    rows
}

fn answer_with(sql: &str, hints: &[Option<FieldRef>], parameters: &[ScalarValue]) -> Result<Vec<String>> {
    run(plan_select(&Query::from_text(sql)?, &Shop, &Settings::default(), hints)?, parameters)
}

/// Runs over a table `t` of (1,10), (2,NULL), (NULL,30); the other relations are empty.
fn run(select: Select, parameters: &[ScalarValue]) -> Result<Vec<String>> {
    let x: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(2), None]));
    let y: ArrayRef = Arc::new(Int32Array::from(vec![Some(10), None, Some(30)]));
    let mut providers: HashMap<RelationId, Arc<dyn TableProvider>> = HashMap::new();
    for relation in &select.relations {
        let (name, _) = RELATIONS[relation.0 as usize];
        let schema = schema_of(name);
        let batches = match name {
            "t" => vec![RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(&x), Arc::clone(&y)]).expect("two columns")],
            _ => Vec::new(),
        };
        providers.insert(*relation, memory(schema, batches));
    }
    let schema = Arc::clone(&select.schema);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let batches: Vec<RecordBatch> = runtime.block_on(async {
        let stream = select.at(1_700_000_000_000_000).execute(providers, parameters).await?;
        stream.try_collect().await.map_err(error::from_execution)
    })?;
    for batch in &batches {
        assert_eq!(batch.schema(), schema, "batches have the columns that were announced");
    }
    Ok(batches.iter().flat_map(rows).collect())
}

fn rows(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<ArrayFormatter> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).expect("a printable type"))
        .collect();
    let row = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(row).collect()
}

#[test]
fn probe() {
    for sql in [
        "SELECT x IN (SELECT x FROM t) FROM t",
        "SELECT x NOT IN (SELECT x FROM t) FROM t",
        "SELECT EXISTS (SELECT 1 FROM t b WHERE b.x = a.x) FROM t a",
        "SELECT EXISTS (SELECT 1 FROM t b)",
        "SELECT CASE WHEN x IN (SELECT x FROM t) THEN 1 ELSE 0 END FROM t",
        "SELECT (SELECT y FROM t b WHERE b.x = a.x) FROM t a",
        "SELECT (SELECT y FROM t b WHERE b.x = a.x LIMIT 1) FROM t a",
        "SELECT (SELECT b.y FROM t b WHERE b.x > a.x ORDER BY b.x LIMIT 1) FROM t a",
        "SELECT a.x, s.y FROM t a, LATERAL (SELECT y FROM t b WHERE b.x = a.x LIMIT 1) s",
        "SELECT a.x, s.y FROM t a, LATERAL (SELECT y FROM t b WHERE b.x = a.x) s",
        "SELECT x, count(*) FROM t GROUP BY x HAVING x IN (SELECT x FROM t) ORDER BY x",
        "SELECT a.x FROM t a JOIN t b ON a.x = b.x AND a.x IN (SELECT 1) ORDER BY 1",
        "SELECT a.x FROM t a LEFT JOIN t b ON a.x = b.x AND b.x NOT IN (SELECT 2) ORDER BY 1",
        "SELECT x FROM t WHERE x = ANY (SELECT 1)",
        "SELECT x FROM t WHERE x <> ALL (SELECT 1) ORDER BY x",
        "SELECT x FROM t WHERE x = ANY (ARRAY[1, 2]) ORDER BY x",
        "SELECT x FROM t WHERE x > ALL (SELECT x FROM t WHERE false) ORDER BY x",
        "SELECT x FROM t WHERE (SELECT count(*) FROM t b WHERE b.x = t.x) > 0 ORDER BY x",
        "SELECT sum(x) OVER (ORDER BY x), x FROM t ORDER BY x",
        "SELECT x FROM t ORDER BY (SELECT 1)",
        "SELECT DISTINCT x FROM t ORDER BY y",
        "SELECT count(*) FROM t WHERE x NOT IN (SELECT y FROM t b WHERE b.y IS NOT NULL AND b.x = t.x)",
        "SELECT t.x, u.x FROM t FULL JOIN t u ON t.x = u.y ORDER BY 1, 2",
        "SELECT x FROM t WHERE x = '1'",
        "SELECT '5' + 1",
        "SELECT x || 'a' FROM t ORDER BY x",
        "SELECT coalesce(x, 0) FROM t ORDER BY 1",
        "SELECT x FROM t UNION ALL SELECT 'a'",
        "SELECT x, grouping(x) FROM t GROUP BY ROLLUP (x) ORDER BY 1, 2",
        "SELECT lower(5)",
        "SELECT 1 WHERE 1",
        "SELECT count(x, y) FROM t",
        "SELECT sum(x, y) FROM t",
        "SELECT x FROM t WHERE y = (SELECT x, y FROM t)",
        "SELECT x FROM t LIMIT -1",
        "SELECT x FROM t LIMIT 'a'",
        "SELECT nosuch.x FROM t",
        "SELECT substring('abc', 2, 1), position('b' in 'abc'), trim('  a '), 'abc' LIKE 'a%'",
        "SELECT x::text, x::double precision, x::numeric(10,2) FROM t WHERE x = 1",
        "SELECT interval '1 day' + timestamp '2024-01-01'",
        "SELECT timestamp '2024-01-03' - timestamp '2024-01-01 12:00'",
        "SELECT max(x), x FROM t",
        "SELECT x FROM t GROUP BY x HAVING max(y) > 5",
        "SELECT generate_series FROM generate_series(1, 3)",
        "SELECT * FROM unnest(ARRAY[1,2]) AS u(v)",
        "SELECT bool_and(x > 0), string_agg(x::text, ',' ORDER BY x), array_agg(x ORDER BY x) FROM t",
        "SELECT stddev(x), variance(x) FROM t",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM t",
        "SELECT first_value(x) OVER (ORDER BY x) FROM t",
        "SELECT x, row_number() OVER w FROM t WINDOW w AS (ORDER BY x) ORDER BY x",
        "TABLE t",
        "SELECT sum(x) FROM t HAVING sum(x) > 100",
        "SELECT greatest(1, 2.5), least(1, NULL), nullif(1, 1)",
        "SELECT round(2.5), round(-2.5), round(1.234, 2), trunc(1.9), ceil(1.1), mod(7, 3), power(2, 3), sqrt(4)",
        "SELECT 7.0 / 2, 10 % 4.5, 5 / 2.0::double precision, 2 ^ 3",
    ] {
        match planned(sql) {
            Err(error) => println!("{sql}\n    PLAN {error}"),
            Ok(select) => {
                let types: Vec<String> = select.schema.fields().iter().map(|f| SqlType::of(f).to_string()).collect();
                println!("{sql}\n    {types:?} {:?}", run(select, &[]).map_err(|e| e.to_string()))
            }
        }
    }
}
