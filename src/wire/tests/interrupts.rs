use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::client::{Client, bind_plain, execute, flush, kinds, parse, query, sync};
use super::script::Scripted;
use crate::clock;

/// From the cancel request to its error.
const CANCEL_MAX: Duration = Duration::from_millis(100);

/// Sends `messages`, waits for `ready`, cancels and returns how long the error took.
async fn cancel(scripted: &mut Scripted, messages: &[Vec<u8>], ready: Option<char>, dropped: &str) -> Duration {
    let mut client = scripted.client().await;
    client.send_all(messages).await;
    match ready {
        Some(kind) => drop(client.receive_until(kind).await),
        // Nothing tells that the statement runs: a cancel request that comes too early is forgotten, as in PostgreSQL.
        None => tokio::time::sleep(Duration::from_millis(50)).await,
    }
    let start = clock::instant();
    client.cancel().await;
    let answers = client.receive_until('E').await;
    let elapsed = start.elapsed();
    assert_eq!(answers.last().unwrap().code(), "57014");
    assert_eq!(scripted.dropped.recv().await.as_deref(), Some(dropped));
    // The session goes on.
    client.send(&sync()).await;
    client.receive_until('Z').await;
    client.send(&query("rows 1")).await;
    assert!(kinds(&client.receive_until('C').await).ends_with("TDC"));
    scripted.dropped.recv().await.unwrap();
    elapsed
}

#[tokio::test]
async fn cancel_at_any_moment() {
    let mut scripted = Scripted::start().await;
    let extended = |sql: &str, rows_max| vec![parse("", sql, &[]), bind_plain("", ""), execute("", rows_max), flush()];
    let cases = [
        (vec![query("live 1")], Some('D'), "live 1"),
        (vec![query("live 0")], Some('T'), "live 0"),
        (vec![query("never")], None, "never"),
        (vec![query("copy live 1")], Some('d'), "live 1"),
        (extended("live 1", 0), Some('D'), "live 1"),
        (extended("live 0", 5), Some('2'), "live 0"),
        (extended("never", 0), None, "never"),
        (extended("copy live 1", 0), Some('d'), "live 1"),
    ];
    for (messages, ready, dropped) in cases {
        let mut fastest = Duration::MAX;
        for _ in 0..3 {
            fastest = fastest.min(cancel(&mut scripted, &messages, ready, dropped).await);
        }
        assert!(fastest <= CANCEL_MAX, "{dropped}: {fastest:?}");
    }
}

/// What computes without a pause holds up neither the other connections nor the answer to a cancel request; the session's next
/// statement waits for its end.
#[tokio::test]
async fn a_busy_statement_holds_nobody_up() {
    let scripted = Scripted::start().await;
    let (mut client, mut other) = (scripted.client().await, scripted.client().await);
    client.send(&query("begin")).await;
    client.kinds().await;
    let start = clock::instant();
    client.send(&query("busy 1500")).await;
    other.send(&query("rows 2")).await;
    assert_eq!(other.kinds().await, "TDDCZ");
    client.cancel().await;
    let answers = client.receive_until('Z').await;
    assert_eq!(answers[0].code(), "57014");
    assert_eq!(answers.last().unwrap().body, b"E");
    assert!(start.elapsed() < Duration::from_millis(750), "{:?}", start.elapsed());
    client.send(&query("rows 1")).await;
    let answers = client.receive_until('Z').await;
    assert_eq!(answers[0].code(), "25P02");
    assert!(start.elapsed() >= Duration::from_millis(1500), "{:?}", start.elapsed());
    client.send(&query("rollback")).await;
    assert_eq!(client.receive_until('Z').await.last().unwrap().body, b"I");
}

