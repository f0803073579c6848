use super::*;
use crate::error::code;
use crate::format::Include;

/// The only statement of a text.
fn one(sql: &str) -> Kind {
    let mut statements = parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(statements.len(), 1, "{sql}");
    statements.remove(0).kind
}

/// A query as it is handed to the planner.
/// A query as the planner gets it, without the marks of whole numbers.
fn text_of(query: &Query) -> String {
    query.statement().to_string().replace("{: ", "").replace('}', "")
}

fn planned(sql: &str) -> String {
    match one(sql) {
        Kind::Query(query) => text_of(&query),
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn texts_are_split_into_statements() {
    let sql = "SELECT ';' ; -- ; \n/* ; /* nested ; */ ; */ SHOW a;;\nSELECT $x$ ; $x$, E'\\';' ";
    let statements = parse(sql).unwrap();
    let texts: Vec<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
    assert_eq!(texts, ["SELECT ';'", "SHOW a", "SELECT $x$ ; $x$, E'\\';'"]);
    for statement in &statements {
        assert_eq!(
            sql.chars().skip(statement.offset).take(statement.text.chars().count()).collect::<String>(),
            statement.text
        );
    }
    assert!(parse(" ; -- nothing\n ;").unwrap().is_empty());
}

/// Messages and positions are those of PostgreSQL 15 where it has the statement.
#[test]
fn errors_have_code_message_and_position() {
    for (sql, code, message, position) in [
        ("SELEC 1", code::SYNTAX_ERROR, "syntax error at or near \"SELEC\"", 1),
        ("SELECT 1 FROM", code::SYNTAX_ERROR, "syntax error at end of input", 14),
        ("SELECT 'é' FROM WHERE x", code::SYNTAX_ERROR, "syntax error at or near \"WHERE\"", 17),
        ("SELECT a, FROM t", code::SYNTAX_ERROR, "syntax error at or near \"FROM\"", 11),
        ("SELECT a FROM t WHERE", code::SYNTAX_ERROR, "syntax error at end of input", 22),
        ("SELECT a FROM t GROUP BY ORDER BY a", code::SYNTAX_ERROR, "syntax error at or near \"ORDER\"", 26),
        ("SELECT 1; SELECT (1", code::SYNTAX_ERROR, "syntax error at end of input", 20),
        ("SELECT\n  1,\n  ,2", code::SYNTAX_ERROR, "syntax error at or near \",\"", 15),
        ("SELECT 'abc", code::SYNTAX_ERROR, "unterminated quoted string at or near \"'abc\"", 8),
        ("SELECT \"abc", code::SYNTAX_ERROR, "unterminated quoted identifier at or near \"\"abc\"", 8),
        ("SELECT /* abc", code::SYNTAX_ERROR, "unterminated /* comment at or near \"/* abc\"", 8),
        ("CREATE MATERIALIZED VIEW AS SELECT 1", code::SYNTAX_ERROR, "syntax error at or near \"AS\"", 26),
        ("DROP TABLE a b", code::SYNTAX_ERROR, "syntax error at or near \"b\"", 14),
        ("SELECT x::money FROM t", code::FEATURE_NOT_SUPPORTED, "type money is not supported", 8),
        ("CREATE TABLE t (a int REFERENCES u)", code::FEATURE_NOT_SUPPORTED, "foreign keys are not supported", 23),
        ("CREATE TABLE t (a money)", code::FEATURE_NOT_SUPPORTED, "type money is not supported", 19),
        (
            "CREATE STREAM s (a int, WATERMARK FOR a AS a) WITH (x=1)",
            code::FEATURE_NOT_SUPPORTED,
            "WATERMARK is not supported",
            25,
        ),
        ("COPY t FROM 'f'", code::FEATURE_NOT_SUPPORTED, "COPY from a file or a program is not supported", 13),
        ("EXPLAIN ANALYZE SELECT 1", code::FEATURE_NOT_SUPPORTED, "EXPLAIN ANALYZE is not supported", 9),
        (
            "SELECT * FROM HOP(t, at, INTERVAL '1 s', INTERVAL '2 s')",
            code::FEATURE_NOT_SUPPORTED,
            "window function HOP is not supported",
            15,
        ),
    ] {
        let error = parse(sql).expect_err(sql);
        assert_eq!((error.code, error.message.as_str(), error.position), (code, message, Some(position)), "{sql}");
    }
}

#[test]
fn slips_get_hints() {
    for (sql, hint) in [
        ("SELCT 1", "did you mean SELECT?"),
        ("SUBSCRIBE SELECT 1", "put the query in parentheses: SUBSCRIBE TO (SELECT …)"),
        ("CREATE MATERIALISED VIEW v AS SELECT 1", "did you mean CREATE MATERIALIZED VIEW?"),
        ("REFRESH MATERIALIZED VIEW v", "materialized views are always up to date"),
        ("SET a 5", "settings are written SET name = value"),
    ] {
        assert_eq!(parse(sql).expect_err(sql).hint.as_deref(), Some(hint), "{sql}");
    }
}

#[test]
fn streams_are_read_with_columns_includes_and_options() {
    let Kind::CreateStream(stream) = one(
        "create source if not exists public.\"Bids\" (a bigint not null, b timestamp(6) with time zone, c text[]) \
         include key as k, offset, timestamp include headers \
         with (connector = 'kafka', properties.bootstrap.server='h:1', \"Topic\"='x', 'format' = json, rate=-1.5,)",
    ) else {
        panic!("no stream")
    };
    assert_eq!((stream.name.as_str(), stream.if_not_exists), ("public.Bids", true));
    let columns: Vec<_> = stream
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.sql_type.to_string(), column.not_null))
        .collect();
    assert_eq!(
        columns,
        [
            ("a", "bigint".into(), true),
            ("b", "timestamp with time zone".into(), false),
            ("c", "text[]".to_string(), false)
        ]
    );
    let includes: Vec<_> = stream.includes.iter().map(|(include, name)| (*include, name.as_str())).collect();
    assert_eq!(
        includes,
        [
            (Include::Key, "k"),
            (Include::Offset, "offset"),
            (Include::Timestamp, "timestamp"),
            (Include::Headers, "headers")
        ]
    );
    let options: Vec<_> = stream.options.0.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        options,
        [
            ("connector", "kafka"),
            ("properties.bootstrap.server", "h:1"),
            ("topic", "x"),
            ("format", "json"),
            ("rate", "-1.5")
        ]
    );
}

