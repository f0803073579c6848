//! `quote_ident(text)`, `quote_literal(value)`, `quote_nullable(value)`: texts as they can stand in SQL.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringArray};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use crate::error::Result;
use crate::types::SqlType;

pub(super) static IDENT: Definition = Definition::immutable(
    "quote_ident",
    |arguments| overload(arguments, &[(&[Kind::Text], Kind::Text)]),
    |call| call.texts(|row| Ok(ident(call.text(0).value(row)))),
);
pub(super) static LITERAL: Definition =
    Definition::immutable("quote_literal", types, |call| quoted(call, |text| text.map(literal)));
pub(super) static NULLABLE: Definition = Definition::immutable("quote_nullable", types, |call| {
    quoted(call, |text| Some(text.map_or_else(|| "NULL".to_string(), literal)))
});

fn types(arguments: &[Argument]) -> Types {
    let [value] = arguments else { return Ok(None) };
    Ok(Some((vec![value.or_text()], SqlType::Text)))
}

fn quoted(call: &Call, quote: impl Fn(Option<&str>) -> Option<String>) -> Result<ArrayRef> {
    let values = call.shown(0)?;
    let text = |row: usize| values.is_valid(row).then(|| values.value(row));
    Ok(Arc::new((0..call.rows).map(|row| quote(text(row))).collect::<StringArray>()))
}

/// A text as a literal.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match quoted.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

/// A text as a name, in quotes if it needs them.
pub(super) fn ident(text: &str) -> String {
    let starts = text.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_');
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if starts && text.chars().all(plain) && !KEYWORDS.split_ascii_whitespace().any(|word| word == text) {
        return text.to_string();
    }
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// PostgreSQL's keywords but for the unreserved ones.
const KEYWORDS: &str = "
all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast
char character check coalesce collate collation column concurrently constraint create cross current_catalog
current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group
grouping having ilike in initially inner inout int integer intersect interval into is isnull join lateral leading
least left like limit localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric
offset on only or order out outer overlaps overlay placing position precision primary real references returning right
row select session_user setof similar smallint some substring symmetric table tablesample then time timestamp to
trailing treat trim true union unique user using values varchar variadic verbose when where window with xmlattributes
xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
";
