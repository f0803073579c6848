use super::client::{
    Answer, bind, bind_plain, close, describe, execute, flush, kinds, message, parse, query, sync, tags,
};
use super::script::Scripted;

#[tokio::test]
async fn row_limits_of_execute() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    for (rows_max, expected, tag) in [
        (-1, "12DDDCZ", "SELECT 3"),
        (0, "12DDDCZ", "SELECT 3"),
        (i32::MAX, "12DDDCZ", "SELECT 3"),
        (i32::MIN, "12DDDCZ", "SELECT 3"),
    ] {
        client.send_all(&[parse("", "rows 3", &[]), bind_plain("", ""), execute("", rows_max), sync()]).await;
        let answers = client.receive_until('Z').await;
        assert_eq!((kinds(&answers).as_str(), tags(&answers)), (expected, vec![tag.to_string()]), "{rows_max}");
    }
    let once = execute("", 1);
    let again = [once.clone(), once.clone(), once.clone(), once.clone(), once];
    client.send_all(&[parse("", "rows 3", &[]), bind_plain("", ""), again.concat(), sync()]).await;
    let answers = client.receive_until('Z').await;
    assert_eq!(kinds(&answers), "12DsDsDsCCZ");
    assert_eq!(tags(&answers), ["SELECT 0", "SELECT 0"]);
}

#[tokio::test]
async fn describe_tells_of_parameters_and_columns() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    let messages = [
        parse("s", "echo", &[20, 0, 25]),
        describe(b'S', "s"),
        bind("", "s", &[Some(b"\0\0\0\0\0\0\0\x07"), None, Some("é".as_bytes())], (&[1, 0, 0], &[1])),
        describe(b'P', ""),
        execute("", 0),
        parse("n", "done X", &[]),
        describe(b'S', "n"),
        sync(),
    ];
    client.send_all(&messages).await;
    let answers = client.receive_until('Z').await;
    assert_eq!(kinds(&answers), "1tT2TDC1tnZ");
    assert_eq!(answers[1].body, [0, 3, 0, 0, 0, 20, 0, 0, 0, 23, 0, 0, 0, 25]);
    // Columns before Bind are told in text format, those of the portal in its own.
    assert_eq!((formats(&answers[2]), formats(&answers[4])), (vec![0, 0, 0], vec![1, 1, 1]));
    assert_eq!(answers[5].values(), [Some(7_i64.to_be_bytes().to_vec()), None, Some("é".as_bytes().to_vec())]);
}

/// The format codes of a RowDescription: the last of the 18 bytes behind each name.
fn formats(answer: &Answer) -> Vec<u8> {
    let mut rest = &answer.body[2..];
    let mut formats = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        formats.push(rest[end + 18]);
        rest = &rest[end + 19..];
    }
    formats
}

#[tokio::test]
async fn an_error_skips_to_sync() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    let messages = [
        describe(b'P', "nowhere"),
        parse("", "rows 1", &[]),
        query("rows 1"),
        bind_plain("", ""),
        message(b'B', b"broken"),
        sync(),
        parse("", "rows 1", &[]),
        bind_plain("", ""),
        execute("", 0),
        sync(),
    ];
    client.send_all(&messages).await;
    let answers = client.receive_until('Z').await;
    assert_eq!((kinds(&answers).as_str(), answers[0].code().as_str()), ("EZ", "34000"));
    assert_eq!(client.kinds().await, "12DCZ");
}

/// The error itself does not wait for Sync.
#[tokio::test]
async fn errors_are_sent_at_once() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send(&message(b'B', b"broken")).await;
    assert_eq!(client.receive().await.code(), "08P01");
    client.send(&sync()).await;
    assert_eq!(client.kinds().await, "Z");
}

#[tokio::test]
async fn what_is_refused() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    let cases: [(&[Vec<u8>], &str); 12] = [
        (&[parse("", "rows 1; rows 2", &[])], "42601"),
        (&[parse("s", "rows 1", &[]), parse("s", "rows 1", &[])], "42P05"),
        (&[bind_plain("", "unknown")], "26000"),
        (&[bind_plain("", "s"), bind_plain("p", "s"), bind_plain("p", "s")], "42P03"),
        (&[bind("", "s", &[None], (&[], &[]))], "08P01"),
        (&[bind("", "s", &[], (&[], &[0, 0, 0]))], "08P01"),
        (&[bind("", "s", &[], (&[], &[7]))], "22023"),
        (&[parse("e", "echo", &[23]), bind("", "e", &[Some(b"12")], (&[1], &[]))], "22P03"),
        (&[bind("", "e", &[Some(b"x")], (&[], &[]))], "22P02"),
        (&[parse("o", "echo", &[600])], "0A000"),
        (&[execute("nowhere", 0)], "34000"),
        (&[parse("d", "done X", &[]), bind_plain("", "d"), execute("", 0), execute("", 0)], "55000"),
    ];
    for (messages, code) in cases {
        client.send_all(messages).await;
        client.send(&sync()).await;
        let answers = client.receive_until('Z').await;
        let error = answers.iter().find(|answer| answer.kind == 'E').unwrap_or_else(|| panic!("no {code}"));
        assert_eq!(error.code(), code);
    }
}

