//! `regexp_count(text, pattern [, start [, flags]])`, `regexp_split_to_array(text, pattern [, flags])`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array, ListBuilder, StringBuilder};

use super::super::definition::{Call, Definition};
use super::super::overload::{Kind, overload};
use super::regex::Regex;
use super::{byte_of, flags_of_one, integer_or, text_or};
use crate::error::Result;
use crate::types::SqlType;

pub(super) static COUNT: Definition = Definition::immutable(
    "regexp_count",
    |arguments| {
        use Kind::{Integer, Text};
        overload(
            arguments,
            &[(&[Text, Text], Integer), (&[Text, Text, Integer], Integer), (&[Text, Text, Integer, Text], Integer)],
        )
    },
    count,
);
pub(super) static SPLIT_TO_ARRAY: Definition = Definition::immutable(
    "regexp_split_to_array",
    |arguments| {
        use Kind::{Text, TextArray};
        overload(arguments, &[(&[Text, Text], TextArray), (&[Text, Text, Text], TextArray)])
    },
    split,
);

fn count(call: &Call) -> Result<ArrayRef> {
    call.column::<_, Int32Array>(|row| {
        let text = call.text(0).value(row);
        let start = integer_or(call, 2, row, "start", 1, 1)?;
        let flags = flags_of_one(text_or(call, 3, row, ""), "regexp_count()")?;
        let regex = Regex::of(call.text(1).value(row), flags)?;
        let mut found = 0;
        if let Some(from) = byte_of(text, start) {
            regex.find_all(text, from, |_| {
                found += 1;
                true
            })?;
        }
        Ok(found)
    })
}

/// Empty matches at the start, at the end and where a match ended do not split.
fn split(call: &Call) -> Result<ArrayRef> {
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(SqlType::Text.field("item"));
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            lists.append(false);
            continue;
        }
        let text = call.text(0).value(row);
        let flags = flags_of_one(text_or(call, 2, row, ""), "regexp_split_to_array()")?;
        let regex = Regex::of(call.text(1).value(row), flags)?;
        let (mut part, mut last_end) = (0, 0);
        regex.find_all(text, 0, |groups| {
            let Some((start, end)) = groups[0] else { return false };
            if start < text.len() && end > last_end {
                lists.values().append_value(&text[part..start]);
                part = end;
            }
            last_end = end;
            true
        })?;
        lists.values().append_value(&text[part..]);
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}
