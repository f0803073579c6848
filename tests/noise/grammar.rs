//! Statements that nobody would write: any function over anything, odd values, deep nesting.

use super::corpus::Corpus;
use crate::oracle::Random;

/// Values at the edges of their types and beyond.
const LITERALS: &[&str] = &[
    "NULL",
    "0",
    "-1",
    "1",
    "2147483647",
    "-2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
    "1e38",
    "1e400",
    "-0.0",
    "1e-400",
    "0.00000000000000000001",
    "true",
    "false",
    "'NaN'::float8",
    "'Infinity'::float8",
    "'-Infinity'::real",
    "1e308::float8",
    "'NaN'::numeric",
    "32768::smallint",
    "-32768::smallint",
    "''",
    "' '",
    "'ä'",
    "'日本語'",
    "'\u{10FFFF}'",
    "'a''b'",
    "E'\\n\\t\\\\'",
    "'%_\\'",
    "'((('",
    "'[[:alpha:]]{2,}(a|b)*?\\1'",
    "'a{1000}{1000}'",
    "'YYYY-MM-DD HH24:MI:SS.US TZ'",
    "'%s %I %L %1$s %%'",
    "'9G999D99S'",
    "'null'",
    "'{}'",
    "'{1,NULL,\"x\"}'::text[]",
    "'{{1,2},{3}}'::int[]",
    "'-infinity'::date",
    "'0001-01-01'::date",
    "'9999-12-31'::date",
    "'4713-01-01 BC'::date",
    "'5874897-12-31'::date",
    "'294276-12-31 23:59:59'::timestamp",
    "'epoch'::timestamptz",
    "'infinity'::timestamp",
    "'2026-03-29 02:30 Europe/Berlin'::timestamptz",
    "'24:00:00'::time",
    "'-00:00:01'::interval",
    "'1 mon -1 day 1e10 us'::interval",
    "'178000000 years'::interval",
    "'-178956970 years -8 months'::interval",
    "'\\xdeadbeef'::bytea",
    "'\\x'::bytea",
    "'{\"a\":[1,2,{\"b\":null}]}'::jsonb",
    "'[]'::jsonb",
    "'1e1000'::jsonb",
    "'\"\\u0000\"'::jsonb",
    "'$.a[*] ? (@ > 1)'",
    "'$.**{2 to last}'",
    "'00000000-0000-0000-0000-000000000000'::uuid",
    "ARRAY[1,NULL,3]",
    "ARRAY[]::text[]",
    "ARRAY['a',NULL]",
    "ROW(1,NULL,'a')",
    "$1",
    "$65536",
    "U&'\\+10FFFF'",
    "0x7FFFFFFFFFFFFFFF",
    "1_000",
    "B'101'",
    "X'1F'",
    "$$a'b$$",
    "current_date",
    "now()",
    "DEFAULT",
    "'UTC'",
    "'year'",
    "'a b c'::varchar(2)",
    "-9223372036854775808::bigint",
];

const TYPES: &[&str] = &[
    "int",
    "bigint",
    "smallint",
    "real",
    "float8",
    "numeric",
    "numeric(38,38)",
    "numeric(5,2)",
    "text",
    "varchar(3)",
    "bytea",
    "boolean",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "json",
    "jsonb",
    "int[]",
    "text[]",
    "numeric[]",
    "jsonb[]",
    "regclass",
    "oid",
    "name",
    "char(3)",
    "money",
    "xml",
];

const OPERATORS: &[&str] = &[
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "||",
    "=",
    "<>",
    "<",
    ">=",
    "AND",
    "OR",
    "LIKE",
    "ILIKE",
    "~",
    "~*",
    "SIMILAR TO",
    "IS DISTINCT FROM",
    "->",
    "->>",
    "#>",
    "@>",
    "<@",
    "?",
    "?|",
    "&&",
    "&",
    "|",
    "#",
    "<<",
    ">>",
    "@?",
    "@@",
    "IN",
    "AT TIME ZONE",
    "^@",
    "<->",
];

const COLUMNS: &[&str] =
    &["id", "k", "n", "d", "m", "s", "b", "t", "w", "v", "j", "x", "a.k", "q.id", "*", "a", "\"Ä\""];

/// What statements are made of.
pub(super) struct Grammar<'a> {
    pub(super) corpus: &'a Corpus,
    pub(super) tables: &'a [&'a str],
}

fn pick<'a>(choices: &[&'a str], random: &mut Random) -> &'a str {
    choices[random.next(choices.len() as u64) as usize]
}

/// A value.
pub(super) fn literal(random: &mut Random) -> String {
    match random.next(12) {
        0 => format!("'{}'", "x".repeat(random.next(70_000) as usize)),
        1 => "9".repeat(1 + random.next(400) as usize),
        2 => format!("'{}1{}'::jsonb", "[".repeat(random.next(3000) as usize), "]".repeat(random.next(3000) as usize)),
        3 => format!("{}.{}", random.next(1 << 40), random.next(1 << 40)),
        _ => pick(LITERALS, random).to_string(),
    }
}

