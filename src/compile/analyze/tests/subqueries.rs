//! Subqueries, CTEs and windows: answers of PostgreSQL 17, written down by hand.

use super::{answer, answer_any_order, columns, complaint};
use crate::error::code;

#[test]
fn not_in() {
    let with_null = "(SELECT * FROM (VALUES (2), (NULL)) v(n))";
    let without = "(SELECT * FROM (VALUES (2), (3)) v(n))";
    let none = "(SELECT x FROM t WHERE x > 100)";
    assert_eq!(answer(&format!("SELECT x FROM t WHERE x NOT IN {with_null}")), [""; 0]);
    assert_eq!(answer(&format!("SELECT x FROM t WHERE x NOT IN {without}")), ["1"]);
    assert_eq!(answer_any_order(&format!("SELECT x FROM t WHERE x NOT IN {none}")), ["1", "2", "NULL"]);
    // A constant on the left.
    assert_eq!(answer(&format!("SELECT 1 WHERE 1 NOT IN {with_null}")), [""; 0]);
    assert_eq!(answer(&format!("SELECT 1 WHERE 1 NOT IN {without}")), ["1"]);
    assert_eq!(answer(&format!("SELECT 1 WHERE 2 NOT IN {with_null}")), [""; 0]);
    assert_eq!(answer(&format!("SELECT x FROM t WHERE NULL NOT IN {without}")), [""; 0]);
    assert_eq!(answer_any_order(&format!("SELECT x FROM t WHERE NULL NOT IN {none}")), ["1", "2", "NULL"]);
    // Correlated.
    let other = "SELECT b.x FROM (VALUES (1, 10), (NULL, 30)) b(x, y) WHERE b.y = a.y";
    assert_eq!(answer_any_order(&format!("SELECT a.x FROM t a WHERE a.x NOT IN ({other})")), ["2"]);
    assert_eq!(answer_any_order(&format!("SELECT a.y FROM t a WHERE 7 NOT IN ({other})")), ["10", "NULL"]);
    // Inside a larger condition.
    assert_eq!(answer_any_order(&format!("SELECT x FROM t WHERE x = 1 OR x NOT IN {with_null}")), ["1"]);
    assert_eq!(answer_any_order(&format!("SELECT x FROM t WHERE (x IN {with_null}) IS NULL")), ["1", "NULL"]);
    assert_eq!(answer_any_order(&format!("SELECT x FROM t WHERE NOT (x IN {without} OR x = 7)")), ["1"]);
}

#[test]
fn ctes_joins_and_windows() {
    assert_eq!(answer("SELECT x, (SELECT max(y) FROM t) FROM t WHERE x = 1"), ["1|30"]);
    assert_eq!(
        answer("SELECT a.x, (SELECT count(*) FROM t b WHERE b.x = a.x) FROM t a ORDER BY a.x"),
        ["1|1", "2|1", "NULL|0"]
    );
    assert_eq!(answer("WITH c AS (SELECT x FROM t WHERE x IS NOT NULL) SELECT count(*) FROM c a, c b"), ["4"]);
    assert_eq!(
        answer("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT sum(i) FROM n"),
        ["10"]
    );
    assert_eq!(answer("SELECT x, lag(x) OVER (ORDER BY x) FROM t ORDER BY x"), ["1|NULL", "2|1", "NULL|2"]);
    assert_eq!(
        answer("SELECT t.x FROM t LEFT JOIN bids ON t.x = bids.auction WHERE bids.auction IS NULL ORDER BY 1"),
        ["1", "2", "NULL"]
    );
    assert_eq!(answer("SELECT name FROM tidewater.sources"), ["bids"]);
    assert_eq!(columns("SELECT * FROM expensive"), ["item bigint", "price bigint"]);
    assert_eq!(answer("SELECT count(*) FROM expensive e WHERE e.item > 1"), ["0"]);
}

