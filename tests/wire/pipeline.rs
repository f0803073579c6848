//! What is executed up to one Sync is one transaction. The usual clients send a Sync behind each statement; here messages are written by hand.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::soon;
use crate::harness::{Server, rows, run};

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &((body.len() + 4) as i32).to_be_bytes(), body].concat()
}

/// Parse, Bind and Execute of statements.
fn statements(all: &[&str]) -> Vec<u8> {
    let one = |sql: &&str| {
        let parse = message(b'P', format!("\0{sql}\0\0\0").as_bytes());
        [parse, message(b'B', &[0; 8]), message(b'E', &[0; 5])].concat()
    };
    all.iter().flat_map(one).collect()
}

/// The types of the messages up to ReadyForQuery, and the transaction's state that it tells.
async fn answers(stream: &mut TcpStream) -> (String, char) {
    let mut kinds = String::new();
    loop {
        let kind = stream.read_u8().await.unwrap();
        let mut body = vec![0; stream.read_i32().await.unwrap() as usize - 4];
        stream.read_exact(&mut body).await.unwrap();
        kinds.push(kind.into());
        if kind == b'Z' {
            return (kinds, body[0].into());
        }
    }
}

async fn connect(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = b"\0\x03\0\0user\0tidewater\0\0";
    stream.write_all(&[&((body.len() + 4) as i32).to_be_bytes(), &body[..]].concat()).await.unwrap();
    soon(answers(&mut stream)).await;
    stream
}

/// Statements of a pipeline; the messages that answer it and the transaction's state; the rows that it leaves.
type Case = (&'static [&'static str], (&'static str, char), &'static [&'static str]);

#[tokio::test(flavor = "multi_thread")]
async fn statements_up_to_a_sync_are_one_transaction() {
    let server = Server::start(1).await;
    let client = server.connect().await;
    run(&client, "CREATE TABLE t (id INT PRIMARY KEY)").await;
    let mut stream = connect(server.port.address()).await;
    let cases: [Case; 7] = [
        (
            &["INSERT INTO t VALUES (5)", "INSERT INTO t VALUES (6)", "INSERT INTO t VALUES (5)"],
            ("12C12C12EZ", 'I'),
            &[],
        ),
        (&["INSERT INTO t VALUES (1)", "SELECT 1 / 0", "INSERT INTO t VALUES (2)"], ("12C12EZ", 'I'), &[]),
        (
            &["INSERT INTO t VALUES (1)", "SELECT id FROM t", "INSERT INTO t VALUES (2)"],
            ("12C12DC12CZ", 'I'),
            &["1", "2"],
        ),
        // A block that COMMIT ends; what follows it is the next transaction.
        (
            &["BEGIN", "INSERT INTO t VALUES (3)", "COMMIT", "INSERT INTO t VALUES (4)", "nonsense"],
            ("12C12C12C12CEZ", 'I'),
            &["1", "2", "3"],
        ),
        (&["DELETE FROM t", "BEGIN"], ("12C12CZ", 'T'), &["1", "2", "3"]),
        (&["ROLLBACK", "INSERT INTO t VALUES (4)"], ("12C12CZ", 'I'), &["1", "2", "3", "4"]),
        (&["DELETE FROM t"], ("12CZ", 'I'), &[]),
    ];
    for (pipeline, answered, left) in cases {
        stream.write_all(&[statements(pipeline), message(b'S', &[])].concat()).await.unwrap();
        let (kinds, state) = soon(answers(&mut stream)).await;
        assert_eq!((kinds.as_str(), state), answered, "{pipeline:?}");
        let found = rows(&client, "SELECT id FROM t ORDER BY id").await;
        assert_eq!(found.concat(), left, "{pipeline:?}");
    }
    server.stop().await;
}

/// A pipeline that comes in pieces; the Sync alone at the end commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_comes_late_commits() {
    let server = Server::start(1).await;
    let client = server.connect().await;
    run(&client, "CREATE TABLE t (id INT PRIMARY KEY)").await;
    let mut stream = connect(server.port.address()).await;
    stream.write_all(&[statements(&["INSERT INTO t VALUES (5)"]), message(b'H', &[])].concat()).await.unwrap();
    for expected in [b'1', b'2', b'C'] {
        assert_eq!(soon(stream.read_u8()).await.unwrap(), expected);
        let mut body = vec![0; soon(stream.read_i32()).await.unwrap() as usize - 4];
        soon(stream.read_exact(&mut body)).await.unwrap();
    }
    assert_eq!(rows(&client, "SELECT id FROM t").await.concat(), [""; 0]);
    stream.write_all(&message(b'S', &[])).await.unwrap();
    assert_eq!(soon(answers(&mut stream)).await, ("Z".to_string(), 'I'));
    assert_eq!(rows(&client, "SELECT id FROM t").await.concat(), ["5"]);
    server.stop().await;
}