/// A text many times around itself.
pub(super) fn nested(inner: &str, random: &mut Random) -> String {
    const AROUND: &[(&str, &str)] = &[
        ("(", ")"),
        ("NOT ", ""),
        ("-", ""),
        ("- ", ""),
        ("(SELECT ", ")"),
        ("coalesce(", ", 1)"),
        ("ARRAY[", "]"),
        ("CASE WHEN true THEN ", " END"),
        ("abs(", ")"),
        ("1 + ", ""),
        ("'a' || ", ""),
        ("EXISTS (SELECT ", ")"),
        ("CAST(", " AS text)"),
        ("", "::text"),
        ("", "[1]"),
        ("ROW(", ")"),
        ("(SELECT * FROM (", ") q)"),
        ("SELECT 1 UNION ALL ", ""),
        ("1 IN (", ")"),
        ("", " IS NULL"),
        ("greatest(1, ", ")"),
        ("nullif(", ", 2)"),
        ("jsonb_build_array(", ")"),
        ("/*", "*/"),
        ("try(", ")"),
    ];
    let (before, after) = AROUND[random.next(AROUND.len() as u64) as usize];
    let times = [2, 5, 12, 40, 130, 600, 5000][random.next(7) as usize];
    format!("{}{inner}{}", before.repeat(times), after.repeat(times))
}

