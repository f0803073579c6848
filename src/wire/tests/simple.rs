use super::client::{kinds, message, query, tags};
use super::script::Scripted;

#[tokio::test]
async fn statements_are_answered_one_by_one_until_one_fails() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send(&query("rows 2; done INSERT 0 3; fail; rows 1")).await;
    let answers = client.receive_until('Z').await;
    assert_eq!(kinds(&answers), "TDDCCEZ");
    assert_eq!(tags(&answers), ["SELECT 2", "INSERT 0 3"]);
    assert_eq!(answers[1].values(), [Some(b"0".to_vec()), Some(b"0".to_vec())]);
    // Character 3 of the third statement, before which there are 25.
    assert_eq!((answers[5].code().as_str(), answers[5].field(b'P').as_deref()), ("42703", Some("28")));
    assert_eq!(answers[6].body, b"I");
}

#[tokio::test]
async fn a_syntax_error_anywhere_runs_nothing() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send(&query("rows 1; syntax")).await;
    let answers = client.receive_until('Z').await;
    assert_eq!((kinds(&answers).as_str(), answers[0].field(b'P').as_deref()), ("EZ", Some("9")));
}

#[tokio::test]
async fn empty_texts_and_notices() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send_all(&[query(""), query(" ; "), query("notice")]).await;
    assert_eq!(client.kinds().await, "IZ");
    assert_eq!(client.kinds().await, "IZ");
    assert_eq!(client.kinds().await, "NCZ");
}

#[tokio::test]
async fn an_error_among_rows_comes_behind_them() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    client.send(&query("broken 3")).await;
    let answers = client.receive_until('Z').await;
    assert_eq!((kinds(&answers).as_str(), answers[4].code().as_str()), ("TDDDEZ", "22012"));
}

#[tokio::test]
async fn transactions_are_told_and_fail() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    let mut status = async |sql: &str| {
        client.send(&query(sql)).await;
        let answers = client.receive_until('Z').await;
        (kinds(&answers), String::from_utf8(answers.last().unwrap().body.clone()).unwrap())
    };
    assert_eq!(status("begin").await, ("CZ".into(), "T".into()));
    assert_eq!(status("fail").await, ("EZ".into(), "E".into()));
    for refused in ["rows 1", "fetch 1 c", "declare c for rows 1", "close c", "copy rows 1", "deallocate all"] {
        assert_eq!(status(refused).await, ("EZ".into(), "E".into()), "{refused}");
    }
    assert_eq!(status("rollback").await, ("CZ".into(), "I".into()));
}

/// Every byte that is no message ends the connection; a message that is broken inside does not.
#[tokio::test]
async fn broken_messages() {
    let scripted = Scripted::start().await;
    for bytes in [&b"?\0\0\0\x04"[..], b"Q\0\0\0\x03", b"Q\xff\xff\xff\xff", b"D\0\0\xff\xff", b"p\0\0\0\x05\0"] {
        let mut client = scripted.client().await;
        client.send(bytes).await;
        let error = client.receive().await;
        assert_eq!(error.field(b'S').as_deref(), Some("FATAL"), "{bytes:?}");
        assert!(matches!(error.code().as_str(), "08P01" | "54000"), "{error:?}");
        assert_eq!(client.try_receive().await, None);
    }
    let mut client = scripted.client().await;
    for (bytes, code) in [(&b"rows '\xff'\0"[..], "22021"), (b"no end", "08P01"), (b"two\0ends\0", "08P01")] {
        client.send(&message(b'Q', bytes)).await;
        let answers = client.receive_until('Z').await;
        assert_eq!((kinds(&answers).as_str(), answers[0].code().as_str()), ("EZ", code));
    }
    client.send(&message(b'F', b"\0\0\0\x01")).await;
    assert_eq!(client.receive_until('Z').await[0].code(), "0A000");
    // What a client sends of a COPY that failed before is nobody's.
    client.send_all(&[message(b'd', b"1\n"), message(b'c', b""), query("rows 1")]).await;
    assert_eq!(client.kinds().await, "TDCZ");
}

#[tokio::test]
async fn copy_formats() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    let mut copied = async |sql: &str| {
        client.send(&query(sql)).await;
        let answers = client.receive_until('Z').await;
        let rows = answers.iter().filter(|answer| answer.kind == 'd').map(|answer| answer.body.clone());
        (kinds(&answers), rows.collect::<Vec<_>>(), tags(&answers), answers[0].body.clone())
    };
    let (kinds, rows, tags, header) = copied("copy rows 2").await;
    assert_eq!((kinds.as_str(), tags), ("HddcCZ", vec!["COPY 2".to_string()]));
    assert_eq!(header, [0, 0, 2, 0, 0, 0, 0]);
    assert_eq!(rows, [b"0\t0\n", b"1\t1\n"]);
    let (_, rows, ..) = copied("copy csv rows 1").await;
    assert_eq!(rows, [&b"n,t\n"[..], b"0,0\n"]);
    let (_, rows, _, header) = copied("copy binary rows 1").await;
    assert_eq!(header, [1, 0, 2, 0, 1, 0, 1]);
    // The header comes with the first row.
    let first = [&b"PGCOPY\n\xff\r\n\0"[..], &[0; 8], b"\0\x02\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x010"].concat();
    assert_eq!(rows, [&first[..], b"\xff\xff"]);
    // What goes wrong on the way is an error and nothing else.
    let (kinds, ..) = copied("copy broken 2").await;
    assert_eq!(kinds, "HddEZ");
    let (kinds, ..) = copied("copy done OK").await;
    assert_eq!(kinds, "EZ");
}