#[test]
fn tables_are_read_with_keys_and_defaults() {
    let Kind::CreateTable(table) = one(
        "CREATE TABLE t (id int DEFAULT 1 + 2 NOT NULL, name varchar(10) DEFAULT 'a, b', at timestamptz NULL DEFAULT now(), \
         CONSTRAINT pk PRIMARY KEY (id, name))",
    ) else {
        panic!("no table")
    };
    assert_eq!((table.keys[0].name.as_deref(), table.keys[0].primary), (Some("pk"), true));
    assert_eq!(table.keys[0].columns, ["id", "name"]);
    let columns: Vec<_> = table.columns.iter().map(|column| (column.default.clone(), column.not_null)).collect();
    let default = |text: &str| Some(ColumnDefault::Expression(text.to_string()));
    assert_eq!(columns, [(default("1 + 2"), true), (default("'a, b'"), false), (default("now()"), false)]);
    let Kind::CreateTable(table) =
        one("create table t (a int8 primary key, b numeric, c decimal(5), d float(10), e json)")
    else {
        panic!("no table")
    };
    assert_eq!(table.keys[0].columns, ["a"]);
    let types: Vec<_> = table.columns.iter().map(|column| column.sql_type.to_string()).collect();
    assert_eq!(types, ["bigint", "numeric", "numeric(5,0)", "real", "json"]);
    assert_eq!(parse("CREATE TABLE t (a int, a text)").unwrap_err().code, code::DUPLICATE_COLUMN);
}

