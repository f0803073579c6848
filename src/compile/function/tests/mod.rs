//! Every function against PostgreSQL's answers.

mod recorded;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::config::Dialect;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionContext;
use datafusion::prelude::SessionConfig;

use super::register;
use crate::compile::expr::reason;
use crate::compile::parse::Query;
use crate::error::Error;
use crate::format::text::{TextOptions, TimeZone, Writer};
use crate::types::SqlType;

const ZONE: &str = "Europe/Berlin";

/// A session with our functions.
pub(in crate::compile) fn session() -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(1);
    let options = config.options_mut();
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.execution.time_zone = Some(ZONE.to_string());
    let builder = SessionStateBuilder::new_with_default_features().with_config(config);
    SessionContext::new_with_state(register(builder).build())
}

/// The rows of a query.
pub(in crate::compile) fn run(session: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    let query = Query::from_text(sql)?;
    let result: Result<_, DataFusionError> =
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let plan = session.state().statement_to_plan(query.statement()).await?;
            session.execute_logical_plan(plan).await?.collect().await
        });
    result.map_err(|error| match error.find_root() {
        DataFusionError::Collection(errors) => reason(&errors[0]),
        _ => reason(&error),
    })
}

/// The first value of a result, with its type.
fn first(batches: &[RecordBatch]) -> (String, String) {
    let (schema, column): (_, &ArrayRef) = (batches[0].schema(), batches[0].column(0));
    let sql_type = match SqlType::of(schema.field(0)) {
        SqlType::Numeric(..) => "numeric".to_string(),
        SqlType::Varchar(_) => "character varying".to_string(),
        SqlType::Array(item) if matches!(*item, SqlType::Numeric(..)) => "numeric[]".to_string(),
        // PostgreSQL has one array type for any number of dimensions.
        other => other.to_string().replace("[][]", "[]"),
    };
    if column.is_null(0) {
        return (sql_type, "NULL".to_string());
    }
    let options = TextOptions { time_zone: TimeZone::parse(ZONE).unwrap(), ..TextOptions::default() };
    let mut text = Vec::new();
    Writer::new(schema.field(0), &options).unwrap().write(column, 0, &mut text).unwrap();
    (sql_type, String::from_utf8(text).unwrap().replace('\n', "\\n"))
}

