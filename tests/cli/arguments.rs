//! Arguments: what is printed, and with which status.

use std::path::Path;

use crate::process::ended;

#[test]
fn version_is_printed() {
    let finished = ended(Path::new("."), &["version"]).with_status(0);
    assert_eq!(finished.out, format!("tidewater {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_of_every_command_has_examples() {
    let commands: [&[&str]; 8] = [
        &["demo"],
        &["serve"],
        &["run"],
        &["broker"],
        &["version"],
        &["bench", "bids"],
        &["bench", "memory"],
        &["bench", "freshness"],
    ];
    for command in commands {
        let finished = ended(Path::new("."), &[command, &["--help"]].concat()).with_status(0);
        assert!(
            finished.out.contains("Example") && finished.out.contains("tidewater "),
            "{command:?}: {}",
            finished.out
        );
    }
}

#[test]
fn wrong_usage_ends_with_status_2() {
    let lines: [&[&str]; 4] = [&[], &["frobnicate"], &["serve", "--frobnicate"], &["run"]];
    for line in lines {
        let finished = ended(Path::new("."), line).with_status(2);
        assert!(
            finished.out.is_empty() && finished.err.contains("Usage") || finished.err.contains("--help"),
            "{line:?}: {finished:?}"
        );
    }
}
