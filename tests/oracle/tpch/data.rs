//! Rows of the benchmark, as the specification distributes them, in random order.

use std::fmt::Display;

use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};

use super::super::Random;

/// The tables, each with a column whose remainder picks some of its rows.
pub(super) const TABLES: [(&str, &str); 8] = [
    ("region", "r_regionkey"),
    ("nation", "n_nationkey"),
    ("part", "p_partkey"),
    ("supplier", "s_suppkey"),
    ("partsupp", "ps_partkey"),
    ("customer", "c_custkey"),
    ("orders", "o_orderkey"),
    ("lineitem", "l_orderkey"),
];

/// Rows of one statement.
const STATEMENT_ROWS: usize = 500;

/// The order in which parts of the tables are inserted: table (a position in [`TABLES`]) and part of `parts`, from 1.
pub(super) fn pieces(parts: i32, random: &mut Random) -> Vec<(usize, i32)> {
    let count = |table| if table < 2 { 1 } else { parts };
    let mut pieces: Vec<_> =
        (0..TABLES.len()).flat_map(|table| (1..=count(table)).map(move |part| (table, part))).collect();
    shuffle(&mut pieces, random);
    pieces
}

/// INSERT statements of one part of a table, its rows in random order, and how many rows they have.
pub(super) fn inserts(
    scale: f64,
    parts: i32,
    (table, part): (usize, i32),
    random: &mut Random,
) -> (Vec<String>, usize) {
    let mut rows = match TABLES[table].0 {
        "region" => texts(RegionGenerator::new(scale, 1, 1).iter()),
        "nation" => texts(NationGenerator::new(scale, 1, 1).iter()),
        "part" => texts(PartGenerator::new(scale, part, parts).iter()),
        "supplier" => texts(SupplierGenerator::new(scale, part, parts).iter()),
        "partsupp" => texts(PartSuppGenerator::new(scale, part, parts).iter()),
        "customer" => texts(CustomerGenerator::new(scale, part, parts).iter()),
        "orders" => texts(OrderGenerator::new(scale, part, parts).iter()),
        _ => texts(LineItemGenerator::new(scale, part, parts).iter()),
    };
    shuffle(&mut rows, random);
    let statement = |rows: &[String]| format!("INSERT INTO {} VALUES {}", TABLES[table].0, rows.join(", "));
    (rows.chunks(STATEMENT_ROWS).map(statement).collect(), rows.len())
}

/// Rows as SQL: numbers bare, all else quoted.
fn texts(rows: impl Iterator<Item = impl Display>) -> Vec<String> {
    let value = |value: &str| {
        let digits = value.strip_prefix('-').unwrap_or(value);
        let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if number { value.to_string() } else { format!("'{}'", value.replace('\'', "''")) }
    };
    let row =
        |row: String| format!("({})", row.trim_end_matches('|').split('|').map(value).collect::<Vec<_>>().join(", "));
    rows.map(|found| row(found.to_string())).collect()
}

fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.next(last as u64 + 1) as usize);
    }
}