#[test]
fn functions_answer_as_postgres_does() {
    let session = session();
    let mut wrong = Vec::new();
    for line in include_str!("postgres.tsv").lines().filter(|line| !line.starts_with('#')) {
        let [expression, expected_type, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let answer = match run(&session, &format!("SELECT {expression}")) {
            Ok(batches) => first(&batches),
            Err(error) => (format!("!{}", error.code), error.message),
        };
        if answer != (expected_type.to_string(), expected.to_string()) {
            wrong.push(format!("{expression}: {answer:?} instead of {:?}", (expected_type, expected)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Values of columns are computed as constants are.
#[test]
fn columns_are_like_constants() {
    let session = session();
    let sql = "SELECT x, cast(x AS int) FROM (VALUES ('1'), (NULL), (' 3 ')) AS t(x)";
    let batches = run(&session, sql).unwrap();
    let column = batches[0].column(1);
    assert_eq!(format!("{column:?}").matches("null").count(), 1);
    assert_eq!(column.data_type(), &datafusion::arrow::datatypes::DataType::Int32);
    let error = run(&session, "SELECT cast(x AS int) FROM (VALUES ('1'), ('x')) AS t(x)").unwrap_err();
    assert_eq!(error.message, "invalid input syntax for type integer: \"x\"");
}

#[test]
fn windows_begin_at_the_epoch() {
    let session = session();
    let sql = "WITH t AS (SELECT TIMESTAMPTZ '2024-07-01 12:34:56+00' AS at) SELECT window_start, window_end FROM TUMBLE(t, at, INTERVAL '10 s')";
    let batches = run(&session, sql).unwrap();
    assert_eq!(first(&batches).1, "2024-07-01 14:34:50+02");
    let sql = "WITH t AS (SELECT TIMESTAMP '2024-07-01 12:34:56' AS at) \
               SELECT window_end FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '1' DAY, INTERVAL '6' HOUR))";
    assert_eq!(
        first(&run(&session, sql).unwrap()),
        ("timestamp without time zone".to_string(), "2024-07-02 06:00:00".to_string())
    );
}

#[test]
fn time_of_the_statement_is_known() {
    let session = session();
    let sql = "SELECT now() = current_timestamp AND localtimestamp = (now() AT TIME ZONE 'Europe/Berlin') AND current_date = localtimestamp::date";
    assert_eq!(first(&run(&session, sql).unwrap()), ("boolean".to_string(), "t".to_string()));
    let sql = "SELECT gen_random_uuid()";
    let (sql_type, value) = first(&run(&session, sql).unwrap());
    assert_eq!((sql_type.as_str(), value.len(), value.as_bytes()[14]), ("uuid", 36, b'4'));
}

#[test]
fn names_of_output_columns_are_kept_apart() {
    let session = session();
    let batches =
        run(&session, "SELECT count(*), count(*), 1, 2, sum(x) AS count FROM (VALUES (1)) t(x) ORDER BY count")
            .unwrap();
    let schema = batches[0].schema();
    let shown: Vec<&str> =
        schema.fields().iter().map(|field| crate::compile::parse::shown_name(field.name())).collect();
    assert_eq!(shown, ["count", "count", "?column?", "?column?", "count"]);
    for sql in [
        "SELECT *, x FROM (VALUES (1)) t(x) ORDER BY x",
        "SELECT a.x, b.x FROM (VALUES (1)) a(x), (VALUES (1)) b(x)",
        "SELECT count FROM (SELECT count(*) FROM (VALUES (1)) t(x)) s",
        "SELECT DISTINCT lower(x) FROM (VALUES ('a')) t(x) ORDER BY lower(x)",
        "SELECT lower(x), count(*) FROM (VALUES ('a')) t(x) GROUP BY lower(x) HAVING count(*) > 0 ORDER BY 2, lower",
    ] {
        run(&session, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// What Arrow does not tell apart is told apart where it is a column.
#[test]
fn columns_keep_their_sql_types() {
    let session = session();
    let schema =
        Schema::new(vec![SqlType::Uuid.field("id"), SqlType::Jsonb.field("doc"), SqlType::TimestampTz.field("at")]);
    let id: ArrayRef = Arc::new(StringArray::from(vec!["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]));
    let doc: ArrayRef = Arc::new(StringArray::from(vec!["{\"a\": [1, 2]}"]));
    let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC"));
    session.register_batch("t", RecordBatch::try_new(Arc::new(schema), vec![id, doc, at]).unwrap()).unwrap();
    for condition in [
        "id = 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'",
        "id IN ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')",
        "NOT id NOT IN ('{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}')",
        "doc = '{\"a\":[1,2]}'",
        "doc -> 'a' ->> 0 = '1'",
        "doc @> '{\"a\":[2]}'",
        "at = '1970-01-01 01:00'",
        "at BETWEEN '1970-01-01' AND '1970-01-02'",
        "at IN ('1970-01-01 00:00Z')",
        "at + '1 day' > '1970-01-02 00:59'",
        "at::date = '1970-01-01' AND at::text = '1970-01-01 01:00:00+01'",
    ] {
        let rows: usize = run(&session, &format!("SELECT 1 FROM t WHERE {condition}"))
            .unwrap_or_else(|error| panic!("{condition}: {error}"))
            .iter()
            .map(RecordBatch::num_rows)
            .sum();
        assert_eq!(rows, 1, "{condition}");
    }
    for (condition, message) in [
        ("id = 'x'", "invalid input syntax for type uuid: \"x\""),
        ("doc || at = doc", "operator does not exist: jsonb || timestamp with time zone"),
        ("date_trunc('day', id) = at", "function date_trunc(unknown, uuid) does not exist"),
        ("doc - at > at", "operator does not exist: jsonb - timestamp with time zone"),
        ("id::int = 1", "cannot cast type uuid to integer"),
    ] {
        let error = run(&session, &format!("SELECT 1 FROM t WHERE {condition}")).expect_err(condition);
        assert_eq!(error.message, message, "{condition}");
    }
}
