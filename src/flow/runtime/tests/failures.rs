//! What breaks, and what goes on.

use std::fmt;
use std::hash::Hash;

use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;

use super::*;
use crate::compile::expr::Expression;

/// An expression with a bug.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bug;

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bug()")
    }
}

impl PhysicalExpr for Bug {
    fn data_type(&self, _: &Schema) -> datafusion::error::Result<DataType> {
        Ok(DataType::Int64)
    }

    fn nullable(&self, _: &Schema) -> datafusion::error::Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, _: &RecordBatch) -> datafusion::error::Result<ColumnarValue> {
        panic!("a bug")
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn PhysicalExpr>>,
    ) -> datafusion::error::Result<Arc<dyn PhysicalExpr>> {
        Ok(self)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bug()")
    }
}

fn buggy(relation: RelationId) -> Arc<Plan> {
    let field = Arc::new(Field::new("b", DataType::Int64, true));
    let expression = Expression::new("bug()".to_string(), Arc::clone(&field), Arc::new(Bug));
    Arc::new(Plan::Map {
        input: Box::new(source_plan(relation, pairs_schema())),
        filter: None,
        columns: Some(vec![expression]),
        schema: Arc::new(Schema::new(vec![field])),
    })
}

const VIEW_3: RelationId = RelationId(13);
const VIEW_4: RelationId = RelationId(14);

#[tokio::test]
async fn a_panic_quarantines_its_view_and_its_readers_only() {
    for workers in [1, 3] {
        let runtime = start(workers);
        runtime.add_table(TABLE, "t", pairs_schema()).await.unwrap();
        runtime.add_dataflow(VIEW, "good", by_key(TABLE), Keep::Result).await.unwrap();
        runtime.add_dataflow(VIEW_2, "bad", buggy(TABLE), Keep::Result).await.unwrap();
        let schema = buggy(TABLE).schema();
        let over_bad = Arc::new(count_and_sum(source_plan(VIEW_2, schema), vec![0], 0));
        runtime.add_dataflow(VIEW_3, "over_bad", over_bad, Keep::Result).await.unwrap();
        let mut changes = runtime.subscribe(VIEW_3, true, false).await.unwrap().changes;
        let tick = runtime.write(vec![(TABLE, Delta::insert(pairs(&[(1, 1)])))]).await.unwrap();
        assert_eq!(read(&runtime, VIEW, tick).await, ["1 1 1"]);
        let error = runtime.read(&[VIEW_2.into()], tick).await.unwrap_err();
        assert_eq!(error.code, code::OBJECT_NOT_IN_PREREQUISITE_STATE);
        let error = runtime.read(&[VIEW.into(), VIEW_3.into()], tick).await.unwrap_err();
        assert!(error.message.contains("\"over_bad\" failed: it reads \"bad\""), "{error}");
        assert!(matches!(runtime.view_state(VIEW_3), Some(ViewState::Failed(_))));
        assert!(changes.recv().await.unwrap().unwrap().delta.is_empty(), "the empty snapshot");
        assert_eq!(changes.recv().await.unwrap().unwrap_err().code, code::OBJECT_NOT_IN_PREREQUISITE_STATE);
        assert!(changes.recv().await.is_none());
        // Nobody can build on it; the rest goes on, also over later ticks.
        assert!(runtime.add_dataflow(VIEW_4, "late", buggy(VIEW_2), Keep::Result).await.is_err());
        for i in 2..20 {
            let tick = runtime.write(vec![(TABLE, Delta::insert(pairs(&[(i, i)])))]).await.unwrap();
            assert_eq!(read(&runtime, VIEW, tick).await.len(), i as usize);
        }
        runtime.remove(VIEW_3).await.unwrap();
        runtime.remove(VIEW_2).await.unwrap();
        assert_eq!(runtime.view_state(VIEW_2), None);
        runtime.add_dataflow(VIEW_2, "again", by_key(TABLE), Keep::Result).await.unwrap();
        assert_eq!(read(&runtime, VIEW_2, 0).await.len(), 19);
        runtime.stop().await;
    }
}

