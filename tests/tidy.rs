//! Our own rules about the tree, as a test.

use std::path::{Path, PathBuf};

/// A crate and the places that may name it.
const IMPORTS: &[(&str, &[&str])] = &[
    ("rdkafka", &["src/connector/kafka"]),
    ("timely", &["src/flow/runtime"]),
    ("pgwire", &["src/wire"]),
    ("kafka_protocol", &["src/broker"]),
    ("sqlparser", &["src/compile/parse"]),
    ("tokio_postgres", &["tests"]),
];

/// Names that say nothing.
const BANNED_NAMES: &[&str] = &["utils", "common", "helpers", "misc", "base", "manager", "impl", "info", "data"];

/// Lines of a source file at most; more needs a reason at its top (`Longer than 500 lines because …`).
const LINES_MAX: usize = 500;

fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut pending = vec![PathBuf::from(directory)];
    while let Some(path) = pending.pop() {
        for entry in std::fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(found.len() > 5 || directory != "src");
    found
}

/// Code of a line, without a comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn names(line: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code(line).match_indices(name).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + name.len()..].chars().next());
        !before.is_some_and(is_part) && line[at + name.len()..].starts_with("::") && !after.is_some_and(is_part)
    })
}

#[test]
fn crates_are_named_only_where_they_belong() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        for (name, places) in IMPORTS {
            let allowed = places.iter().any(|place| path.starts_with(place));
            for (i, line) in text.lines().enumerate() {
                if !allowed && names(line, name) {
                    wrong.push(format!("{}:{}: {name}", path.display(), i + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn stages_do_not_reach_where_they_must_not() {
    // Folder, what it must not name.
    let rules: &[(&str, &[&str])] = &[
        ("src/format", &["std::fs", "std::net", "tokio::"]),
        ("src/flow", &["std::net", "tokio::net", "compile::parse", "compile::analyze"]),
        ("src/connector", &["crate::engine", "crate::wire", "crate::flow"]),
        ("src/catalog", &["crate::wire", "crate::flow"]),
        ("src/compile", &["crate::engine", "crate::wire", "crate::flow"]),
        ("src/view", &["crate::engine", "crate::wire", "flow::operator"]),
    ];
    let mut wrong = Vec::new();
    for (folder, banned) in rules {
        for (path, text) in sources(folder) {
            for (i, line) in text.lines().enumerate() {
                for name in *banned {
                    if code(line).contains(name) {
                        wrong.push(format!("{}:{}: {name}", path.display(), i + 1));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn time_and_chance_come_from_the_clock() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let is_clock = path == Path::new("src/clock.rs");
        for (i, line) in text.lines().enumerate() {
            for name in ["SystemTime::now", "Instant::now", "rand::", "Utc::now", "Uuid::new_v4"] {
                if !is_clock && code(line).contains(name) {
                    wrong.push(format!("{}:{}: {name}", path.display(), i + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short_and_named() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let lines = text.lines().count();
        if lines > LINES_MAX && !text.lines().take(20).any(|line| line.contains("Longer than 500 lines because")) {
            wrong.push(format!("{}: {lines} lines", path.display()));
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if BANNED_NAMES.contains(&stem) {
            wrong.push(format!("{}: a name that says nothing", path.display()));
        }
        if text.contains("todo!(") || text.contains("unimplemented!(") {
            wrong.push(format!("{}: unfinished", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
