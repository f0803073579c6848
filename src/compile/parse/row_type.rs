//! Types of columns with fields: `ROW(street TEXT, city TEXT)`, also written `ROW<…>` and `STRUCT<…>` as other streaming engines do, and
//! arrays of them.

use std::sync::Arc;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::data_type::{self, sql_type};
use super::grammar::Grammar;
use crate::error::{Error, Result};
use crate::precision::Precision;
use crate::types::{RowType, SqlType};

/// Reads the type of a column, with the precision of times.
pub(super) fn column_type(grammar: &mut Grammar) -> Result<(SqlType, Option<Precision>)> {
    let (mut closed, mut precision) = (0, None);
    let position = grammar.position();
    let sql_type = nested(grammar, &mut closed, &mut precision)?;
    match sql_type {
        SqlType::Row(_) | SqlType::Array(_) if precision.is_some() => {
            Err(Error::unsupported("times with a precision inside of rows are not supported").at(position))
        }
        sql_type => Ok((sql_type, precision)),
    }
}

/// Reads `(name type, …)`, also without fields.
pub(super) fn definition(grammar: &mut Grammar) -> Result<Vec<(String, SqlType)>> {
    if grammar.peek_at(1) == Token::RParen {
        grammar.next();
        grammar.next();
        return Ok(Vec::new());
    }
    let (mut closed, mut precision) = (0, None);
    let position = grammar.position();
    let fields = fields(grammar, &mut closed, &mut precision)?;
    match precision {
        Some(_) => Err(Error::unsupported("times with a precision inside of rows are not supported").at(position)),
        None => Ok(fields),
    }
}

/// Reads a type. `closed` is how many brackets were closed beyond the type's own, since `>>` is one token.
fn nested(grammar: &mut Grammar, closed: &mut usize, precision: &mut Option<Precision>) -> Result<SqlType> {
    let opens = |token: Token| matches!(token, Token::LParen | Token::Lt);
    if (grammar.sees(&["ROW"]) || grammar.sees(&["STRUCT"])) && opens(grammar.peek_at(1)) {
        grammar.next();
        let fields = fields(grammar, closed, precision)?;
        let row = SqlType::Row(Arc::new(RowType { name: None, fields }));
        return if *closed > 0 { Ok(row) } else { with_dimensions(grammar, row) };
    }
    let of_rows = grammar.sees_at(2, "ROW") || grammar.sees_at(2, "STRUCT");
    if grammar.sees(&["ARRAY"]) && grammar.peek_at(1) == Token::Lt && of_rows && opens(grammar.peek_at(3)) {
        grammar.next();
        grammar.next();
        let item = nested(grammar, closed, precision)?;
        close(grammar, closed)?;
        return Ok(SqlType::Array(Box::new(item)));
    }
    let position = grammar.position();
    let written = grammar.rule(|parser| parser.parse_data_type())?;
    *precision = (*precision).or(data_type::precision(&written));
    sql_type(&written).map_err(|error| error.at(position))
}

/// Reads `(name type, …)` or `<name type, …>`.
fn fields(
    grammar: &mut Grammar,
    closed: &mut usize,
    precision: &mut Option<Precision>,
) -> Result<Vec<(String, SqlType)>> {
    let in_parentheses = grammar.peek() == Token::LParen;
    grammar.next();
    let mut fields: Vec<(String, SqlType)> = Vec::new();
    loop {
        let position = grammar.position();
        let name = grammar.name()?;
        if fields.iter().any(|(known, _)| *known == name) {
            let message = format!("attribute \"{name}\" specified more than once");
            return Err(Error::new(crate::error::code::DUPLICATE_COLUMN, message).at(position));
        }
        fields.push((name, nested(grammar, closed, precision)?));
        // A bracket of the field's type may have closed this one, too.
        if *closed > 0 || !grammar.eat_token(&Token::Comma) {
            break;
        }
    }
    match in_parentheses {
        true => grammar.expect_token(&Token::RParen)?,
        false => close(grammar, closed)?,
    }
    Ok(fields)
}

/// Reads `>`, or takes one that was read already.
fn close(grammar: &mut Grammar, closed: &mut usize) -> Result<()> {
    if *closed > 0 {
        *closed -= 1;
        return Ok(());
    }
    if grammar.eat_token(&Token::ShiftRight) {
        *closed = 1;
        return Ok(());
    }
    grammar.expect_token(&Token::Gt)
}

/// Reads `[]` or `ARRAY` after a type.
fn with_dimensions(grammar: &mut Grammar, item: SqlType) -> Result<SqlType> {
    let position = grammar.position();
    let mut dimensions = usize::from(grammar.eat(&["ARRAY"]));
    while grammar.eat_token(&Token::LBracket) {
        grammar.number();
        grammar.expect_token(&Token::RBracket)?;
        dimensions += 1;
    }
    data_type::check_dimensions(dimensions).map_err(|error| error.at(position))?;
    Ok(item.array_of(dimensions))
}
