use super::client::{bind, bind_plain, close, describe, execute, kinds, parse, query, sync, tags};
use super::script::Scripted;

#[tokio::test]
async fn a_cursor_lives_in_its_transaction() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    let mut ask = async |sql: &str| {
        client.send(&query(sql)).await;
        let answers = client.receive_until('Z').await;
        let code = answers.iter().find(|answer| answer.kind == 'E').map(|answer| answer.code());
        (kinds(&answers), tags(&answers).pop().or(code).unwrap_or_default())
    };
    ask("begin").await;
    assert_eq!(ask("declare c for rows 5").await, ("CZ".into(), "DECLARE CURSOR".into()));
    assert_eq!(ask("fetch 2 c").await, ("TDDCZ".into(), "FETCH 2".into()));
    assert_eq!(ask("fetch 0 c").await, ("TCZ".into(), "FETCH 0".into()));
    assert_eq!(ask("fetch all c").await, ("TDDDCZ".into(), "FETCH 3".into()));
    assert_eq!(ask("fetch 1 c").await, ("TCZ".into(), "FETCH 0".into()));
    assert_eq!(ask("declare held hold for rows 3").await.0, "CZ");
    assert_eq!(ask("commit").await.0, "CZ");
    assert_eq!(ask("fetch 1 c").await, ("EZ".into(), "34000".into()));
    assert_eq!(ask("fetch 1 held").await, ("TDCZ".into(), "FETCH 1".into()));
    assert_eq!(ask("declare held hold for rows 3").await, ("EZ".into(), "42P03".into()));
    assert_eq!(ask("close held").await, ("CZ".into(), "CLOSE CURSOR".into()));
    assert_eq!(ask("close held").await, ("EZ".into(), "34000".into()));
    ask("begin").await;
    ask("declare held hold for rows 3").await;
    ask("rollback").await;
    assert_eq!(ask("fetch 1 held").await.1, "34000");
    assert_eq!(ask("close all").await.1, "CLOSE CURSOR ALL");
}

/// FETCH from a subscription returns what is ready, and waits only for the first row, and not longer than its timeout.
#[tokio::test]
async fn fetch_from_a_subscription() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    let mut ask = async |sql: &str| {
        client.send(&query(sql)).await;
        let answers = client.receive_until('Z').await;
        (kinds(&answers), tags(&answers).pop().unwrap_or_default())
    };
    assert_eq!(ask("declare c for live 5").await.0, "CZ");
    assert_eq!(ask("fetch 2 c").await, ("TDDCZ".into(), "FETCH 2".into()));
    assert_eq!(ask("fetch all c").await, ("TDDDCZ".into(), "FETCH 3".into()));
    assert_eq!(ask("fetch 10 c 0").await, ("TCZ".into(), "FETCH 0".into()));
    assert_eq!(ask("fetch 10 c 20").await, ("TCZ".into(), "FETCH 0".into()));
    // A time that no clock can count is for ever, not a panic.
    client.send(&query(&format!("fetch 1 c {}", u64::MAX))).await;
    client.receive_until('T').await;
    client.cancel().await;
    assert_eq!(client.receive().await.code(), "57014");
}

/// A FETCH that was cancelled before it took a row leaves its cursor as it is.
#[tokio::test]
async fn a_cancelled_fetch_loses_nothing() {
    let mut scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send(&query("declare c for live 1; fetch 1 c")).await;
    assert_eq!(client.kinds().await, "CTDCZ");
    client.send(&query("fetch 1 c")).await;
    client.receive_until('T').await;
    client.cancel().await;
    assert_eq!(client.kinds().await, "EZ");
    client.send(&query("fetch 1 c 0")).await;
    assert_eq!(client.kinds().await, "TCZ");
    client.send(&query("close c")).await;
    assert_eq!(client.kinds().await, "CZ");
    assert_eq!(scripted.dropped.recv().await.as_deref(), Some("live 1"));
}

#[tokio::test]
async fn cursors_in_the_extended_protocol() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send(&query("begin")).await;
    client.receive_until('Z').await;
    client
        .send_all(&[
            parse("", "declare c for rows 9", &[]),
            describe(b'S', ""),
            bind_plain("", ""),
            execute("", 0),
            sync(),
        ])
        .await;
    assert_eq!(client.kinds().await, "1tn2CZ");
    // Drivers describe a cursor as a portal, and FETCH by the cursor's columns; formats are those of the FETCH.
    let fetch = bind("", "", &[], (&[], &[1, 0]));
    client
        .send_all(&[
            describe(b'P', "c"),
            parse("", "fetch 2 c", &[]),
            describe(b'S', ""),
            fetch,
            execute("", 0),
            sync(),
        ])
        .await;
    let answers = client.receive_until('Z').await;
    assert_eq!((kinds(&answers).as_str(), tags(&answers)), ("T1tT2DDCZ", vec!["FETCH 2".to_string()]));
    assert_eq!(answers[5].values()[0].as_deref(), Some(&[0; 8][..]));
    // A FETCH of more rows than the portal may return at once is answered in parts.
    client
        .send_all(&[
            parse("", "fetch 5 c", &[]),
            bind_plain("", ""),
            execute("", 3),
            execute("", 3),
            execute("", 3),
            sync(),
        ])
        .await;
    let answers = client.receive_until('Z').await;
    assert_eq!((kinds(&answers).as_str(), tags(&answers)), ("12DDDsDDCCZ", vec!["FETCH 2".into(), "FETCH 0".into()]));
    client.send_all(&[execute("c", 1), close(b'P', "c"), describe(b'P', "c"), sync()]).await;
    assert_eq!(client.kinds().await, "Ds3EZ");
}
