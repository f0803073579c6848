//! `regexp_replace(text, pattern, replacement [, flags])` and `regexp_replace(text, pattern, replacement, start [, n [, flags]])`.
//! In the replacement `\1` … `\9` are the groups, `\&` the whole match.

use datafusion::arrow::array::ArrayRef;

use super::super::call::check_size;
use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::regex::{Groups, Regex};
use super::{byte_of, flags, integer_or, text_or};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("regexp_replace", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    use Kind::{Integer, Text};
    overload(
        arguments,
        &[
            (&[Text, Text, Text], Text),
            (&[Text, Text, Text, Text], Text),
            (&[Text, Text, Text, Integer], Text),
            (&[Text, Text, Text, Integer, Integer], Text),
            (&[Text, Text, Text, Integer, Integer, Text], Text),
        ],
    )
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let with_flags = call.arguments.get(3).is_some_and(|fourth| *fourth.data_type() == SqlType::Text.arrow());
    call.texts(|row| {
        let (text, pattern) = (call.text(0).value(row), call.text(1).value(row));
        let (start, number, flags) = match with_flags {
            true => {
                let letters = call.text(3).value(row);
                if letters.starts_with(|letter: char| letter.is_ascii_digit()) {
                    let option = letters.chars().next().unwrap_or_default();
                    let message = format!("invalid regular expression option: \"{option}\"");
                    return Err(Error::new(code::INVALID_PARAMETER_VALUE, message)
                        .hint("If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly."));
                }
                let (flags, all) = flags(letters)?;
                (1, i32::from(!all), flags)
            }
            false => {
                let start = integer_or(call, 3, row, "start", 1, 1)?;
                let number = integer_or(call, 4, row, "n", 0, 1)?;
                let (flags, all) = flags(text_or(call, 5, row, ""))?;
                // Without a number, `g` means all.
                (start, if all && call.arguments.len() < 5 { 0 } else { number }, flags)
            }
        };
        let regex = Regex::of(pattern, flags)?;
        let from = byte_of(text, start).unwrap_or(text.len() + 1);
        replaced(text, &regex, call.text(2).value(row), from, number as usize)
    })
}

/// Replaces the match of a number, or all for 0, from a byte on.
fn replaced(text: &str, regex: &Regex, replacement: &str, from: usize, number: usize) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let (mut copied, mut found) = (0, 0);
    let mut size = Ok(());
    regex.find_all(text, from, |groups| {
        found += 1;
        let Some((start, end)) = groups[0] else { return false };
        if number == 0 || found == number {
            out.push_str(&text[copied..start]);
            append(text, groups, replacement, &mut out);
            copied = end;
            size = check_size(out.len());
        }
        size.is_ok() && (number == 0 || found < number)
    })?;
    size?;
    out.push_str(&text[copied..]);
    Ok(out)
}

fn append(text: &str, groups: &Groups, replacement: &str, out: &mut String) {
    let mut letters = replacement.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let group = match letters.next() {
            Some(digit @ '1'..='9') => digit as usize - '0' as usize,
            Some('&') => 0,
            Some('\\') | None => {
                out.push('\\');
                continue;
            }
            // Not a reference: both characters are meant.
            Some(other) => {
                out.extend(['\\', other]);
                continue;
            }
        };
        if let Some((start, end)) = groups.get(group).copied().flatten() {
            out.push_str(&text[start..end]);
        }
    }
}