#[test]
fn membership_as_a_value() {
    assert_eq!(answer("SELECT x IN (SELECT x FROM t) FROM t ORDER BY x"), ["true", "true", "NULL"]);
    assert_eq!(answer("SELECT x NOT IN (SELECT x FROM t) FROM t ORDER BY x"), ["false", "false", "NULL"]);
    assert_eq!(answer("SELECT x IN (SELECT x FROM t WHERE x = 1) FROM t ORDER BY x"), ["true", "false", "NULL"]);
    assert_eq!(answer("SELECT x IN (SELECT x FROM t WHERE false) FROM t ORDER BY x"), ["false", "false", "false"]);
    assert_eq!(answer("SELECT x IN (SELECT y FROM t b WHERE b.x = t.x) FROM t ORDER BY x"), ["false", "NULL", "false"]);
    assert_eq!(answer("SELECT 10 IN (SELECT y FROM t b WHERE b.x = t.x) FROM t ORDER BY x"), ["true", "NULL", "false"]);
    assert_eq!(answer("SELECT sum(CASE WHEN x IN (SELECT x FROM t) THEN 1 ELSE 0 END) FROM t"), ["2"]);
    assert_eq!(answer("SELECT x FROM t ORDER BY x IN (SELECT 2) DESC"), ["NULL", "2", "1"]);
    assert_eq!(
        answer("SELECT max(y), x IN (SELECT 1) FROM t GROUP BY x IN (SELECT 1) ORDER BY 1"),
        ["10|true", "30|NULL", "NULL|false"]
    );
    assert_eq!(answer("SELECT x FROM t WHERE x = ANY (SELECT 1)"), ["1"]);
    assert_eq!(answer("SELECT x FROM t WHERE x <> ALL (SELECT 1)"), ["2"]);
    assert_eq!(answer("SELECT x FROM t WHERE x > ALL (SELECT x FROM t WHERE false) ORDER BY x"), ["1", "2", "NULL"]);
}

#[test]
fn existence_as_a_value() {
    assert_eq!(answer("SELECT EXISTS (SELECT 1 FROM t)"), ["true"]);
    assert_eq!(answer("SELECT NOT EXISTS (SELECT 1 FROM t WHERE false)"), ["true"]);
    assert_eq!(
        answer("SELECT EXISTS (SELECT 1 FROM t b WHERE b.x = a.x) FROM t a ORDER BY x"),
        ["true", "true", "false"]
    );
    assert_eq!(
        answer(
            "SELECT count(*) FROM t WHERE EXISTS (SELECT 1 FROM t b WHERE b.x = t.x AND b.y IN (SELECT y FROM t c WHERE c.x = b.x))"
        ),
        ["1"]
    );
}

#[test]
fn correlated_values() {
    let rows = "(VALUES (1, 1, 9), (1, 2, 8), (2, 3, 7)) b(x, y, z) WHERE b.x = t.x";
    assert_eq!(answer("SELECT (SELECT y FROM t b WHERE b.x = t.x) FROM t ORDER BY x"), ["10", "NULL", "NULL"]);
    assert_eq!(answer("SELECT count(*) FROM t WHERE (SELECT y FROM t b WHERE b.x = t.x) > 5"), ["1"]);
    assert_eq!(answer(&format!("SELECT (SELECT z FROM {rows}) FROM t WHERE x = 2")), ["7"]);
    assert_eq!(complaint(&format!("SELECT (SELECT z FROM {rows}) FROM t")).code, code::CARDINALITY_VIOLATION);
    assert_eq!(
        answer(&format!("SELECT (SELECT z FROM {rows} ORDER BY y DESC LIMIT 1) FROM t ORDER BY x")),
        ["8", "7", "NULL"]
    );
    assert_eq!(
        answer(&format!("SELECT (SELECT y FROM {rows} ORDER BY y LIMIT 1) FROM t ORDER BY x")),
        ["1", "3", "NULL"]
    );
    assert_eq!(
        answer("SELECT sum(CASE WHEN (SELECT count(*) FROM t b WHERE b.x = t.x) > 0 THEN 1 ELSE 0 END) FROM t"),
        ["2"]
    );
}

#[test]
fn correlation_by_any_condition() {
    let several = complaint("SELECT (SELECT y FROM t b WHERE b.x >= t.x) FROM t");
    assert_eq!(several.code, code::CARDINALITY_VIOLATION);
    assert_eq!(
        answer("SELECT x, (SELECT max(y) FROM t b WHERE b.x >= t.x) FROM t ORDER BY x"),
        ["1|10", "2|NULL", "NULL|NULL"]
    );
    assert_eq!(
        answer("SELECT a.x, s.y FROM t a, LATERAL (SELECT y FROM t b WHERE b.x = a.x LIMIT 1) s ORDER BY 1"),
        ["1|10", "2|NULL"]
    );
    // Tables inside that have the name of one outside.
    assert_eq!(
        answer("SELECT t.x IN (SELECT t.x FROM t u, t WHERE u.y = a.y) FROM t JOIN t a ON a.x = t.x ORDER BY t.x"),
        ["true", "false"]
    );
    assert_eq!(
        answer("SELECT a.x, s.y FROM t a, LATERAL (SELECT y FROM t b WHERE b.x = a.x) s ORDER BY 1"),
        ["1|10", "2|NULL"]
    );
}

#[test]
fn functions_in_from() {
    assert_eq!(answer("SELECT generate_series FROM generate_series(1, 3)"), ["1", "2", "3"]);
    assert_eq!(answer("SELECT sum(n) FROM generate_series(1, 3) g(n)"), ["6"]);
    assert_eq!(complaint("SELECT * FROM no_such_function(1)").code, code::UNDEFINED_FUNCTION);
}