#[test]
fn constraints_are_read() {
    let Kind::CreateTable(table) = one(
        "CREATE TABLE t (id serial, a int UNIQUE CHECK (a > 0) CONSTRAINT small CHECK (a < b), b int GENERATED ALWAYS AS (a + 1) STORED, \
         c bigint GENERATED BY DEFAULT AS IDENTITY (START WITH 5 INCREMENT BY 2), CONSTRAINT k UNIQUE (a, b), CHECK (a <> c))",
    ) else {
        panic!("no table")
    };
    let keys: Vec<_> = table.keys.iter().map(|key| (key.name.as_deref(), key.columns.join(" "))).collect();
    assert_eq!(keys, [(None, "a".to_string()), (Some("k"), "a b".to_string())]);
    let checks: Vec<_> = table.checks.iter().map(|check| (check.name.as_deref(), check.condition.as_str())).collect();
    assert_eq!(checks, [(None, "a > 0"), (Some("small"), "a < b"), (None, "a <> c")]);
    assert_eq!(table.checks[1].columns, ["a", "b"]);
    let defaults: Vec<_> = table.columns.into_iter().map(|column| column.default).collect();
    let identity = ColumnDefault::Identity { always: false, start: 5, step: 2 };
    assert_eq!(
        defaults,
        [Some(ColumnDefault::Serial), None, Some(ColumnDefault::Generated("a + 1".into())), Some(identity)]
    );
    let Kind::CreateIndex(index) = one("CREATE UNIQUE INDEX IF NOT EXISTS i ON t USING btree (a DESC, b)") else {
        panic!("no index")
    };
    assert_eq!((index.name.as_deref(), index.columns.len(), index.unique), (Some("i"), 2, true));
    assert!(matches!(
        one("CREATE TABLE t (a, b) AS SELECT 1, 2"),
        Kind::CreateTable(CreateTable { query: Some(_), .. })
    ));
}

#[test]
fn views_sinks_and_drops_are_read() {
    let Kind::CreateView(view) = one("CREATE MATERIALIZED VIEW public.v (a, b) AS SELECT 1,\n 2 -- end\n;") else {
        panic!("no view")
    };
    assert_eq!((view.name.as_str(), view.materialized, view.query_text.as_str()), ("public.v", true, "SELECT 1,\n 2"));
    assert_eq!(view.columns, ["a", "b"]);
    let Kind::CreateSink(sink) = one("CREATE SINK s FROM v WITH (connector='kafka')") else { panic!("no sink") };
    assert_eq!((sink.name.as_str(), sink.from.as_str()), ("s", "v"));
    let Kind::Drop(drop) = one("DROP MATERIALIZED VIEW IF EXISTS a, public.b CASCADE") else { panic!("no drop") };
    assert_eq!(
        (drop.class, drop.names, drop.if_exists, drop.cascade),
        (RelationClass::MaterializedView, vec!["a".into(), "public.b".into()], true, true)
    );
}

#[test]
fn statements_about_the_session_are_read() {
    for (sql, expected) in [
        ("SET SESSION a.B TO 'X', 5", "Set { name: \"a.b\", value: Some(\"X, 5\"), local: false }"),
        ("SET LOCAL TIME ZONE 'UTC'", "Set { name: \"timezone\", value: Some(\"UTC\"), local: true }"),
        ("SET TIME ZONE -7", "Set { name: \"timezone\", value: Some(\"-7\"), local: false }"),
        ("SET x = ON", "Set { name: \"x\", value: Some(\"on\"), local: false }"),
        ("RESET x", "Reset(\"x\")"),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "SetTransaction { modes: TransactionModes { isolation: Some(\"read committed\"), read_only: None }, session: true }",
        ),
        ("SHOW TRANSACTION ISOLATION LEVEL", "ShowSetting { name: \"transaction_isolation\" }"),
        ("SHOW MATERIALIZED VIEWS", "ShowRelations(MaterializedView)"),
        ("SHOW CREATE VIEW v", "ShowCreate { name: \"v\" }"),
        (
            "START TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE",
            "Begin(TransactionModes { isolation: Some(\"serializable\"), read_only: Some(true) }, \"START TRANSACTION\")",
        ),
        ("END WORK", "Commit"),
        ("ROLLBACK TO x", "RollbackTo(\"x\")"),
        ("DISCARD ALL", "Discard { all: true }"),
        ("EXPLAIN MATERIALIZED VIEW v", "ExplainRelation { name: \"v\" }"),
        ("DESCRIBE v", "Describe { name: \"v\" }"),
        ("FLUSH", "Flush"),
    ] {
        assert_eq!(format!("{:?}", one(sql)), expected, "{sql}");
    }
}

