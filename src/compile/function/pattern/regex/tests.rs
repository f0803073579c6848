//! The engine that knows every construct against the regex crate, and itself where there is only one way to match.

use super::{Flags, Regex};

fn all(regex: &Regex, text: &str) -> Vec<super::Groups> {
    let mut found = Vec::new();
    regex
        .find_all(text, 0, |groups| {
            found.push(groups.clone());
            true
        })
        .unwrap();
    found
}

/// Patterns with one way to match are found by the regex crate, and must be found just so without it.
#[test]
fn unambiguous_patterns_match_alike_both_ways() {
    let texts =
        ["", "a", "ab", "aab", "abcb", "2024-01-15", "key=value; k2=", "x1y22z333", "äöü ab", "foo\nbar", "aXbxc"];
    let patterns = [
        "a*b",
        "(a+)b",
        "\\d+",
        "(\\d{4})-(\\d{2})-(\\d{2})",
        "(\\w+)=(\\w*)",
        "[^=;]+",
        "(x|y)(\\d+)",
        "^[a-z]+",
        "b$",
        "(a)?b",
    ];
    for pattern in patterns {
        let regex = Regex::compile(pattern, Flags::default()).unwrap();
        assert!(regex.unambiguous, "{pattern}");
        let slow = Regex { fast: None, ..Regex::compile(pattern, Flags::default()).unwrap() };
        for text in texts {
            assert_eq!(all(&regex, text), all(&slow, text), "{pattern} in {text:?}");
        }
    }
}

/// Where a match starts does not depend on who looks for it, and what matches as a whole does not either.
#[test]
fn ambiguous_patterns_start_alike_both_ways() {
    let patterns = ["a|ab|abc", "(a|ab)(c|bcd)?", "(.*)(\\d+)", "x*", "(a*)*b", "(?:a|ab)+", ".*?b"];
    let texts = ["", "abcd", "xx1y22", "aaab", "ababa", "äb"];
    for pattern in patterns {
        let regex = Regex::compile(pattern, Flags::default()).unwrap();
        assert!(!regex.unambiguous || pattern == "x*", "{pattern}");
        let slow = Regex { fast: None, ..Regex::compile(pattern, Flags::default()).unwrap() };
        for text in texts {
            assert_eq!(all(&regex, text), all(&slow, text), "{pattern} in {text:?}");
        }
    }
}

#[test]
fn a_search_that_takes_too_long_is_an_error() {
    let regex = Regex::compile("(.*)(.*)(.*)(.*)\\4x", Flags::default()).unwrap();
    let text = "a".repeat(3_000);
    assert_eq!(regex.find(&text, 0).unwrap_err().code, "54001");
}