impl Grammar<'_> {
    fn column(&self, random: &mut Random) -> &'static str {
        pick(COLUMNS, random)
    }

    /// Any expression.
    pub(super) fn expression(&self, depth: u64, random: &mut Random) -> String {
        if depth == 0 {
            return if random.next(2) == 0 { literal(random) } else { self.column(random).to_string() };
        }
        let sub = |random: &mut Random| self.expression(random.next(depth), random);
        match random.next(20) {
            0..=5 => self.call(depth, random),
            6..=9 => format!("({} {} {})", sub(random), pick(OPERATORS, random), sub(random)),
            10 => format!("CAST({} AS {})", sub(random), pick(TYPES, random)),
            11 => format!("({})::{}", sub(random), pick(TYPES, random)),
            12 => format!("CASE WHEN {} THEN {} ELSE {} END", sub(random), sub(random), sub(random)),
            13 => format!("({} IN ({}, {}))", sub(random), sub(random), sub(random)),
            14 => format!("({})", self.select(depth - 1, random)),
            15 => format!("EXISTS ({})", self.select(depth - 1, random)),
            16 => format!("({} = ANY ({}))", sub(random), self.select(depth - 1, random)),
            17 => format!("({} BETWEEN {} AND {})", sub(random), sub(random), sub(random)),
            18 if random.next(6) == 0 => nested(&sub(random), random),
            18 => format!("({})[{}:{}]", sub(random), sub(random), sub(random)),
            _ => format!(
                "extract({} FROM {})",
                pick(&["year", "epoch", "dow", "julian", "week", "timezone"], random),
                sub(random)
            ),
        }
    }

    fn call(&self, depth: u64, random: &mut Random) -> String {
        let function = &self.corpus.functions[random.next(self.corpus.functions.len() as u64) as usize];
        let arguments: Vec<String> = (0..random.next(5)).map(|_| self.expression(random.next(depth), random)).collect();
        let tail = match random.next(24) {
            0 => format!(" OVER (PARTITION BY {} ORDER BY {})", self.column(random), self.column(random)),
            1 => format!(
                " OVER (ORDER BY {} {} BETWEEN {} PRECEDING AND {} FOLLOWING)",
                self.column(random),
                pick(&["ROWS", "RANGE", "GROUPS"], random),
                literal(random),
                literal(random)
            ),
            2 => format!(" FILTER (WHERE {})", self.expression(depth - 1, random)),
            3 => format!(" WITHIN GROUP (ORDER BY {})", self.column(random)),
            _ => String::new(),
        };
        let distinct = if random.next(20) == 0 { "DISTINCT " } else { "" };
        format!("{function}({distinct}{}){tail}", arguments.join(", "))
    }

    fn relation(&self, depth: u64, random: &mut Random) -> String {
        match random.next(10) {
            0 if depth > 0 => format!("({}) q", self.select(depth - 1, random)),
            1 if depth > 0 => format!("LATERAL ({}) q", self.select(depth - 1, random)),
            2 => format!("generate_series({}, {}) g(x)", literal(random), literal(random)),
            3 => format!("{} q", self.call(1, random)),
            4 => format!(
                "(VALUES ({}, {}), ({}, {})) q(id, k)",
                literal(random),
                literal(random),
                literal(random),
                literal(random)
            ),
            5 => format!("TUMBLE({}, t, {})", pick(self.tables, random), literal(random)),
            _ => pick(self.tables, random).to_string(),
        }
    }

    /// A query.
    pub(super) fn select(&self, depth: u64, random: &mut Random) -> String {
        let columns: Vec<String> = (0..=random.next(3)).map(|_| self.expression(depth, random)).collect();
        let mut sql = format!("SELECT {}{}", if random.next(10) == 0 { "DISTINCT " } else { "" }, columns.join(", "));
        if random.next(5) > 0 {
            sql += &format!(" FROM {}", self.relation(depth, random));
            for _ in 0..random.next(3) {
                let kind =
                    pick(&["JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT JOIN", "CROSS JOIN", "NATURAL JOIN"], random);
                sql += &format!(" {kind} {}", self.relation(depth, random));
                if !kind.starts_with(['C', 'N']) {
                    sql += &format!(" ON {}", self.expression(depth, random));
                }
            }
        }
        if random.next(3) == 0 {
            sql += &format!(" WHERE {}", self.expression(depth, random));
        }
        if random.next(5) == 0 {
            sql += &format!(
                " GROUP BY {}",
                pick(&["1", "1, 2", "ROLLUP (k, id)", "GROUPING SETS ((k), ())", "k", "()"], random)
            );
        }
        if random.next(8) == 0 {
            sql += &format!(" HAVING {}", self.expression(depth, random));
        }
        if random.next(8) == 0 && depth > 0 {
            sql += &format!(
                " {} {}",
                pick(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT ALL"], random),
                self.select(depth - 1, random)
            );
        }
        if random.next(5) == 0 {
            sql += &format!(" ORDER BY {}", pick(&["1", "2 DESC", "k NULLS FIRST", "count(*)", "random()"], random));
        }
        if random.next(5) == 0 {
            sql += &format!(" LIMIT {} OFFSET {}", literal(random), pick(&["0", "1", "-1", "99999999999"], random));
        }
        sql
    }

    /// Any statement.
    pub(super) fn statement(&self, random: &mut Random) -> String {
        let table = pick(self.tables, random);
        let column = self.column(random);
        match random.next(24) {
            0..=7 => self.select(3, random),
            8..=11 => format!("CREATE MATERIALIZED VIEW noisy{} AS {}", random.next(20), self.select(3, random)),
            12 => format!("INSERT INTO {table} SELECT {}", self.expression(2, random)),
            13 => format!(
                "INSERT INTO {table} VALUES ({}, {}, {}, {})",
                literal(random),
                literal(random),
                self.expression(1, random),
                literal(random)
            ),
            14 => format!(
                "UPDATE {table} SET {column} = {} WHERE {}",
                self.expression(2, random),
                self.expression(1, random)
            ),
            15 => format!(
                "DELETE FROM {table} WHERE {} RETURNING {}",
                self.expression(2, random),
                self.expression(1, random)
            ),
            16 => format!(
                "CREATE TABLE noisy_table{} (a {} DEFAULT {}, b {} CHECK ({}), c int GENERATED ALWAYS AS ({}) STORED)",
                random.next(9),
                pick(TYPES, random),
                self.expression(1, random),
                pick(TYPES, random),
                self.expression(1, random),
                self.expression(1, random)
            ),
            17 => format!(
                "WITH RECURSIVE q(x) AS (SELECT {} UNION ALL SELECT {} FROM q) SELECT * FROM q",
                literal(random),
                self.expression(1, random)
            ),
            18 => self.chain(random),
            19 => format!("EXPLAIN {}", self.select(2, random)),
            20 => format!(
                "SET {} = {}",
                pick(&["timezone", "search_path", "datestyle", "extra_float_digits", "nothing"], random),
                literal(random)
            ),
            21 => pick(
                &[
                    "BEGIN",
                    "COMMIT",
                    "ROLLBACK",
                    "SAVEPOINT s",
                    "ROLLBACK TO s",
                    "FLUSH",
                    "DISCARD ALL",
                    "SHOW ALL",
                    "DROP VIEW noisy1",
                    "",
                ],
                random,
            )
            .to_string(),
            22 => format!("DROP MATERIALIZED VIEW IF EXISTS noisy{} CASCADE", random.next(20)),
            _ => format!(
                "ALTER TABLE {table} {} {column} {}",
                pick(&["ADD COLUMN", "DROP COLUMN", "ALTER COLUMN"], random),
                pick(TYPES, random)
            ),
        }
    }

    /// Queries that double at each step.
    fn chain(&self, random: &mut Random) -> String {
        let steps = [3, 8, 20, 60][random.next(4) as usize];
        let body = |step: u64| match step {
            0 => "SELECT 1 AS x".to_string(),
            _ => format!("SELECT y.x FROM w{0} y, w{0} z WHERE y.x = z.x", step - 1),
        };
        let with: Vec<String> = (0..steps).map(|step| format!("w{step} AS ({})", body(step))).collect();
        format!("WITH {} SELECT * FROM w{}", with.join(", "), steps - 1)
    }
}
