//! Answers of PostgreSQL 17, written down by hand.

use super::{answer, answer_any_order, columns};

#[test]
fn nulls_in_conditions_and_aggregates() {
    assert_eq!(answer("SELECT x FROM t WHERE y <> 10"), ["NULL"]);
    assert_eq!(answer("SELECT count(*), count(x), sum(x), avg(x), max(y) FROM t"), ["3|2|3|1.5000000000000000|30"]);
    assert_eq!(answer("SELECT count(*), sum(x), avg(x) FROM t WHERE x > 5"), ["0|NULL|NULL"]);
    assert_eq!(answer("SELECT NULL = NULL, NULL IS NOT DISTINCT FROM NULL, NOT NULL::boolean"), ["NULL|true|NULL"]);
    assert_eq!(
        answer_any_order("SELECT y, count(*) FROM (VALUES (1), (NULL), (NULL)) v(y) GROUP BY y"),
        ["1|1", "NULL|2"]
    );
    assert_eq!(answer("SELECT count(*) FROM t a JOIN t b ON a.y = b.y"), ["2"]);
    assert_eq!(answer("SELECT x FROM t ORDER BY x"), ["1", "2", "NULL"]);
    assert_eq!(answer("SELECT x FROM t ORDER BY x DESC"), ["NULL", "2", "1"]);
}

#[test]
fn integers() {
    assert_eq!(answer("SELECT 7 / 2, -7 / 2, 7 % 3, -7 % 3, 2 * 3 + 1"), ["3|-3|1|-1|7"]);
    assert_eq!(
        columns("SELECT 1 AS a, 3000000000 AS b, 9223372036854775808 AS c, x + 1 AS d, x + price AS e FROM t, bids"),
        ["a integer", "b bigint", "c numeric(20,0)", "d integer", "e bigint"]
    );
    assert_eq!(answer("SELECT 9223372036854775808"), ["9223372036854775808"]);
    assert_eq!(answer("SELECT -9223372036854775807 - 1"), ["-9223372036854775808"]);
}

#[test]
fn numeric() {
    assert_eq!(columns("SELECT 1.5 AS a, 0.10 AS b"), ["a numeric(2,1)", "b numeric(2,2)"]);
    assert_eq!(answer("SELECT 0.1 + 0.2 = 0.3, 0.1 + 0.2, 1.5 * 1.5, 1.0 - 0.25"), ["true|0.3|2.25|0.75"]);
    assert_eq!(
        answer("SELECT 1.0 / 3, 2 / 3.0, -2.0 / 3"),
        ["0.33333333333333333333|0.66666666666666666667|-0.66666666666666666667"]
    );
    assert_eq!(answer("SELECT 3e9, 3e9 + 1, 1.5e3"), ["3000000000|3000000001|1500"]);
    // PostgreSQL: SELECT 99999999999999999999999999999999999999::numeric(38,0). Through a float it would end in …763.
    let big = "99999999999999999999999999999999999999";
    assert_eq!(answer(&format!("SELECT {big}::numeric(38,0)")), [big]);
}

#[test]
fn sums_and_averages_are_exact() {
    let big = "9223372036854775807";
    assert_eq!(
        answer(&format!("SELECT sum(b), avg(b) FROM (VALUES ({big}), ({big})) v(b)")),
        ["18446744073709551614|9223372036854775807"]
    );
    assert_eq!(answer("SELECT avg(n), sum(n) FROM (VALUES (1.10), (2.25), (3.00)) v(n)"), ["2.1166666666666667|6.35"]);
    assert_eq!(answer("SELECT avg(n) FROM (VALUES (-1), (-1), (0)) v(n)"), ["-0.66666666666666666667"]);
    assert_eq!(
        answer("SELECT sum(DISTINCT n), avg(DISTINCT n), count(DISTINCT n) FROM (VALUES (1), (1), (2), (NULL)) v(n)"),
        ["3|1.5000000000000000|2"]
    );
    assert_eq!(
        answer_any_order(
            "SELECT k, sum(n) FILTER (WHERE n > 1) FROM (VALUES (1, 1), (1, 2), (2, 1)) v(k, n) GROUP BY k"
        ),
        ["1|2", "2|NULL"]
    );
    assert_eq!(
        answer("SELECT sum(n) OVER (ORDER BY n ROWS 1 PRECEDING) FROM (VALUES (1), (2), (3)) v(n)"),
        ["1", "3", "5"]
    );
}

