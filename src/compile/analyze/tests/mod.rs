//! Queries against a small catalog: what they answer, and what is complained about.

mod complaints;
mod functions;
mod semantics;
mod subqueries;
mod traps;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int32Array, StringArray};
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
use crate::decimal::encoding;
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
        Ok(found.map(|at| Resolved::Relation { id: RelationId(at as u32), schema: schema_of(name), key: Vec::new() }))
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
    Settings { time_zone: "Europe/Berlin".to_string(), ..Settings::default() }
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
            "t" => vec![
                RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(&x), Arc::clone(&y)]).expect("two columns"),
            ],
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
    let shown = |column: &ArrayRef| match column.as_binary_opt::<i64>() {
        Some(numerics) => {
            let text = |bytes: Option<&[u8]>| bytes.map(|bytes| encoding::read(bytes).to_string());
            Arc::new(numerics.iter().map(text).collect::<StringArray>())
        }
        None => Arc::clone(column),
    };
    let numerics: Vec<ArrayRef> = batch.columns().iter().map(shown).collect();
    let columns: Vec<ArrayFormatter> = numerics
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).expect("a printable type"))
        .collect();
    let row = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(row).collect()
}
