//! Queries → operators, as EXPLAIN prints them, and what is refused.

use crate::compile::analyze::{Settings, plan_view};
use crate::compile::analyze::tests::Shop;
use crate::compile::explain::explain;
use crate::compile::parse::Query;
use crate::compile::plan::Plan;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

fn view(sql: &str) -> Result<(Plan, Vec<String>)> {
    let (plan, schema) = plan_view(&Query::from_text(sql)?, &Shop, &Settings::default())?;
    let columns = schema.fields().iter().map(|field| format!("{} {}", field.name(), SqlType::of(field))).collect();
    let kinds = |schema: &datafusion::arrow::datatypes::Schema| {
        schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&plan.schema()), kinds(&schema), "{sql}");
    Ok((plan, columns))
}

#[track_caller]
fn check(sql: &str, expected: &str) {
    let (plan, _) = view(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let found = explain(&plan).join("\n");
    let expected: Vec<&str> = expected.trim_matches('\n').lines().collect();
    let margin = expected.first().map_or(0, |line| line.len() - line.trim_start().len());
    let expected: Vec<&str> = expected.iter().map(|line| line.get(margin..).unwrap_or(line.trim_start())).collect();
    assert_eq!(found, expected.join("\n").trim_end(), "{sql}\n{found}");
}

fn refused(sql: &str) -> Error {
    view(sql).map(|(plan, _)| explain(&plan)).expect_err(sql)
}

#[test]
fn dump() {
    for sql in [
        "SELECT auction, price FROM bids",
        "SELECT * FROM bids",
        "SELECT auction, price * 2 AS double FROM bids WHERE price > 100 AND channel = 'web'",
        "SELECT auction FROM (SELECT auction, price + 1 AS p FROM bids) b WHERE p > 3 AND p < 10",
        "SELECT p, p * 2 AS q FROM (SELECT auction, price + 1 AS p FROM bids) b",
        "SELECT auction, count(*), max(price) FROM bids GROUP BY auction",
        "SELECT count(*) FROM bids",
        "SELECT count(*) FROM bids WHERE price > 3",
        "SELECT auction, sum(price) FILTER (WHERE channel = 'web') AS web, avg(price) AS a FROM bids GROUP BY auction HAVING count(*) > 1",
        "SELECT date_trunc('hour', at) AS hour, count(*) FROM bids GROUP BY 1",
        "SELECT DISTINCT auction FROM bids",
        "SELECT count(DISTINCT bidder) FROM bids",
        "SELECT auction, count(DISTINCT bidder) AS d FROM bids GROUP BY auction",
        "SELECT auction, count(*) AS n, count(DISTINCT bidder) AS d, sum(DISTINCT price) FILTER (WHERE price > 1) AS s FROM bids GROUP BY auction",
        "SELECT count(*) AS n, count(DISTINCT bidder) AS d FROM bids",
        "SELECT b.price, a.seller FROM bids b JOIN auctions a ON b.auction = a.id",
        "SELECT b.price, p.name FROM bids b JOIN auctions a ON b.auction = a.id AND b.price > a.reserve JOIN people p ON p.id = a.seller WHERE a.category = 3",
        "SELECT b.price FROM bids b, auctions a WHERE b.auction = a.id",
        "SELECT b.price FROM bids b JOIN auctions a ON b.auction + 1 = a.category",
        "SELECT b.price FROM bids b JOIN auctions a ON b.auction IS NOT DISTINCT FROM a.id",
        "SELECT auction FROM bids UNION ALL SELECT category FROM auctions",
        "SELECT auction FROM bids UNION SELECT id FROM auctions",
        "SELECT auction, price FROM bids ORDER BY price DESC LIMIT 10",
        "SELECT auction FROM bids ORDER BY price DESC, auction LIMIT 10 OFFSET 5",
        "SELECT auction FROM bids ORDER BY price",
        "SELECT auction FROM bids LIMIT 3",
        "SELECT auction FROM bids ORDER BY price * 2 LIMIT 3",
        "SELECT auction, price FROM (SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM bids) b WHERE rn <= 3",
        "SELECT auction, price, rn FROM (SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM bids) b WHERE rn < 4 AND price > 7",
        "SELECT auction, price FROM (SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM bids) b WHERE rn = 1",
        "SELECT auction FROM (SELECT *, row_number() OVER (PARTITION BY auction % 10 ORDER BY price * 2 DESC) AS rn FROM bids) b WHERE rn BETWEEN 2 AND 5",
        "SELECT auction, row_number() OVER (ORDER BY price) AS rn FROM bids",
        "SELECT DISTINCT ON (auction) auction, price FROM bids ORDER BY auction, price DESC",
        "SELECT 1 AS one, 'a' AS b",
        "VALUES (1, 'a'), (2, NULL)",
        "SELECT auction FROM bids WHERE false",
        "SELECT item, count(*) FROM expensive GROUP BY item",
        "SELECT a.x, b.x FROM t a JOIN t b ON a.x = b.y",
        "WITH m AS (SELECT auction, max(price) AS p FROM bids GROUP BY auction) SELECT b.auction, b.bidder, b.price FROM bids b JOIN m ON b.auction = m.auction AND b.price = m.p",
    ] {
        println!("-- {sql}");
        match view(sql) {
            Ok((plan, columns)) => println!("{}\n   => {}", explain(&plan).join("\n"), columns.join(", ")),
            Err(e) => println!("ERR {e}"),
        }
    }
}