fn record(text: &str) -> Entry {
    Entry::Record(text.to_string())
}

#[tokio::test]
async fn records_that_cannot_be_decoded_are_rows_counted_or_fatal() {
    for on_error in ["store", "skip", "fail"] {
        let script = Script::default();
        script.push(0, [record(r#"{"k": 1, "v": 2}"#), record("{broken"), record(r#"{"k": 1, "v": 3}"#)]);
        let runtime = start(1);
        runtime.add_stream(script.spec(&[("format", "json"), ("on_error", on_error)])).await.unwrap();
        runtime.add_dataflow(VIEW, "v", by_key(STREAM), Keep::Result).await.unwrap();
        let read_view = runtime.read(&[VIEW.into()], 0).await;
        if on_error == "fail" {
            let error = read_view.unwrap_err();
            assert!(error.message.contains("offset 1"), "{error}");
            assert_eq!(runtime.sources()[0].state, "failed");
            assert_eq!(runtime.rejected().len(), 1);
            // It can be dropped, and another attempt meets the same record.
            runtime.remove(VIEW).await.unwrap();
            assert_eq!(runtime.sources()[0].state, "idle");
        } else {
            assert_eq!(text(&read_view.unwrap().1[0].batches), ["1 2 5"]);
            let kept = if on_error == "store" { 1 } else { 0 };
            assert_eq!(runtime.rejected().len(), kept);
            // A second view reads the record again, but it is rejected once.
            runtime.add_dataflow(VIEW_2, "w", by_key(STREAM), Keep::Result).await.unwrap();
            assert_eq!(read(&runtime, VIEW_2, 0).await, ["1 2 5"]);
            assert_eq!(runtime.rejected().len(), kept);
            assert_eq!(runtime.sources()[0].rejected, 1);
        }
        for row in runtime.rejected() {
            assert_eq!((row.stream.as_str(), row.record.offset), ("events", 1));
            assert_eq!(row.record.payload.as_deref(), Some(b"{broken".as_slice()));
        }
        runtime.stop().await;
    }
}

#[tokio::test]
async fn views_keep_what_they_have_when_their_source_breaks() {
    let script = Script::default();
    script.rows(0, &[(1, 1)]);
    let runtime = start(1);
    runtime.add_stream(script.spec(&[])).await.unwrap();
    runtime.add_dataflow(VIEW, "v", by_key(STREAM), Keep::Result).await.unwrap();
    assert_eq!(read(&runtime, VIEW, 0).await, ["1 1 1"]);
    script.fail(Error::new(code::FDW_ERROR, "the wire is cut"));
    // The end lies beyond what can be read any more: flushing does not wait for it.
    script.rows(0, &[(2, 2)]);
    runtime.flush().await.unwrap();
    assert_eq!(read(&runtime, VIEW, 0).await, ["1 1 1"]);
    let source = &runtime.sources()[0];
    assert_eq!(source.state, "failed");
    assert_eq!(source.last_error.as_deref(), Some("the wire is cut"));
    assert!(source.last_error_at.is_some());
    runtime.stop().await;
}

#[tokio::test]
async fn mistakes_are_told() {
    let runtime = start(1);
    runtime.add_table(TABLE, "t", pairs_schema()).await.unwrap();
    assert!(runtime.add_table(TABLE, "t", pairs_schema()).await.is_err());
    let error = runtime.add_dataflow(VIEW, "v", by_key(VIEW_2), Keep::Result).await.unwrap_err();
    assert_eq!(error.code, code::UNDEFINED_TABLE);
    let error = runtime.write(vec![(VIEW, Delta::insert(pairs(&[])))]).await.unwrap_err();
    assert_eq!(error.code, code::WRONG_OBJECT_TYPE);
    assert_eq!(runtime.subscribe(STREAM, true, false).await.unwrap_err().code, code::WRONG_OBJECT_TYPE);
    assert_eq!(runtime.remove(VIEW).await.unwrap_err().code, code::UNDEFINED_TABLE);
    runtime.stop().await;
}