#[test]
fn cursors_and_subscriptions_are_read() {
    for (sql, cursor, count, timeout_ms) in [
        ("FETCH c", "c", Some(1), None),
        ("FETCH 5 c", "c", Some(5), None),
        ("FETCH FORWARD 5 FROM c", "c", Some(5), None),
        ("FETCH NEXT IN c WITH (timeout = '500ms')", "c", Some(1), Some(500)),
        ("FETCH ALL FROM c WITH (TIMEOUT '1s')", "c", None, Some(1000)),
        ("FETCH ALL c WITH (timeout='0s')", "c", None, Some(0)),
    ] {
        let Kind::Fetch { cursor: found, count: number, timeout_ms: timeout } = one(sql) else { panic!("{sql}") };
        assert_eq!((found.as_str(), number, timeout), (cursor, count, timeout_ms), "{sql}");
    }
    let Kind::Declare { cursor, statement, hold } =
        one("DECLARE c NO SCROLL CURSOR WITH HOLD FOR SUBSCRIBE TO v WITH (snapshot=false)")
    else {
        panic!("no cursor")
    };
    assert_eq!(
        (cursor.as_str(), hold, statement.text.as_str(), statement.offset),
        ("c", true, "SUBSCRIBE TO v WITH (snapshot=false)", 41)
    );
    let Kind::Subscribe(subscribe) = statement.kind else { panic!("no subscription") };
    assert!(!subscribe.snapshot && !subscribe.progress);
    assert!(matches!(
        one("SUBSCRIBE (SELECT 1)"),
        Kind::Subscribe(Subscribe { target: SubscribeTarget::Query(_), .. })
    ));
    let Kind::CopyTo { statement, options } =
        one("COPY (SUBSCRIBE v) TO STDOUT WITH (FORMAT csv, HEADER, DELIMITER ';')")
    else {
        panic!("no copy")
    };
    assert_eq!(statement.text, "SUBSCRIBE v");
    assert_eq!((options.format, options.header, options.delimiter), (CopyFormat::Csv, true, Some(';')));
    let Kind::CopyTo { options: old, statement } = one("COPY t (a, b) TO STDOUT CSV HEADER DELIMITER AS ';'") else {
        panic!("no copy")
    };
    assert_eq!((old, statement.text.as_str()), (options, "t (a, b)"));
    let Kind::Prepare { types, statement, .. } = one("PREPARE p (int, text) AS SELECT $1") else {
        panic!("no prepare")
    };
    assert_eq!((types, statement.text.as_str()), (vec![SqlType::Integer, SqlType::Text], "SELECT $1"));
    assert!(matches!(one("EXECUTE p (1, 'a')"), Kind::Execute { arguments: Some(_), .. }));
}

#[test]
fn changes_are_queries_over_the_table() {
    let Kind::Update(update) = one("UPDATE t AS x SET a = x.a - b, (c, d) = ('q', 2) FROM u WHERE x.id = u.id") else {
        panic!("no update")
    };
    assert_eq!(update.columns, ["a", "c", "d"]);
    let text = text_of(&update.change.query).replace('\u{1}', "/");
    assert_eq!(text, "SELECT x.a - b AS \"value/1\", x.* FROM t AS x, u WHERE x.id = u.id");
    assert_eq!(update.values, [Cell::Expression(0), Cell::Text("q".into()), Cell::Number("2".into())]);
    let Kind::Delete(delete) = one("DELETE FROM public.t USING u WHERE t.id = u.id") else { panic!("no delete") };
    assert_eq!(delete.query.statement().to_string(), "SELECT public.t.* FROM public.t, u WHERE t.id = u.id");
    let Kind::Insert(insert) = one("INSERT INTO t (a, b, c) VALUES (1, DEFAULT, -2), (3, default, 4)") else {
        panic!("no insert")
    };
    assert_eq!(insert.columns.map(|columns| columns.join(" ")).as_deref(), Some("a b c"));
    assert!(matches!(insert.source, InsertSource::Values(Values { width: 3, .. })));
    let replace = "INSERT INTO t (id, a) SELECT 1, 2 ON CONFLICT (id) DO UPDATE SET a = excluded.a RETURNING id, a + 1";
    let Kind::Insert(insert) = one(replace) else { panic!("no insert") };
    assert!(matches!(insert.on_conflict, OnConflict::Update { .. }));
    assert_eq!(
        insert.returning.map(|query| text_of(&query).replace('\u{1}', "/")).as_deref(),
        Some("SELECT id, a + 1 AS \"?column?\" FROM \"/rows\"")
    );
    assert_eq!(parse("INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 5").unwrap_err().code, code::SYNTAX_ERROR);
    assert!(matches!(one("INSERT INTO t DEFAULT VALUES"), Kind::Insert(Insert { source: InsertSource::Default, .. })));
    assert!(matches!(one("WITH a AS (SELECT 1) DELETE FROM t USING a"), Kind::Delete(_)));
    assert!(matches!(one("TRUNCATE TABLE a, b RESTART IDENTITY"), Kind::Truncate { restart: true, .. }));
}

