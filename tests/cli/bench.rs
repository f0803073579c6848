//! The benches with tiny numbers: they end and print figures.

use std::path::Path;

use crate::process::ended;

fn figures(arguments: &[&str], parts: &[&str]) {
    let finished = ended(Path::new("."), arguments).with_status(0);
    for part in parts {
        assert!(finished.out.contains(part), "{part:?} is missing: {finished:?}");
    }
}

#[test]
fn bids_are_measured() {
    figures(
        &["bench", "bids", "--records", "5000", "--auctions", "100", "--runs", "1"],
        &["pass through", "count, max, sum", "records/s"],
    );
}

#[test]
fn memory_is_measured() {
    figures(&["bench", "memory", "--rows", "20000", "--groups", "100", "--runs", "1"], &["rows/s"]);
}

#[test]
fn freshness_is_measured() {
    figures(&["bench", "freshness", "--rate", "500", "--seconds", "1"], &["p99"]);
}
