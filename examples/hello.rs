//! The engine inside a program: a table, a view that is always up to date, and its changes.
//! Run it with `cargo run --release --example hello`.

use futures::StreamExt;
use tidewater::clock::Clock;
use tidewater::engine::{Engine, Outcome};
use tidewater::error::Result;
use tidewater::flow::runtime::RuntimeOptions;

#[tokio::main]
async fn main() -> Result<()> {
    let engine = Engine::start(RuntimeOptions::default(), Clock::System)?;
    let mut session = engine.session("tidewater");
    let script = "
        CREATE TABLE sales (id BIGINT PRIMARY KEY, shop TEXT, amount BIGINT);
        CREATE MATERIALIZED VIEW per_shop AS SELECT shop, count(*) AS sales, sum(amount) AS total FROM sales GROUP BY shop;
        INSERT INTO sales VALUES (1, 'north', 10), (2, 'south', 20), (3, 'north', 5);
        DELETE FROM sales WHERE id = 1;
        SELECT * FROM per_shop ORDER BY shop;
    ";
    for statement in session.parse(script)? {
        if let Outcome::Rows { mut rows, .. } = session.execute(&statement, &[]).await? {
            while let Some(batch) = rows.next().await {
                let shown = datafusion::arrow::util::pretty::pretty_format_batches(&[batch?]);
                println!("{}", shown.map_err(|error| tidewater::error::Error::internal(error.to_string()))?);
            }
        }
    }
    engine.stop().await;
    Ok(())
}