#[test]
fn queries_know_what_they_read_and_where() {
    let sql = "WITH a AS (SELECT * FROM a JOIN public.b ON true), c AS (SELECT * FROM a) SELECT é, c.x FROM c, pg_catalog.pg_class WHERE x IN (TABLE d)";
    let query = Query::from_text(sql).unwrap();
    let place = |text: &str| sql.split(text).next().map(|before| before.chars().count() + 1);
    assert_eq!(query.relations(), ["a", "public.b", "pg_catalog.pg_class", "d"]);
    assert_eq!(query.position_of("public.b"), place("public.b"));
    assert_eq!(query.position_of("c.x"), place("c.x"));
    assert_eq!(query.position_of("X"), place("x FROM"));
    assert_eq!(query.position_of("y"), None);
    let query = Query::from_text("SELECT $1::int, $2").unwrap();
    assert_eq!(query.parameter_types().iter().collect::<Vec<_>>(), [(&1, &SqlType::Integer)]);
    assert!(Query::from_text("SELECT 1; SELECT 2").is_err());
    assert!(Query::from_text("").is_err());
}

/// What PostgreSQL 15 names the columns of these lists.
#[test]
fn columns_get_their_names() {
    for (sql, expected) in [
        ("SELECT count(*), COUNT(*), 1, 'a', a + 1 FROM t", "count count ?column? ?column? ?column?"),
        (
            "SELECT a::text, 1::int, (a), CASE WHEN true THEN 1 END, CASE WHEN true THEN 1 ELSE b END FROM t",
            "a int4 a case b",
        ),
        (
            "SELECT date '2020-01-01', interval '1 d', EXTRACT(year FROM a), trim(a), -a, NOT a FROM t",
            "date interval extract btrim ?column? ?column?",
        ),
        ("SELECT (SELECT max(x) FROM u), EXISTS (SELECT 1), ARRAY[1], x[1], t.\"Y\" FROM t", "max exists array x Y"),
        ("SELECT a AT TIME ZONE 'UTC', coalesce(a, b), a AS z, b z FROM t", "timezone coalesce z z"),
    ] {
        let text = planned(sql);
        let list = text.split(" FROM t").next().unwrap().trim_start_matches("SELECT ").to_string();
        let query =
            datafusion::sql::parser::DFParser::parse_sql(&format!("SELECT {}", list.replace('\u{1}', "/"))).unwrap();
        let datafusion::sql::parser::Statement::Statement(statement) = &query[0] else { panic!("{sql}") };
        let datafusion::sql::sqlparser::ast::Statement::Query(query) = statement.as_ref() else { panic!("{sql}") };
        let names: Vec<String> = query
            .body
            .as_select()
            .unwrap()
            .projection
            .iter()
            .map(|item| match item {
                datafusion::sql::sqlparser::ast::SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
                other => other.to_string().rsplit('.').next().unwrap().trim_matches(['(', ')', '"']).to_string(),
            })
            .collect();
        let unique: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{names:?}");
        let shown: Vec<_> = names.iter().map(|name| name.split('/').next().unwrap()).collect();
        assert_eq!(shown.join(" "), expected, "{sql}");
    }
    assert_eq!(shown_name("count\u{1}2"), "count");
}

