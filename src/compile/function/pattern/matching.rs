//! `text ~ pattern`, `~*`, `!~`, `!~*`, and `regexp_like(text, pattern [, flags])`.

use datafusion::arrow::array::{ArrayRef, BooleanArray};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::regex::{Flags, Regex};
use super::{flags_of_one, text_or, with_blanks};
use crate::error::Result;

pub(in super::super) static MATCHES: Definition =
    Definition::immutable("~", types, |call| operator(call, false, false));
pub(in super::super) static NOT_MATCHES: Definition =
    Definition::immutable("!~", types, |call| operator(call, false, true));
pub(in super::super) static MATCHES_ANY_CASE: Definition =
    Definition::immutable("~*", types, |call| operator(call, true, false));
pub(in super::super) static NOT_MATCHES_ANY_CASE: Definition =
    Definition::immutable("!~*", types, |call| operator(call, true, true));
pub(super) static LIKE: Definition = Definition::immutable(
    "regexp_like",
    |arguments| {
        use Kind::{Boolean, Text};
        overload(arguments, &[(&[Text, Text], Boolean), (&[Text, Text, Text], Boolean)])
    },
    |call| {
        call.column::<_, BooleanArray>(|row| {
            let flags = flags_of_one(text_or(call, 2, row, ""), "regexp_like()")?;
            Regex::of(call.text(1).value(row), flags)?.is_match(call.text(0).value(row))
        })
    },
);

fn types(arguments: &[Argument]) -> Types {
    Ok(overload(arguments, &[(&[Kind::Text, Kind::Text], Kind::Boolean)])?.map(|types| with_blanks(types, arguments)))
}

fn operator(call: &Call, any_case: bool, negated: bool) -> Result<ArrayRef> {
    let mut flags = Flags::default();
    flags.any_case = any_case;
    call.column::<_, BooleanArray>(|row| {
        Ok(Regex::of(call.text(1).value(row), flags)?.is_match(call.text(0).value(row))? != negated)
    })
}
