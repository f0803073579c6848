//! What a pattern matches in a text: `regexp_match`, `regexp_substr`, `regexp_instr`, and `substring(text FROM pattern)`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array, ListBuilder, StringArray, StringBuilder};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::super::text::slice;
use super::regex::{Flags, Groups, Regex};
use super::{byte_of, flags, flags_of_one, integer_or, similar, text_or};
use crate::error::Result;
use crate::types::SqlType;

pub(super) static MATCH: Definition = Definition::immutable(
    "regexp_match",
    |arguments| {
        use Kind::{Text, TextArray};
        overload(arguments, &[(&[Text, Text], TextArray), (&[Text, Text, Text], TextArray)])
    },
    first_match,
);
/// The arrays of all matches, for `regexp_matches`, which answers them as rows.
pub(super) static MATCHES: Definition = Definition::immutable(
    "regexp_matches[]",
    |arguments| {
        use Kind::{Text, TextArray};
        let types = overload(arguments, &[(&[Text, Text], TextArray), (&[Text, Text, Text], TextArray)])?;
        Ok(types.map(|(types, row)| (types, SqlType::Array(Box::new(row)))))
    },
    matches,
);
pub(super) static SUBSTR: Definition = Definition::immutable(
    "regexp_substr",
    |arguments| {
        use Kind::{Integer, Text};
        overload(
            arguments,
            &[
                (&[Text, Text], Text),
                (&[Text, Text, Integer], Text),
                (&[Text, Text, Integer, Integer], Text),
                (&[Text, Text, Integer, Integer, Text], Text),
                (&[Text, Text, Integer, Integer, Text, Integer], Text),
            ],
        )
    },
    substr,
);
pub(super) static INSTR: Definition = Definition::immutable(
    "regexp_instr",
    |arguments| {
        use Kind::{Integer, Text};
        overload(
            arguments,
            &[
                (&[Text, Text], Integer),
                (&[Text, Text, Integer], Integer),
                (&[Text, Text, Integer, Integer], Integer),
                (&[Text, Text, Integer, Integer, Integer], Integer),
                (&[Text, Text, Integer, Integer, Integer, Text], Integer),
                (&[Text, Text, Integer, Integer, Integer, Text, Integer], Integer),
            ],
        )
    },
    instr,
);
/// `substring` by numbers is [`slice::SUBSTR`]; by a pattern it is this.
pub(super) static SUBSTRING: Definition = Definition::immutable("substring", substring_types, substring);

fn substring_types(arguments: &[Argument]) -> Types {
    // Texts, or what may be one, for both numbers: a pattern of the SQL standard.
    if arguments.len() == 3 && arguments.iter().all(Argument::is_text) {
        return Ok(Some((vec![SqlType::Text; 3], SqlType::Text)));
    }
    match overload(arguments, &[(&[Kind::Text, Kind::Text], Kind::Text)])? {
        Some(types) if !matches!(arguments, [_, Argument { sql_type: None, .. }]) => Ok(Some(types)),
        _ => slice::types(arguments),
    }
}

fn substring(call: &Call) -> Result<ArrayRef> {
    let by_pattern = call.arguments.get(1).is_some_and(|pattern| *pattern.data_type() == SqlType::Text.arrow());
    if !by_pattern {
        return slice::evaluate(call);
    }
    let found = (0..call.rows).map(|row| {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            return Ok(None);
        }
        let (text, pattern) = (call.text(0).value(row), call.text(1).value(row));
        let regex = match call.arguments.len() {
            3 => Regex::of(&similar::with_escape(pattern, call.text(2).value(row))?, Flags::default())?,
            _ => Regex::of(pattern, Flags::default())?,
        };
        // The first group if there is one, else the whole.
        let group = usize::from(regex.groups() > 0);
        Ok(regex.find(text, 0)?.and_then(|groups| groups[group]).map(|(start, end)| &text[start..end]))
    });
    Ok(Arc::new(found.collect::<Result<StringArray>>()?))
}

