//! `similar_to_escape(pattern [, escape])`: the regular expression for a pattern of `SIMILAR TO`.

use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::text_or;
use crate::error::{Error, Result};

pub(super) static DEFINITION: Definition = Definition::immutable("similar_to_escape", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    use Kind::Text;
    overload(arguments, &[(&[Text], Text), (&[Text, Text], Text)])
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    call.texts(|row| with_escape(call.text(0).value(row), text_or(call, 1, row, "\\")))
}

/// The regular expression for a pattern with a text of one character, or none, as escape.
pub(super) fn with_escape(pattern: &str, escape: &str) -> Result<String> {
    let mut escape = escape.chars();
    match (escape.next(), escape.next()) {
        (escape, None) => expression(pattern, escape),
        _ => Err(Error::new("22019", "invalid escape string").hint("Escape string must be empty or one character.")),
    }
}

/// `%` is anything, `_` any character; two separators (an escape character and a quote) cut out the part between them.
fn expression(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut out = String::from("^(?:");
    let (mut after_escape, mut separators) = (false, 0);
    // Inside of brackets, where everything but the end stands for itself: what was seen of it.
    let mut bracket: Option<usize> = None;
    for letter in pattern.chars() {
        if after_escape {
            after_escape = false;
            if letter == '"' && bracket.is_none() {
                out.push_str(match separators {
                    0 => "){1,1}?(",
                    1 => "){1,1}(?:",
                    _ => {
                        return Err(Error::new(
                            "2200C",
                            "SQL regular expression may not contain more than two escape-double-quote separators",
                        ));
                    }
                });
                separators += 1;
            } else {
                // A letter with a backslash would be a class.
                out.extend(['\\', letter]);
            }
        } else if Some(letter) == escape {
            after_escape = true;
        } else if let Some(seen) = bracket {
            if letter == '\\' {
                out.push('\\');
            }
            out.push(letter);
            bracket = (letter != ']' || seen == 0).then_some(if letter == '^' && seen == 0 { 0 } else { 1 });
        } else {
            match letter {
                '[' => {
                    out.push('[');
                    bracket = Some(0);
                }
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '\\' | '.' | '^' | '$' => out.extend(['\\', letter]),
                letter => out.push(letter),
            }
        }
    }
    out.push_str(")$");
    Ok(out)
}
