//! Sizes: what clients ask of them, and how PostgreSQL prints them. What a relation takes in memory is not counted: it is NULL.

use datafusion::logical_expr::ScalarUDF;

use super::function::{bigint, number, text};

/// Functions that tell sizes.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let unknown = [
        "pg_database_size",
        "pg_indexes_size",
        "pg_relation_size",
        "pg_table_size",
        "pg_tablespace_size",
        "pg_total_relation_size",
    ];
    let mut all: Vec<ScalarUDF> = unknown.iter().map(|name| bigint(name, |_| Ok(None))).collect();
    all.push(text("pg_size_pretty", |arguments| Ok(number(arguments, 0).map(pretty))));
    all
}

/// Units and the size, counted as [`pretty`] does, from which the next one is taken; all but bytes are rounded half away from zero.
const UNITS: [(&str, i64); 6] = [
    ("bytes", 10 * 1024),
    ("kB", 20 * 1024 - 1),
    ("MB", 20 * 1024 - 1),
    ("GB", 20 * 1024 - 1),
    ("TB", 20 * 1024 - 1),
    ("PB", i64::MAX),
];

fn pretty(bytes: i64) -> String {
    // The size in halves of the unit, except for bytes.
    let mut size = bytes;
    for (at, (unit, limit)) in UNITS.into_iter().enumerate() {
        if size.saturating_abs() < limit || at + 1 == UNITS.len() {
            let rounded = if at == 0 { size } else { (size + size.signum()) / 2 };
            return format!("{rounded} {unit}");
        }
        size /= if at == 0 { 512 } else { 1024 };
    }
    size.to_string()
}

#[cfg(test)]
mod tests {
    use super::pretty;

    /// PostgreSQL's answers.
    #[test]
    fn sizes_are_printed_as_postgresql_does() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (10_239, "10239 bytes"),
            (10_240, "10 kB"),
            (-10_240, "-10 kB"),
            (10_485_247, "10239 kB"),
            (10_485_248, "10 MB"),
            (1_000_000_000, "954 MB"),
            (1_000_000_000_000, "931 GB"),
            (1_000_000_000_000_000_000, "888 PB"),
        ] {
            assert_eq!(pretty(bytes), text, "{bytes}");
        }
    }
}
