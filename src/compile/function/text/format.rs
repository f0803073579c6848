//! `format(template, …)`: `%s` a value, `%I` a name, `%L` a literal, `%%` a sign; `%n$s` the value of a number, `%-10s` and `%*s` a width.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringArray};

use super::super::call::check_size;
use super::super::definition::{Argument, Call, Definition, Types};
use super::quote;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("format", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let Some((template, values)) = arguments.split_first() else { return Ok(None) };
    let is_text = template.is_text();
    let types = std::iter::once(SqlType::Text).chain(values.iter().map(Argument::or_text)).collect();
    Ok(is_text.then_some((types, SqlType::Text)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let values: Vec<StringArray> = (1..call.arguments.len()).map(|at| call.shown(at)).collect::<Result<_>>()?;
    let row_of = |row: usize| {
        if call.arguments[0].is_null(row) {
            return Ok(None);
        }
        let value = |at: usize| values[at].is_valid(row).then(|| values[at].value(row));
        let values: Vec<Option<&str>> = (0..values.len()).map(value).collect();
        formatted(call.text(0).value(row), &values).map(Some)
    };
    let rows: Vec<Option<String>> = (0..call.rows).map(row_of).collect::<Result<_>>()?;
    Ok(Arc::new(StringArray::from(rows)))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(code::INVALID_PARAMETER_VALUE, message)
}

/// What a template is read from.
struct Template<'a> {
    rest: &'a str,
    values: &'a [Option<&'a str>],
    /// The value that comes next.
    next: usize,
}

fn formatted(template: &str, values: &[Option<&str>]) -> Result<String> {
    let mut template = Template { rest: template, values, next: 0 };
    let mut out = String::new();
    while let Some(at) = template.rest.find('%') {
        out.push_str(&template.rest[..at]);
        template.rest = &template.rest[at + 1..];
        template.item(&mut out)?;
    }
    out.push_str(template.rest);
    Ok(out)
}

impl<'a> Template<'a> {
    fn take(&mut self, letter: char) -> bool {
        let rest = self.rest.strip_prefix(letter);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn number(&mut self) -> Result<Option<usize>> {
        let digits = self.rest.len() - self.rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        if digits == 0 {
            return Ok(None);
        }
        match number.parse::<i32>() {
            Ok(number) => Ok(Some(number as usize)),
            Err(_) => Err(Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "number is out of range")),
        }
    }

    /// What follows a percent sign.
    fn item(&mut self, out: &mut String) -> Result<()> {
        if self.take('%') {
            out.push('%');
            return Ok(());
        }
        let mut place = None;
        let mut width = None;
        let mut left = false;
        if let Some(number) = self.number()? {
            if self.take('$') {
                place = Some(number);
            } else {
                width = Some(number as i64);
            }
        }
        if place == Some(0) {
            return Err(invalid("format specifies argument 0, but arguments are numbered from 1"));
        }
        if width.is_none() {
            while self.take('-') {
                left = true;
            }
            width = self.width()?;
        }
        let Some(kind) = self.rest.chars().next() else {
            return Err(invalid("unterminated format() type specifier").hint("For a single \"%\" use \"%%\"."));
        };
        self.rest = &self.rest[kind.len_utf8()..];
        if !matches!(kind, 's' | 'I' | 'L') {
            let message = format!("unrecognized format() type specifier \"{kind}\"");
            return Err(invalid(message).hint("For a single \"%\" use \"%%\"."));
        }
        let value = self.value(place)?;
        let text = match (kind, value) {
            ('s', value) => value.unwrap_or_default().to_string(),
            ('L', value) => value.map_or_else(|| "NULL".to_string(), quote::literal),
            (_, Some(value)) => quote::ident(value),
            (_, None) => {
                return Err(Error::new("22004", "null values cannot be formatted as an SQL identifier"));
            }
        };
        let width = width.unwrap_or(0);
        append(&text, width.unsigned_abs() as usize, left || width < 0, out)
    }

    /// A width: a number, or `*` or `*n$` for one among the values.
    fn width(&mut self) -> Result<Option<i64>> {
        if !self.take('*') {
            return Ok(self.number()?.map(|width| width as i64));
        }
        let place = match self.number()? {
            Some(0) => return Err(invalid("format specifies argument 0, but arguments are numbered from 1")),
            Some(_) if !self.take('$') => return Err(invalid("width argument position must be ended by \"$\"")),
            place => place,
        };
        let Some(width) = self.value(place)? else { return Ok(None) };
        let column: i32 = crate::format::text::number::parse_integer(width, "integer")?;
        Ok(Some(i64::from(column)))
    }

    fn value(&mut self, place: Option<usize>) -> Result<Option<&'a str>> {
        let at = match place {
            Some(place) => place - 1,
            None => self.next,
        };
        self.next = at + 1;
        self.values.get(at).copied().ok_or_else(|| invalid("too few arguments for format()"))
    }
}

fn append(text: &str, width: usize, left: bool, out: &mut String) -> Result<()> {
    let missing = width.saturating_sub(text.chars().count());
    check_size(out.len() + text.len() + missing)?;
    let blanks = " ".repeat(missing);
    let (before, after) = if left { ("", blanks.as_str()) } else { (blanks.as_str(), "") };
    out.extend([before, text, after]);
    Ok(())
}