#[tokio::test]
async fn empty_statements_and_closing() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    let messages = [parse("", "", &[]), describe(b'S', ""), bind_plain("", ""), execute("", 0), sync()];
    client.send_all(&messages).await;
    assert_eq!(client.kinds().await, "1tn2IZ");
    // Closing a statement closes its portals; closing what is not there is no error.
    let messages = [
        parse("s", "rows 1", &[]),
        bind_plain("p", "s"),
        close(b'S', "s"),
        close(b'P', "unknown"),
        execute("p", 0),
        sync(),
    ];
    client.send_all(&messages).await;
    assert_eq!(client.kinds().await, "1233EZ");
}

#[tokio::test]
async fn portals_end_with_their_transaction() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send_all(&[parse("s", "rows 9", &[]), bind_plain("p", "s"), execute("p", 2), sync()]).await;
    assert_eq!(client.kinds().await, "12DDsZ");
    client.send_all(&[execute("p", 2), sync()]).await;
    assert_eq!(client.kinds().await, "EZ");
    client.send(&query("begin")).await;
    client.receive_until('Z').await;
    client.send_all(&[bind_plain("p", "s"), execute("p", 2), sync(), execute("p", 3), sync()]).await;
    assert_eq!(client.kinds().await, "2DDsZ");
    assert_eq!(client.kinds().await, "DDDsZ");
    client.send(&query("commit")).await;
    client.receive_until('Z').await;
    client.send_all(&[execute("p", 2), sync()]).await;
    assert_eq!(client.kinds().await, "EZ");
}

#[tokio::test]
async fn a_failed_transaction_refuses_until_it_ends() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send_all(&[parse("s", "rows 1", &[]), parse("r", "rollback", &[]), sync()]).await;
    client.receive_until('Z').await;
    client.send(&query("begin; fail")).await;
    client.receive_until('Z').await;
    for refused in [parse("", "rows 1", &[]), bind_plain("", "s")] {
        client.send_all(&[refused, sync()]).await;
        let answers = client.receive_until('Z').await;
        assert_eq!((answers[0].code().as_str(), answers[1].body.as_slice()), ("25P02", &b"E"[..]));
    }
    client.send_all(&[bind_plain("", "r"), execute("", 0), sync()]).await;
    let answers = client.receive_until('Z').await;
    assert_eq!((kinds(&answers).as_str(), answers[2].body.as_slice()), ("2CZ", &b"I"[..]));
}

/// Rows of a subscription come at once, although the client asked for more than are ready.
#[tokio::test]
async fn a_subscription_suspends_early() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send_all(&[parse("", "live 3", &[]), bind_plain("", ""), execute("", 100), flush()]).await;
    assert_eq!(kinds(&client.receive_until('s').await), "12DDDs");
    // The next Execute waits; without a limit the rows come as well.
    client.send_all(&[sync(), parse("", "live 2", &[]), bind_plain("", ""), execute("", 0)]).await;
    assert_eq!(kinds(&client.receive_until('2').await), "Z12");
    assert_eq!((client.receive().await.kind, client.receive().await.kind), ('D', 'D'));
    client.cancel().await;
    assert_eq!(client.receive().await.code(), "57014");
}

#[tokio::test]
async fn copy_and_prepared_statements_of_sql() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client
        .send_all(&[parse("", "copy rows 2", &[]), describe(b'S', ""), bind_plain("", ""), execute("", 0), sync()])
        .await;
    assert_eq!(client.kinds().await, "1tn2HddcCZ");
    client.send(&query("prepare p as rows 2; execute p")).await;
    let answers = client.receive_until('Z').await;
    assert_eq!((kinds(&answers).as_str(), tags(&answers)), ("CTDDCZ", vec!["PREPARE".into(), "SELECT 2".into()]));
    // EXECUTE is described by what it executes.
    client
        .send_all(&[parse("", "execute p", &[]), describe(b'S', ""), bind_plain("", ""), execute("", 1), sync()])
        .await;
    assert_eq!(client.kinds().await, "1tT2DsZ");
    client.send(&query("deallocate p; execute p")).await;
    let answers = client.receive_until('Z').await;
    assert_eq!((kinds(&answers).as_str(), answers[1].code().as_str()), ("CEZ", "26000"));
    // A statement that executes itself does not run for ever.
    client.send_all(&[parse("loop", "execute loop", &[]), sync(), query("execute loop")]).await;
    assert_eq!(client.kinds().await, "1Z");
    assert_eq!(client.receive().await.code(), "26000");
}
