//! Nesting that takes the parser or the planner twice as long with each level. It is refused at depths that no statement needs.

use std::ops::Range;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::scan::Scan;
use crate::error::{Error, Result};

/// Levels of calls of [`DOUBLING`] at most.
const LEVELS_MAX: usize = 8;
/// Ways at most in which the parser may try to read parentheses in FROM: `((SELECT …) a JOIN …)` might be a subquery or a join.
const WAYS_MAX: usize = 1024;

/// What stands before parentheses that double the work: rows, windows, functions that answer rows.
const DOUBLING: [&str; 16] = [
    "row",
    "over",
    "unnest",
    "generate_series",
    "generate_subscripts",
    "string_to_table",
    "regexp_split_to_table",
    "regexp_matches",
    "json_array_elements",
    "json_array_elements_text",
    "json_each",
    "json_object_keys",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_each",
    "jsonb_object_keys",
];

/// Words before parentheses that are no calls.
const BEFORE_ROWS: [&str; 14] =
    ["select", "distinct", "all", "in", "values", "and", "or", "not", "when", "then", "else", "by", "on", "where"];

/// Open parentheses, by the innermost.
#[derive(Clone, Copy)]
struct Open {
    /// Calls of [`DOUBLING`] around.
    levels: usize,
    /// Parentheses that follow one another where a relation may stand; 0 elsewhere.
    chain: usize,
    /// Ways to read all that is open.
    ways: usize,
    /// Whether it may be a row without the word, and whether it is one for certain: there is a comma in it.
    bare: bool,
    tuple: bool,
    /// Such rows inside, one in the other.
    rows: usize,
}

/// 0A000 for a statement, the tokens `range`, that would take for ever.
pub(super) fn refuse(scan: &Scan, range: &Range<usize>) -> Result<()> {
    let mut open = vec![Open { levels: 0, chain: 0, ways: 1, bare: false, tuple: false, rows: 0 }];
    let places: Vec<usize> =
        range.clone().filter(|at| !matches!(scan.tokens[*at].token, Token::Whitespace(_))).collect();
    for (number, at) in places.iter().enumerate() {
        let around = open[open.len() - 1];
        match scan.tokens[*at].token {
            Token::LParen => {
                let before = number.checked_sub(1).map(|before| &scan.tokens[places[before]].token);
                let after = places.get(number + 1).map(|after| &scan.tokens[*after].token);
                let inner = opened(around, before, after);
                if inner.levels > LEVELS_MAX || inner.ways > WAYS_MAX {
                    let what = if inner.levels > LEVELS_MAX { "calls" } else { "parentheses in FROM" };
                    return Err(Error::unsupported(format!("{what} that nest so deep are not supported"))
                        .at(scan.characters(&(*at..at + 1)).start + 1));
                }
                open.push(inner);
            }
            Token::Comma => {
                let innermost = open.len() - 1;
                open[innermost].tuple |= open[innermost].bare;
            }
            Token::RParen if open.len() > 1 => {
                let rows = around.rows + usize::from(around.tuple);
                if rows > LEVELS_MAX {
                    return Err(Error::unsupported("rows that nest so deep are not supported")
                        .at(scan.characters(&(*at..at + 1)).start + 1));
                }
                open.pop();
                let innermost = open.len() - 1;
                open[innermost].rows = open[innermost].rows.max(rows);
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a parenthesis between two tokens opens.
fn opened(around: Open, before: Option<&Token>, after: Option<&Token>) -> Open {
    let chain = match before {
        Some(Token::LParen) if around.chain > 0 => around.chain + 1,
        Some(Token::Comma) => 1,
        before if is_word(before, &["from", "join", "lateral", "using"]) => 1,
        _ => 0,
    };
    let is_query = chain > 0 && is_word(after, &["select", "with", "values", "table"]);
    let ways = if is_query { around.ways.saturating_mul(chain) } else { around.ways };
    let bare = !matches!(before, Some(Token::Word(_))) || is_word(before, &BEFORE_ROWS);
    let levels = around.levels + usize::from(is_word(before, &DOUBLING));
    Open {
        levels,
        chain,
        ways,
        bare: bare && !is_word(after, &["select", "with", "values", "table"]),
        tuple: false,
        rows: 0,
    }
}

fn is_word(token: Option<&Token>, words: &[&str]) -> bool {
    match token {
        Some(Token::Word(word)) if word.quote_style.is_none() => {
            words.iter().any(|known| word.value.eq_ignore_ascii_case(known))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    fn nested(before: &str, inner: &str, after: &str, times: usize) -> String {
        format!("SELECT * FROM t WHERE a = {}{inner}{}", before.repeat(times), after.repeat(times))
    }

    #[test]
    fn what_doubles_ends_early() {
        for (before, inner, after) in [
            ("ROW(", "1", ", 2)"),
            ("(1, ", "1", ")"),
            ("unnest(ARRAY[", "1", "])"),
            ("(SELECT 1 FROM ((SELECT 1 FROM ", "t", ") x CROSS JOIN t AS y))"),
        ] {
            assert!(parse(&nested(before, inner, after, 1)).is_ok(), "{before}");
            let error = parse(&nested(before, inner, after, 30)).unwrap_err();
            assert_eq!(error.code, crate::error::code::FEATURE_NOT_SUPPORTED, "{before}: {error:?}");
            assert!(error.message.contains("nest so deep") && error.position.is_some(), "{before}: {error:?}");
        }
    }

    #[test]
    fn what_does_not_double_may_nest() {
        for (before, inner, after) in [("(", "1", ")"), ("abs(", "1", ")"), ("(SELECT 1 FROM t WHERE a = ", "1", ")")] {
            assert!(parse(&nested(before, inner, after, 30)).is_ok(), "{before}");
        }
        let joins = format!("SELECT * FROM {}t{}", "(".repeat(30), " JOIN u USING (a))".repeat(30));
        assert!(parse(&joins).is_ok());
    }
}