/// Its timeout ends it, too.
#[tokio::test]
async fn a_busy_statement_ends_at_its_timeout() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send(&query("set statement_timeout 100; busy 1500")).await;
    let start = clock::instant();
    let answers = client.receive_until('Z').await;
    assert_eq!(answers.iter().find(|answer| answer.kind == 'E').unwrap().code(), "57014");
    assert!(start.elapsed() < Duration::from_millis(750), "{:?}", start.elapsed());
}

/// A cancel request that finds no statement does not hit the next one.
#[tokio::test]
async fn a_late_cancel_is_forgotten() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.cancel().await;
    client.send(&query("rows 2")).await;
    assert_eq!(client.kinds().await, "TDDCZ");
}

/// A reader that does not read keeps nobody from cancelling; what it gets then is whole.
#[tokio::test]
async fn a_slow_reader_can_be_cancelled() {
    let mut scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send(&query("wide 1000000")).await;
    client.receive_until('D').await;
    client.cancel().await;
    assert_eq!(scripted.dropped.recv().await.as_deref(), Some("wide 1000000"));
    let answers = client.receive_until('Z').await;
    let rows = answers.iter().filter(|answer| answer.kind == 'D').count();
    assert!(rows < 100_000, "{rows} rows were buffered");
    assert_eq!(answers[rows].code(), "57014");
}

#[tokio::test]
async fn a_closed_peer_ends_a_silent_statement() {
    let mut scripted = Scripted::start().await;
    for sql in ["live 0", "copy live 0", "declare c for live 0; fetch 1 c"] {
        let mut client = scripted.client().await;
        client.send(&query(sql)).await;
        client.receive().await;
        drop(client);
        assert_eq!(scripted.dropped.recv().await.as_deref(), Some("live 0"));
    }
}

/// Who has nothing more to say may still listen.
#[tokio::test]
async fn a_half_closed_peer_gets_its_answers() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send_all(&[query("rows 2000"), query("rows 1")]).await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.receive_until('Z').await.len(), 2003);
    assert_eq!(client.kinds().await, "TDCZ");
    assert_eq!(client.try_receive().await, None);
}

#[tokio::test]
async fn statement_timeout_spares_subscriptions() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send(&query("set statement_timeout 30ms")).await;
    client.receive_until('Z').await;
    client.send(&query("never")).await;
    let error = client.receive().await;
    assert_eq!(error.code(), "57014");
    assert_eq!(error.field(b'M').as_deref(), Some("canceling statement due to statement timeout"));
    client.receive_until('Z').await;
    client.send(&query("live 1")).await;
    client.receive_until('D').await;
    let silence = tokio::time::timeout(Duration::from_millis(120), client.try_receive()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn idle_in_transaction_timeout() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send(&query("set idle_in_transaction_session_timeout 30ms; begin")).await;
    client.receive_until('Z').await;
    let error = client.receive().await;
    assert_eq!((error.code().as_str(), error.field(b'S').as_deref()), ("25P03", Some("FATAL")));
    assert_eq!(client.try_receive().await, None);
}

#[tokio::test]
async fn stop_ends_every_session() {
    let mut scripted = Scripted::start().await;
    let mut idle = scripted.client().await;
    let mut running = scripted.client().await;
    running.send(&query("live 1")).await;
    running.receive_until('D').await;
    let mut unread = scripted.client().await;
    unread.send(&query("wide 1000000")).await;
    unread.receive_until('D').await;
    let silent = Client::start_raw(scripted.server.address(), b"").await;
    let address = scripted.server.address();
    let start = clock::instant();
    scripted.server.stop().await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    for client in [&mut idle, &mut running] {
        let error = client.receive().await;
        assert_eq!((error.code().as_str(), error.field(b'S').as_deref()), ("57P01", Some("FATAL")));
        assert_eq!(client.try_receive().await, None);
    }
    let mut dropped = vec![scripted.dropped.recv().await.unwrap(), scripted.dropped.recv().await.unwrap()];
    dropped.sort();
    assert_eq!(dropped, ["live 1", "wide 1000000"]);
    drop(silent);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
