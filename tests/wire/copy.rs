//! Options of COPY, in and out. What is written and read is what PostgreSQL 15 writes and reads.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio_postgres::Client;

use crate::harness::{Server, rows, run};

async fn copy_in(client: &Client, options: &str, data: &'static str) -> Result<u64, String> {
    let told = |error: tokio_postgres::Error| {
        let Some(error) = error.as_db_error() else { return format!("{error:?}") };
        format!("{}: {}", error.code().code(), error.message())
    };
    let sink = client.copy_in(&format!("COPY t FROM STDIN {options}")).await.map_err(told)?;
    let mut sink = std::pin::pin!(sink);
    sink.send(Bytes::from_static(data.as_bytes())).await.map_err(told)?;
    sink.finish().await.map_err(told)
}

async fn copy_out(client: &Client, options: &str) -> String {
    let stream = client.copy_out(&format!("COPY (SELECT a, b FROM t ORDER BY a) TO STDOUT {options}")).await.unwrap();
    let parts: Vec<_> = stream.map(|part| part.unwrap()).collect().await;
    String::from_utf8(parts.concat()).unwrap()
}

#[tokio::test]
async fn options_of_csv_are_those_of_postgresql() {
    let server = Server::start(1).await;
    let client = server.connect().await;
    run(&client, "CREATE TABLE t (a TEXT, b TEXT)").await;
    let taken = copy_in(&client, "(FORMAT csv, QUOTE '''', ESCAPE '\\')", "'1\\'x','y\\\\'\n'2',''\n3,\n").await;
    assert_eq!(taken, Ok(3));
    assert_eq!(rows(&client, "SELECT a, b FROM t ORDER BY a").await, [["1'x", "y\\"], ["2", ""], ["3", "NULL"]]);
    assert_eq!(
        copy_out(&client, "(FORMAT csv, FORCE_QUOTE (a), ESCAPE '\\', HEADER)").await,
        "a,b\n\"1'x\",y\\\n\"2\",\"\"\n\"3\",\n"
    );
    assert_eq!(copy_out(&client, "CSV FORCE QUOTE *").await, "\"1'x\",\"y\\\"\n\"2\",\"\"\n\"3\",\n");
    run(&client, "TRUNCATE t").await;
    let options = "(FORMAT csv, FORCE_NULL (b), FORCE_NOT_NULL (a), HEADER match, ENCODING 'UTF8')";
    assert_eq!(copy_in(&client, options, "a,b\n,\"\"\nx,y\n").await, Ok(2));
    assert_eq!(rows(&client, "SELECT a, b FROM t ORDER BY a").await, [["", "NULL"], ["x", "y"]]);
    server.stop().await;
}
