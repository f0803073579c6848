//! COMMENT ON, GRANT, REVOKE, LISTEN's opposite: what says something about relations and changes no row.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::grammar::Grammar;
use super::{CommentOn, Kind};
use crate::error::Result;

/// What follows COMMENT.
pub(super) fn comment(grammar: &mut Grammar) -> Result<Kind> {
    grammar.expect(&["ON"])?;
    let on = target(grammar)?;
    grammar.expect(&["IS"])?;
    let text = match grammar.eat(&["NULL"]) {
        true => None,
        false => Some(grammar.string().ok_or_else(|| grammar.unexpected().hint("a comment is a string or NULL"))?),
    };
    Ok(Kind::Comment { on, text })
}

fn target(grammar: &mut Grammar) -> Result<CommentOn> {
    if grammar.eat(&["COLUMN"]) {
        let mut parts = vec![grammar.name()?];
        while grammar.eat_token(&Token::Period) {
            parts.push(grammar.name()?);
        }
        let Some(column) = parts.pop().filter(|_| !parts.is_empty()) else {
            return Err(grammar.unexpected().hint("write COMMENT ON COLUMN table.column IS '…'"));
        };
        let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| *part != "public").collect();
        return Ok(CommentOn::Column { relation: parts.join("."), column });
    }
    if grammar.eat(&["CONSTRAINT"]) {
        let name = grammar.name()?;
        grammar.expect(&["ON"])?;
        return Ok(CommentOn::Constraint { relation: grammar.relation()?, name });
    }
    if grammar.eat(&["SCHEMA"]) {
        return grammar.name().map(CommentOn::Schema);
    }
    if grammar.eat(&["DATABASE"]) {
        return grammar.name().map(CommentOn::Database);
    }
    if grammar.eat(&["INDEX"]) {
        return grammar.relation().map(CommentOn::Index);
    }
    let words = ["TABLE", "VIEW", "STREAM", "SOURCE", "SINK", "MATERIALIZED"];
    match grammar.eat_one(&words) {
        Some(word) => {
            if word == "MATERIALIZED" {
                grammar.expect(&["VIEW"])?;
            }
            grammar.relation().map(CommentOn::Relation)
        }
        None => match grammar.peek() {
            Token::Word(word) => {
                Err(grammar.unsupported(format!("COMMENT ON {} is not supported", word.value.to_uppercase())))
            }
            _ => Err(grammar.unexpected()),
        },
    }
}

/// What follows GRANT or REVOKE: read to its end, for it has no effect.
pub(super) fn privileges(grammar: &mut Grammar, tag: &'static str) -> Result<Kind> {
    if grammar.at_end() {
        return Err(grammar.unexpected());
    }
    while !grammar.at_end() {
        grammar.next();
    }
    let notice = Some("privileges are not kept: everybody who may connect may do everything");
    Ok(Kind::NoEffect { tag, notice })
}

/// What follows UNLISTEN: nothing was listened to.
pub(super) fn unlisten(grammar: &mut Grammar) -> Result<Kind> {
    if !grammar.eat_token(&Token::Mul) {
        grammar.name()?;
    }
    Ok(Kind::NoEffect { tag: "UNLISTEN", notice: None })
}