#[test]
fn types_of_aggregates() {
    assert_eq!(
        columns(
            "SELECT count(*) AS c, sum(x) AS si, sum(price) AS sb, sum(reserve) AS sn, sum(score) AS sd, avg(x) AS ai, \
             avg(reserve) AS an, avg(score) AS ad, max(expires) AS m, sum(x::smallint) AS ss, sum(score::real) AS sr, \
             avg(score::real) AS ar, sum(CASE WHEN x > 0 THEN 1 ELSE 0 END) AS sc FROM t, bids, auctions, people"
        ),
        [
            "c bigint",
            "si bigint",
            "sb numeric(33,0)",
            "sn numeric(24,2)",
            "sd double precision",
            "ai numeric",
            "an numeric",
            "ad double precision",
            "m timestamp without time zone",
            "ss bigint",
            "sr real",
            "ar double precision",
            "sc bigint",
        ]
    );
}

#[test]
fn types_survive() {
    assert_eq!(
        columns("SELECT uid, doc, name, uid AS other FROM (SELECT * FROM people WHERE id > 1) p"),
        ["uid uuid", "doc jsonb", "name character varying(20)", "other uuid"]
    );
    assert_eq!(columns("SELECT uid, count(*) AS n FROM people GROUP BY uid"), ["uid uuid", "n bigint"]);
    assert_eq!(columns("SELECT uid FROM people UNION ALL SELECT uid FROM people"), ["uid uuid"]);
    assert_eq!(columns("SELECT p.uid FROM people p JOIN people q ON p.uid = q.uid"), ["uid uuid"]);
    assert_eq!(columns("SELECT upper(name) AS u, name || 'x' AS c FROM people"), ["u text", "c text"]);
    assert_eq!(
        columns(
            "SELECT row_number() OVER () AS a, rank() OVER (ORDER BY x) AS b, ntile(2) OVER (ORDER BY x) AS c FROM t"
        ),
        ["a bigint", "b bigint", "c integer"]
    );
    assert_eq!(
        columns("SELECT array_length(ARRAY[1, 2], 1) AS n, now() AS t, at AS a FROM bids"),
        ["n integer", "t timestamp with time zone", "a timestamp with time zone"]
    );
}

#[test]
fn set_operations() {
    let a = "SELECT * FROM (VALUES (1), (1), (1), (2), (NULL), (NULL)) a(x)";
    let b = "SELECT * FROM (VALUES (1), (3), (NULL)) b(x)";
    assert_eq!(answer_any_order(&format!("{a} EXCEPT ALL {b}")), ["1", "1", "2", "NULL"]);
    assert_eq!(answer_any_order(&format!("{a} INTERSECT ALL {b}")), ["1", "NULL"]);
    assert_eq!(answer_any_order(&format!("{a} INTERSECT ALL {a}")), ["1", "1", "1", "2", "NULL", "NULL"]);
    assert_eq!(answer_any_order(&format!("{a} EXCEPT {b}")), ["2"]);
    assert_eq!(answer_any_order(&format!("{a} INTERSECT {b}")), ["1", "NULL"]);
    assert_eq!(answer_any_order(&format!("{a} UNION {b}")), ["1", "2", "3", "NULL"]);
    assert_eq!(answer_any_order("SELECT x FROM t EXCEPT ALL SELECT y / 10 FROM t"), ["2"]);
    assert_eq!(answer_any_order("SELECT x, y FROM t EXCEPT ALL SELECT x, y FROM t WHERE x = 1"), ["2|NULL", "NULL|30"]);
}

#[test]
fn distinct_on_takes_whole_rows() {
    // Ties: any row of a group may come, but never parts of different ones.
    let rows = "(VALUES (1, 5, 'a', 'a'), (1, 5, 'b', 'b'), (2, 7, 'c', 'c'), (2, 3, 'd', 'd')) v(k, o, p, q)";
    for (key, row) in [("1", None), ("2", Some("2|d|d"))] {
        let found = answer(&format!("SELECT DISTINCT ON (k) k, p, q FROM {rows} ORDER BY k, o"));
        let found = found.iter().find(|found| found.starts_with(key)).expect("one row per key").clone();
        match row {
            Some(row) => assert_eq!(found, row),
            None => assert!(["1|a|a", "1|b|b"].contains(&found.as_str()), "{found}"),
        }
    }
    assert_eq!(answer(&format!("SELECT DISTINCT ON (k) o FROM {rows} ORDER BY k DESC, o DESC")), ["7", "5"]);
    assert_eq!(answer(&format!("SELECT DISTINCT ON (k) o FROM {rows} ORDER BY k DESC, o DESC LIMIT 1")), ["7"]);
}
