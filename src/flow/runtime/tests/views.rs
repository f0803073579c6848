//! Tables and views over them.

use super::*;

/// Columns of [`by_key`]'s result, counted by `n`.
fn by_count(view: RelationId) -> Arc<Plan> {
    let schema = by_key(TABLE).schema();
    Arc::new(count_and_sum(source_plan(view, schema), vec![1], 0))
}

#[tokio::test]
async fn a_chain_of_views_is_exact_at_every_tick() {
    for workers in [1, 4] {
        let runtime = start(workers);
        runtime.add_table(TABLE, "t", pairs_schema()).await.unwrap();
        runtime.add_dataflow(VIEW, "a", by_key(TABLE), Keep::Result).await.unwrap();
        runtime.add_dataflow(VIEW_2, "b", by_count(VIEW), Keep::Result).await.unwrap();
        let mut random = Random(7);
        let mut rows: Vec<(i64, i64)> = Vec::new();
        for _ in 0..150 {
            let mut changes = Vec::new();
            for _ in 0..=random.below(20) {
                if rows.is_empty() || random.below(3) > 0 {
                    let row = (random.below(15) as i64, random.below(100) as i64);
                    rows.push(row);
                    changes.push((row.0, row.1, 1));
                } else {
                    let row = rows.swap_remove(random.below(rows.len() as u64) as usize);
                    changes.push((row.0, row.1, -1));
                }
            }
            let tick = runtime.write(vec![(TABLE, weighted(&changes))]).await.unwrap();
            let (at, snapshots) = runtime.read(&[TABLE.into(), VIEW.into(), VIEW_2.into()], tick).await.unwrap();
            assert!(at >= tick);
            assert_eq!(snapshots[0].row_count(), rows.len());
            assert_eq!(text(&snapshots[1].batches), model(&rows), "workers {workers}, tick {at}");
            let mut counts: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
            for group in model(&rows) {
                let values: Vec<i64> = group.split(' ').map(|value| value.parse().unwrap()).collect();
                counts.entry(values[1]).or_default().push(values[0]);
            }
            let mut expected: Vec<String> =
                counts.iter().map(|(n, keys)| format!("{n} {} {}", keys.len(), keys.iter().sum::<i64>())).collect();
            expected.sort();
            assert_eq!(text(&snapshots[2].batches), expected, "workers {workers}, tick {at}");
        }
        runtime.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_never_show_money_missing() {
    for workers in [1, 3] {
        let runtime = start(workers);
        runtime.add_table(TABLE, "transfers", pairs_schema()).await.unwrap();
        runtime.add_dataflow(VIEW, "balances", by_key(TABLE), Keep::Result).await.unwrap();
        runtime.add_dataflow(VIEW_2, "total", total(TABLE), Keep::Result).await.unwrap();
        let writer = runtime.clone();
        let writing = tokio::spawn(async move {
            let mut random = Random(3);
            for _ in 0..400 {
                let amount = random.below(100) as i64;
                let (from, to) = (random.below(10) as i64, random.below(10) as i64);
                let transfer = pairs(&[(from, -amount), (to, amount)]);
                writer.write(vec![(TABLE, Delta::insert(transfer))]).await.unwrap();
            }
        });
        let mut ticks = 0;
        while !writing.is_finished() || ticks == 0 {
            let (_, snapshots) = runtime.read(&[VIEW.into(), VIEW_2.into()], 0).await.unwrap();
            let balances: i64 = text(&snapshots[0].batches)
                .iter()
                .map(|row| row.rsplit(' ').next().unwrap().parse::<i64>().unwrap())
                .sum();
            assert_eq!(balances, 0);
            let total = text(&snapshots[1].batches);
            assert!(total == ["0 "] || total[0].ends_with(" 0"), "{total:?}");
            ticks += 1;
        }
        writing.await.unwrap();
        let tick = runtime.write(vec![(TABLE, Delta::insert(pairs(&[])))]).await.unwrap();
        assert_eq!(read(&runtime, VIEW_2, tick).await, ["800 0"]);
        runtime.stop().await;
    }
}

#[tokio::test]
async fn a_view_made_later_finds_what_is_there() {
    for workers in [1, 4] {
        let runtime = start(workers);
        runtime.add_table(TABLE, "t", pairs_schema()).await.unwrap();
        let rows: Vec<(i64, i64)> = (0..5000).map(|i| (i % 7, i)).collect();
        runtime.write(vec![(TABLE, Delta::insert(pairs(&rows)))]).await.unwrap();
        runtime.add_dataflow(VIEW, "a", by_key(TABLE), Keep::Result).await.unwrap();
        assert_eq!(read(&runtime, VIEW, 0).await, model(&rows));
        assert_eq!(runtime.view_state(VIEW), Some(ViewState::Running));
        // A view over a view, and then both go on.
        runtime.add_dataflow(VIEW_2, "b", by_count(VIEW), Keep::Result).await.unwrap();
        let groups = |n: i64| format!("{n} ");
        let before = read(&runtime, VIEW_2, 0).await;
        assert!(before.iter().any(|row| row.starts_with(&groups(715))), "{before:?}");
        let tick = runtime.write(vec![(TABLE, weighted(&[(0, 0, -1), (99, 1, 1)]))]).await.unwrap();
        let after = read(&runtime, VIEW_2, tick).await;
        assert!(after.contains(&"1 1 99".to_string()), "{after:?}");
        runtime.stop().await;
    }
}

#[tokio::test]
async fn constants_and_empty_aggregates_come_once() {
    for workers in [1, 3] {
        let runtime = start(workers);
        runtime.add_table(TABLE, "t", pairs_schema()).await.unwrap();
        runtime.add_dataflow(VIEW, "none", total(TABLE), Keep::Result).await.unwrap();
        assert_eq!(read(&runtime, VIEW, 0).await, ["0 "]);
        let values = Arc::new(Plan::Values { rows: pairs(&[(1, 2), (3, 4)]) });
        runtime.add_dataflow(VIEW_2, "constants", values, Keep::Result).await.unwrap();
        assert_eq!(read(&runtime, VIEW_2, 0).await, ["1 2", "3 4"]);
        let tick = runtime.write(vec![(TABLE, Delta::insert(pairs(&[(1, 5)])))]).await.unwrap();
        assert_eq!(read(&runtime, VIEW, tick).await, ["1 5"]);
        assert_eq!(read(&runtime, VIEW_2, tick).await, ["1 2", "3 4"]);
        runtime.stop().await;
    }
}

#[tokio::test]
async fn joins_meet_on_the_worker_of_their_key() {
    for workers in [1, 4] {
        let runtime = start(workers);
        runtime.add_table(TABLE, "t", pairs_schema()).await.unwrap();
        let fields = ["k", "v", "k2", "v2"].map(|name| Field::new(name, DataType::Int64, true)).to_vec();
        let side = || Box::new(source_plan(TABLE, pairs_schema()));
        // t JOIN t ON t.k = t2.v
        let join = Plan::Join {
            kind: crate::compile::plan::JoinKind::Inner,
            left: side(),
            right: side(),
            left_keys: vec![0],
            right_keys: vec![1],
            null_equal: false,
            residual: None,
            schema: Arc::new(Schema::new(fields)),
        };
        runtime.add_dataflow(VIEW, "pairs", Arc::new(join), Keep::Result).await.unwrap();
        runtime.write(vec![(TABLE, Delta::insert(pairs(&[(1, 2), (2, 1), (3, 3)])))]).await.unwrap();
        let tick = runtime.write(vec![(TABLE, weighted(&[(2, 1, -1), (1, 3, 1)]))]).await.unwrap();
        assert_eq!(read(&runtime, VIEW, tick).await, ["3 3 1 3", "3 3 3 3"]);
        runtime.stop().await;
    }
}

#[tokio::test]
async fn what_is_read_cannot_be_removed() {
    let runtime = start(2);
    runtime.add_table(TABLE, "t", pairs_schema()).await.unwrap();
    runtime.add_dataflow(VIEW, "a", by_key(TABLE), Keep::Result).await.unwrap();
    runtime.add_dataflow(VIEW_2, "b", by_count(VIEW), Keep::Result).await.unwrap();
    assert_eq!(runtime.remove(VIEW).await.unwrap_err().code, code::DEPENDENT_OBJECTS_STILL_EXIST);
    assert_eq!(runtime.remove(TABLE).await.unwrap_err().code, code::DEPENDENT_OBJECTS_STILL_EXIST);
    runtime.remove(VIEW_2).await.unwrap();
    runtime.remove(VIEW).await.unwrap();
    assert_eq!(runtime.read(&[VIEW.into()], 0).await.unwrap_err().code, code::UNDEFINED_TABLE);
    assert_eq!(runtime.statistics().dataflows, 0);
    // The name is free again, the table goes on.
    let tick = runtime.write(vec![(TABLE, Delta::insert(pairs(&[(1, 1)])))]).await.unwrap();
    runtime.add_dataflow(VIEW, "a", by_key(TABLE), Keep::Result).await.unwrap();
    assert_eq!(read(&runtime, VIEW, tick).await, ["1 1 1"]);
    runtime.remove(VIEW).await.unwrap();
    runtime.remove(TABLE).await.unwrap();
    runtime.stop().await;
    assert_eq!(runtime.flush().await.unwrap_err().code, code::ADMIN_SHUTDOWN);
    assert_eq!(runtime.read(&[VIEW.into()], u64::MAX).await.unwrap_err().code, code::UNDEFINED_TABLE);
}

#[tokio::test]
async fn a_reader_that_waits_is_told_of_the_end() {
    let runtime = start(1);
    runtime.add_table(TABLE, "t", pairs_schema()).await.unwrap();
    let reader = runtime.clone();
    let waiting = tokio::spawn(async move { reader.read(&[TABLE.into()], u64::MAX).await });
    tokio::task::yield_now().await;
    runtime.stop().await;
    assert_eq!(waiting.await.unwrap().unwrap_err().code, code::ADMIN_SHUTDOWN);
}