#[test]
fn queries_are_rewritten_for_the_planner() {
    for (sql, expected) in [
        ("TABLE t LIMIT 1", "SELECT * FROM t LIMIT 1"),
        ("SELECT 1 AS a UNION TABLE t ORDER BY 1 LIMIT 5", "SELECT 1 AS a UNION SELECT * FROM t ORDER BY 1 LIMIT 5"),
        ("SELECT a FROM t FETCH FIRST 2 ROWS ONLY", "SELECT a FROM t LIMIT 2"),
        ("SELECT id, * FROM t", "SELECT id AS \"id/1\", * FROM t"),
        ("SELECT a.*, a.x, b.x FROM a, b", "SELECT a.*, a.x AS \"x/2\", b.x FROM a, b"),
        ("SELECT x::text FROM t ORDER BY x + y", "SELECT \"cast\"(x, 'text') AS \"x/1\" FROM t ORDER BY x + y"),
        ("SELECT INTERVAL '10' SECOND i", "SELECT \"cast\"('10 SECOND', 'interval') AS i"),
        ("SELECT 3000000000 a, 99999999999999999999 b", "SELECT 3000000000 AS a, 99999999999999999999 AS b"),
        ("SELECT x OPERATOR(pg_catalog.~) 'a' COLLATE pg_catalog.default AS m FROM t", "SELECT x ~ 'a' AS m FROM t"),
        ("SELECT pg_catalog.lower(x) FROM t", "SELECT lower(x) AS \"lower\" FROM t"),
        (
            "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '10' SECOND)) w",
            "SELECT * FROM (SELECT *, \"date_bin\"(\"cast\"('10 SECOND', 'interval'), at) AS window_start, \
             \"date_bin\"(\"cast\"('10 SECOND', 'interval'), at) + \"cast\"('10 SECOND', 'interval') AS window_end FROM t) w",
        ),
    ] {
        assert_eq!(planned(sql).replace('\u{1}', "/"), expected, "{sql}");
    }
    assert_eq!(
        planned("SELECT * FROM TUMBLE(t, at, INTERVAL '1 d', INTERVAL '1 h')").matches("FROM t) AS t").count(),
        1
    );
}

/// Any bytes are an answer or an error.
#[test]
fn no_text_panics() {
    let pieces = [
        "SELECT", "(", ")", "'", "\"", "$$", ";", ",", "CREATE", "STREAM", "x", "1", "WITH", "=", "--", "/*", "é", ".",
        "COPY", "TO", "FETCH", "[", "::", "\n",
    ];
    let mut state = 7u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
            text.push(' ');
        }
        if let Err(error) = parse(&text) {
            assert!(error.position.is_none_or(|position| position <= text.chars().count() + 1), "{text}: {error}");
        }
    }
}

/// Long and deep statements are answered in time and without running out of stack.
#[test]
fn long_and_deep_texts_are_read() {
    let conditions = format!("SELECT 1 FROM t WHERE {} b = 1", "a = 1 AND c = 2 OR ".repeat(1_000));
    let text = planned(&conditions);
    assert_eq!((text.matches(" OR ").count(), text.matches(" AND ").count()), (1_000, 1_000));
    assert!(text.ends_with("OR b = 1"));
    let list = format!("SELECT 1 FROM t WHERE a IN ({} 1)", "1, ".repeat(20_000));
    assert!(matches!(one(&list), Kind::Query(_)));
    let sum = format!("SELECT {}1", "1 + ".repeat(100));
    assert!(matches!(one(&sum), Kind::Query(_)));
    let union = format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(100));
    assert!(matches!(one(&union), Kind::Query(_)));
    let calls = format!("SELECT {}1{}", "f(".repeat(60), ")".repeat(60));
    assert!(parse(&calls).is_ok());
    for refused in [
        format!("SELECT {}true", "a OR ".repeat(100_000)),
        format!("SELECT {}1", "1 + ".repeat(100_000)),
        format!("SELECT x {}", "IS NULL ".repeat(100_000)),
        format!("SELECT x {}", "::int".repeat(100_000)),
        format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(100_000)),
        format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("SELECT {}1", "NOT ".repeat(100_000)),
        format!("SELECT {}1", "- ".repeat(100_000)),
    ] {
        assert_eq!(parse(&refused).map(|_| ()).unwrap_err().code, code::FEATURE_NOT_SUPPORTED);
    }
}