fn first_match(call: &Call) -> Result<ArrayRef> {
    let item = SqlType::Text.field("item");
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(item);
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            lists.append(false);
            continue;
        }
        let text = call.text(0).value(row);
        let flags = flags_of_one(text_or(call, 2, row, ""), "regexp_match()")?;
        let regex = Regex::of(call.text(1).value(row), flags)?;
        let found = regex.find(text, 0)?;
        for group in found.iter().flat_map(|groups| &groups[usize::from(regex.groups() > 0)..]) {
            lists.values().append_option(group.map(|(start, end)| &text[start..end]));
        }
        lists.append(found.is_some());
    }
    Ok(Arc::new(lists.finish()))
}

fn matches(call: &Call) -> Result<ArrayRef> {
    let row_type = SqlType::Array(Box::new(SqlType::Text));
    let groups = ListBuilder::new(StringBuilder::new()).with_field(SqlType::Text.field("item"));
    let mut rows = ListBuilder::new(groups).with_field(row_type.field("item"));
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            rows.append(false);
            continue;
        }
        let text = call.text(0).value(row);
        let (flags, all) = flags(text_or(call, 2, row, ""))?;
        let regex = Regex::of(call.text(1).value(row), flags)?;
        regex.find_all(text, 0, |groups| {
            for group in &groups[usize::from(regex.groups() > 0)..] {
                rows.values().values().append_option(group.map(|(start, end)| &text[start..end]));
            }
            rows.values().append(true);
            all
        })?;
        rows.append(true);
    }
    Ok(Arc::new(rows.finish()))
}

/// The n-th match from a character on.
fn nth(text: &str, regex: &Regex, start: i32, number: i32) -> Result<Option<Groups>> {
    let Some(from) = byte_of(text, start) else { return Ok(None) };
    let (mut left, mut found) = (number, None);
    regex.find_all(text, from, |groups| {
        left -= 1;
        found = (left == 0).then(|| groups.clone());
        left > 0
    })?;
    Ok(found)
}

fn substr(call: &Call) -> Result<ArrayRef> {
    let found = (0..call.rows).map(|row| {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            return Ok(None);
        }
        let text = call.text(0).value(row);
        let start = integer_or(call, 2, row, "start", 1, 1)?;
        let number = integer_or(call, 3, row, "n", 1, 1)?;
        let group = integer_or(call, 5, row, "subexpr", 0, 0)? as usize;
        let flags = flags_of_one(text_or(call, 4, row, ""), "regexp_substr()")?;
        let found = nth(text, Regex::of(call.text(1).value(row), flags)?.as_ref(), start, number)?;
        let range = found.and_then(|groups| groups.get(group).copied().flatten());
        Ok(range.map(|(start, end)| &text[start..end]))
    });
    Ok(Arc::new(found.collect::<Result<StringArray>>()?))
}

fn instr(call: &Call) -> Result<ArrayRef> {
    call.column::<_, Int32Array>(|row| {
        let text = call.text(0).value(row);
        let start = integer_or(call, 2, row, "start", 1, 1)?;
        let number = integer_or(call, 3, row, "n", 1, 1)?;
        let after = integer_or(call, 4, row, "endoption", 0, 0)?;
        if after > 1 {
            let message = format!("invalid value for parameter \"endoption\": {after}");
            return Err(crate::error::Error::new(crate::error::code::INVALID_PARAMETER_VALUE, message));
        }
        let flags = flags_of_one(text_or(call, 5, row, ""), "regexp_instr()")?;
        let group = integer_or(call, 6, row, "subexpr", 0, 0)? as usize;
        let found = nth(text, Regex::of(call.text(1).value(row), flags)?.as_ref(), start, number)?;
        let range = found.and_then(|groups| groups.get(group).copied().flatten());
        let place = |at: usize| text[..at].chars().count() as i32 + 1;
        Ok(range.map_or(0, |(start, end)| place(if after == 1 { end } else { start })))
    })
}
