//! Subscriptions: nothing missed, nothing twice.

use super::*;
use crate::view::Subscription;

/// Adds up changes until the tick `until` was seen; checks that ticks grow.
async fn add_up(subscription: &mut Subscription, until: u64) -> Vec<String> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    let mut last = None;
    loop {
        let change = subscription.changes.recv().await.unwrap().unwrap();
        assert!(last.is_none_or(|last| last < change.tick));
        last = Some(change.tick);
        for delta in &change.delta {
            let mut row = 0;
            while row < delta.rows.num_rows() {
                *sums.entry(text(&[delta.rows.slice(row, 1)]).remove(0)).or_default() += delta.weight(row);
                row += 1;
            }
        }
        if change.tick >= until {
            break;
        }
    }
    assert!(sums.values().all(|sum| (0..=1).contains(sum)), "{sums:?}");
    sums.into_iter().filter(|(_, sum)| *sum == 1).map(|(row, _)| row).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_and_its_changes_fit_together_under_writes() {
    for workers in [1, 3] {
        let runtime = start(workers);
        runtime.add_table(TABLE, "t", pairs_schema()).await.unwrap();
        runtime.add_dataflow(VIEW, "v", by_key(TABLE), Keep::Result).await.unwrap();
        let writer = runtime.clone();
        let writing = tokio::spawn(async move {
            let mut last = 0;
            for i in 0..300 {
                last = writer.write(vec![(TABLE, Delta::insert(pairs(&[(i % 10, i)])))]).await.unwrap();
            }
            last
        });
        let mut subscriptions = Vec::new();
        for _ in 0..5 {
            // Every subscription begins at some tick in the middle.
            let (tick, _) = runtime.read(&[VIEW.into()], 0).await.unwrap();
            runtime.read(&[VIEW.into()], tick + 3).await.unwrap();
            subscriptions.push(runtime.subscribe(VIEW, true, true).await.unwrap());
        }
        let last = writing.await.unwrap();
        let expected = read(&runtime, VIEW, last).await;
        for subscription in &mut subscriptions {
            assert_eq!(add_up(subscription, last).await, expected);
        }
        runtime.stop().await;
        let end = subscriptions[0].changes.recv().await.unwrap().unwrap_err();
        assert_eq!(end.code, code::ADMIN_SHUTDOWN);
    }
}

#[tokio::test]
async fn a_query_that_is_only_subscribed_to_misses_nothing() {
    let script = Script::default();
    script.rows(0, &(0..1000).map(|i| (i % 3, i)).collect::<Vec<_>>());
    let runtime = start(2);
    runtime.add_stream(script.spec(&[])).await.unwrap();
    runtime.add_dataflow(VIEW, "q", by_key(STREAM), Keep::Changes).await.unwrap();
    assert_eq!(script.opened.load(Ordering::SeqCst), 0, "it begins with its subscriber");
    let mut subscription = runtime.subscribe(VIEW, true, true).await.unwrap();
    runtime.flush().await.unwrap();
    let tick = runtime.statistics().tick;
    assert_eq!(add_up(&mut subscription, tick).await, model(&(0..1000).map(|i| (i % 3, i)).collect::<Vec<_>>()));
    assert!(runtime.read(&[VIEW.into()], 0).await.is_err(), "it keeps no rows");
    assert!(runtime.subscribe(VIEW, true, false).await.is_err());
    // Without a snapshot only what comes later is told.
    let mut later = runtime.subscribe(VIEW, false, false).await.unwrap();
    script.rows(0, &[(7, 1)]);
    let change = later.changes.recv().await.unwrap().unwrap();
    assert_eq!(text(&change.delta.iter().map(|delta| delta.rows.clone()).collect::<Vec<_>>()), ["7 1 1"]);
    runtime.remove(VIEW).await.unwrap();
    assert!(later.changes.recv().await.unwrap().is_err());
    runtime.stop().await;
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_let_go() {
    let runtime = start(1);
    runtime.add_table(TABLE, "t", pairs_schema()).await.unwrap();
    let mut slow = runtime.subscribe(TABLE, false, false).await.unwrap();
    let mut last = 0;
    for i in 0..1200 {
        last = runtime.write(vec![(TABLE, Delta::insert(pairs(&[(i, i)])))]).await.unwrap();
    }
    runtime.read(&[TABLE.into()], last).await.unwrap();
    let mut changes = 0;
    let end = loop {
        match slow.changes.recv().await.unwrap() {
            Ok(_) => changes += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((changes, end.code), (1024, code::CONFIGURATION_LIMIT_EXCEEDED));
    assert!(slow.changes.recv().await.is_none());
    runtime.stop().await;
}
