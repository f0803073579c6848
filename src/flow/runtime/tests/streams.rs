//! Streams: shared readers, catching up, positions, throttling.

use datafusion::prelude::SessionContext;

use super::*;
use crate::view::table::stream_table;

#[tokio::test]
async fn a_second_view_catches_up_with_a_shared_stream() {
    for workers in [1, 3] {
        let script = Script::default();
        let rows = |from: i64, to: i64| (from..to).map(|i| (i % 5, i)).collect::<Vec<_>>();
        script.rows(0, &rows(0, 10_000));
        script.rows(1, &rows(10_000, 20_000));
        let runtime = start(workers);
        runtime.add_stream(script.spec(&[])).await.unwrap();
        runtime.add_dataflow(VIEW, "first", by_key(STREAM), Keep::Result).await.unwrap();
        assert_eq!(read(&runtime, VIEW, 0).await, model(&rows(0, 20_000)));
        // More comes while the second view is made.
        let feeder = script.clone();
        let feeding = std::thread::spawn(move || {
            for from in (20_000..30_000).step_by(100) {
                feeder.rows((from % 200 / 100) as i32, &(from..from + 100).map(|i| (i % 5, i)).collect::<Vec<_>>());
            }
        });
        runtime.add_dataflow(VIEW_2, "second", by_key(STREAM), Keep::Result).await.unwrap();
        let (_, snapshots) = runtime.read(&[VIEW.into(), VIEW_2.into()], 0).await.unwrap();
        assert_eq!(text(&snapshots[0].batches), text(&snapshots[1].batches), "one tick, one content");
        feeding.join().unwrap();
        runtime.flush().await.unwrap();
        let (_, snapshots) = runtime.read(&[VIEW.into(), VIEW_2.into()], 0).await.unwrap();
        assert_eq!(text(&snapshots[0].batches), model(&rows(0, 30_000)));
        assert_eq!(text(&snapshots[1].batches), model(&rows(0, 30_000)));
        assert_eq!(script.opened.load(Ordering::SeqCst), 2, "one shared reader, one catch-up");
        let sources = runtime.sources();
        assert_eq!(sources.len(), 2);
        assert_eq!(sources.iter().map(|row| row.position.unwrap()).sum::<i64>(), 30_000);
        assert!(sources.iter().all(|row| row.state == "running"), "{sources:?}");
        assert!(sources.iter().all(|row| row.position == Some(row.rows as i64)), "by partition: {sources:?}");
        runtime.stop().await;
        assert_eq!(script.open.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn a_stream_is_read_only_while_somebody_needs_it() {
    let script = Script::default();
    script.rows(0, &[(1, 1), (2, 2)]);
    let runtime = start(1);
    runtime.add_stream(script.spec(&[])).await.unwrap();
    assert_eq!(runtime.sources()[0].state, "idle");
    assert_eq!(script.opened.load(Ordering::SeqCst), 0);
    for round in 1..=3 {
        runtime.add_dataflow(VIEW, "v", by_key(STREAM), Keep::Result).await.unwrap();
        assert_eq!(read(&runtime, VIEW, 0).await, ["1 1 1", "2 1 2"]);
        assert_eq!(script.opened.load(Ordering::SeqCst), round);
        runtime.remove(VIEW).await.unwrap();
        assert_eq!(runtime.sources()[0].state, "idle");
    }
    runtime.remove(STREAM).await.unwrap();
    assert!(runtime.sources().is_empty());
    runtime.stop().await;
    assert_eq!(script.open.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_empty_stream_hydrates_at_once_and_start_positions_hold() {
    let script = Script::default();
    script.rows(0, &[(1, 1), (2, 2), (3, 3)]);
    script.start_at(2);
    let runtime = start(2);
    runtime.add_stream(script.spec(&[])).await.unwrap();
    runtime.add_dataflow(VIEW, "v", by_key(STREAM), Keep::Result).await.unwrap();
    assert_eq!(read(&runtime, VIEW, 0).await, ["3 1 3"]);
    script.start_at(3);
    runtime.add_dataflow(VIEW_2, "w", by_key(STREAM), Keep::Result).await.unwrap();
    assert!(read(&runtime, VIEW_2, 0).await.is_empty(), "it begins at the end, where nothing is");
    script.rows(0, &[(4, 4)]);
    runtime.flush().await.unwrap();
    assert_eq!(read(&runtime, VIEW, 0).await, ["3 1 3", "4 1 4"]);
    assert_eq!(read(&runtime, VIEW_2, 0).await, ["4 1 4"]);
    runtime.stop().await;
}

#[tokio::test]
async fn bounded_sources_finish() {
    let script = Script::default();
    let rows: Vec<(i64, i64)> = (0..50_000).map(|i| (i % 100, i)).collect();
    script.rows(0, &rows);
    script.end();
    let runtime = start(2);
    runtime.add_stream(script.spec(&[])).await.unwrap();
    runtime.add_dataflow(VIEW, "v", by_key(STREAM), Keep::Result).await.unwrap();
    runtime.finished().await.unwrap();
    assert_eq!(read(&runtime, VIEW, 0).await, model(&rows));
    // The reader has ended; a later view still gets everything.
    runtime.add_dataflow(VIEW_2, "w", by_key(STREAM), Keep::Result).await.unwrap();
    assert_eq!(read(&runtime, VIEW_2, 0).await, model(&rows));
    runtime.stop().await;
}

#[tokio::test]
async fn small_limits_hold_readers_back_but_lose_nothing() {
    let script = Script::default();
    let rows: Vec<(i64, i64)> = (0..60_000).map(|i| (i % 10, i)).collect();
    script.rows(0, &rows);
    let options = RuntimeOptions { tick_bytes_max: 10_000, ticks_in_flight_max: 1, ..RuntimeOptions::default() };
    let runtime = Runtime::start(options, Clock::System).unwrap();
    runtime.add_stream(script.spec(&[])).await.unwrap();
    runtime.add_dataflow(VIEW, "v", by_key(STREAM), Keep::Result).await.unwrap();
    assert_eq!(read(&runtime, VIEW, 0).await, model(&rows));
    // A batch of 4096 rows is larger than a tick may be: each had its own.
    assert!(runtime.statistics().tick >= 15);
    runtime.stop().await;
}

#[tokio::test]
async fn a_throttled_stream_takes_its_time() {
    let script = Script::default();
    script.rows(0, &(0..200).map(|i| (0, i)).collect::<Vec<_>>());
    let runtime = start(1);
    runtime.add_stream(script.spec(&[("max_rows_per_second", "1000")])).await.unwrap();
    let begun = crate::clock::instant();
    runtime.add_dataflow(VIEW, "v", by_key(STREAM), Keep::Result).await.unwrap();
    assert_eq!(read(&runtime, VIEW, 0).await, ["0 200 19900"]);
    // The last read of 50 rows is not paid for when it arrives.
    assert!(begun.elapsed() >= Duration::from_millis(140), "{:?}", begun.elapsed());
    runtime.stop().await;
}

#[tokio::test]
async fn options_of_the_runtime_are_checked() {
    let runtime = start(1);
    let script = Script::default();
    for options in [[("max_rows_per_second", "0")], [("on_error", "explode")], [("format", "morse")]] {
        let error = runtime.add_stream(script.spec(&options)).await.unwrap_err();
        assert_eq!(error.code, code::INVALID_PARAMETER_VALUE);
        assert!(error.hint.is_some());
    }
    runtime.stop().await;
}

#[tokio::test]
async fn one_stream_twice_in_a_plan_is_one_input() {
    for workers in [1, 2] {
        let script = Script::default();
        script.rows(0, &[(1, 1), (2, 2)]);
        let runtime = start(workers);
        runtime.add_stream(script.spec(&[])).await.unwrap();
        let side = || source_plan(STREAM, pairs_schema());
        let union = Plan::Union { inputs: vec![side(), side()], schema: pairs_schema() };
        runtime.add_dataflow(VIEW, "v", Arc::new(union), Keep::Result).await.unwrap();
        assert_eq!(read(&runtime, VIEW, 0).await, ["1 1", "1 1", "2 2", "2 2"]);
        runtime.stop().await;
    }
}

#[tokio::test]
async fn a_stream_can_be_read_as_a_table() {
    let script = Script::default();
    script.rows(0, &(0..20_000).map(|i| (i % 4, i)).collect::<Vec<_>>());
    script.rows(1, &[(9, 9)]);
    let runtime = start(1);
    let context = SessionContext::new();
    context.register_table("events", stream_table(script.spec(&[]), runtime.clone(), Arc::default())).unwrap();
    let query = |sql: &'static str| async { text(&context.sql(sql).await.unwrap().collect().await.unwrap()) };
    assert_eq!(query("SELECT count(*), sum(v), max(k) FROM events").await, ["20001 199990009 9"]);
    // What came since is there the next time; a query that has enough lets go of the source.
    script.rows(1, &[(10, 10)]);
    assert_eq!(query("SELECT v FROM events WHERE k >= 9").await, ["10", "9"]);
    assert_eq!(query("SELECT k FROM events LIMIT 2").await.len(), 2);
    while script.open.load(Ordering::SeqCst) > 0 {
        std::thread::yield_now();
    }
    script.fail(Error::new(code::FDW_ERROR, "the wire is cut"));
    let failed = context.sql("SELECT k FROM events").await.unwrap().collect().await.unwrap_err();
    assert!(failed.to_string().contains("the wire is cut"), "{failed}");
}
