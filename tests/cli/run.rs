//! `run --exit`: files are applied in order, bounded inputs are read, results of SELECTs are printed.

use std::fs::write;

use crate::process::ended;

#[test]
fn only_results_are_printed_after_bounded_inputs_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let sales = at.join("sales.jsonl");
    let lines: String = (0..1000).map(|i| format!("{{\"shop\":\"s{}\",\"amount\":{i}}}\n", i % 2)).collect();
    write(&sales, lines).unwrap();
    let streams = format!(
        "CREATE STREAM sales (shop TEXT, amount BIGINT) WITH (connector = 'file', path = '{}', format = 'json');\n\
         CREATE STREAM bids WITH (connector = 'generator', kind = 'nexmark', table = 'bid', count = '5000', seed = '7');\n\
         CREATE TABLE prices (id BIGINT PRIMARY KEY, price NUMERIC(8,2));\n\
         INSERT INTO prices VALUES (1, 2.50), (2, NULL);\n",
        sales.display()
    );
    write(at.join("streams.sql"), streams).unwrap();
    let views = "CREATE MATERIALIZED VIEW per_shop AS SELECT shop, count(*) AS n, sum(amount) AS total FROM sales GROUP BY shop;\n\
        CREATE MATERIALIZED VIEW all_bids AS SELECT count(*) AS n FROM bids;\n\
        SELECT * FROM per_shop ORDER BY shop;\n\
        SELECT n FROM all_bids;\n\
        SELECT * FROM prices ORDER BY id;\n";
    write(at.join("views.sql"), views).unwrap();
    let finished = ended(at, &["run", "--exit", "streams.sql", "views.sql"]).with_status(0);
    assert_eq!(
        finished.out, "shop\tn\ttotal\ns0\t500\t249500\ns1\t500\t250000\nn\n5000\nid\tprice\n1\t2.50\n2\t\n",
        "{}",
        finished.err
    );
    assert_eq!(finished.err, "");
}

#[test]
fn a_failing_statement_is_told_with_file_line_and_column() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    write(at.join("good.sql"), "CREATE TABLE t (a BIGINT);\n").unwrap();
    for (text, place) in [
        ("CREATE VIEW v AS SELECT 1 AS a;\n\n  SELEC 1;\n", "bad.sql:3:3: "),
        ("CREATE VIEW v AS SELECT a FROM t;\nCREATE VIEW w AS\n  SELECT b FROM v;\n", "bad.sql:3:10: "),
        ("-- é\nCREATE TABLE t (b TEXT);\n", "bad.sql:2:"),
        ("CREATE TABLE u (b TEXT);\nDROP TABLE nowhere;\n", "bad.sql:2:"),
    ] {
        write(at.join("bad.sql"), text).unwrap();
        ended(at, &["run", "--exit", "good.sql", "bad.sql"]).failed_with(&[place]);
    }
    ended(at, &["run", "--exit", "missing.sql"]).failed_with(&["missing.sql"]);
}

#[test]
fn a_syntax_error_in_any_file_comes_before_any_result() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    write(at.join("first.sql"), "SELECT 1 AS one;\n").unwrap();
    write(at.join("second.sql"), "SELECT 2 AS two;\nSELECT FROM WHERE;\n").unwrap();
    ended(at, &["run", "--exit", "first.sql", "second.sql"]).failed_with(&["second.sql:2:"]);
}
