//! CREATE, ALTER and DROP of types.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::Kind;
use super::grammar::Grammar;
use super::row_type;
use crate::enumeration::Place;
use crate::error::Result;
use crate::types::SqlType;

/// CREATE TYPE.
#[derive(Debug, Clone)]
pub struct CreateType {
    /// Name.
    pub name: String,
    /// What values are.
    pub definition: TypeDefinition,
}

/// What values of a new type are.
#[derive(Debug, Clone)]
pub enum TypeDefinition {
    /// AS ENUM (…): labels in order.
    Enum(Vec<String>),
    /// AS (…): names and types of fields in order.
    Composite(Vec<(String, SqlType)>),
}

/// ALTER TYPE.
#[derive(Debug, Clone)]
pub struct AlterType {
    /// Name.
    pub name: String,
    /// What is changed.
    pub action: AlterTypeAction,
}

/// One change of ALTER TYPE.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the variants are the SQL names")]
pub enum AlterTypeAction {
    AddValue { label: String, if_not_exists: bool, place: Place },
    RenameValue { from: String, to: String },
    Rename(String),
    SetSchema(String),
}

/// DROP TYPE.
#[derive(Debug, Clone)]
pub struct DropType {
    /// Names.
    pub names: Vec<String>,
    /// IF EXISTS.
    pub if_exists: bool,
    /// CASCADE.
    pub cascade: bool,
}

/// What follows CREATE TYPE.
pub(super) fn create_type(grammar: &mut Grammar) -> Result<Kind> {
    let name = grammar.relation()?;
    grammar.expect(&["AS"])?;
    if grammar.eat(&["ENUM"]) {
        let definition = TypeDefinition::Enum(labels(grammar)?);
        return Ok(Kind::CreateType(CreateType { name, definition }));
    }
    if grammar.peek() == Token::LParen {
        let definition = TypeDefinition::Composite(row_type::fields(grammar)?);
        return Ok(Kind::CreateType(CreateType { name, definition }));
    }
    Err(match grammar.peek() {
        Token::Word(word) if word.value.eq_ignore_ascii_case("range") => {
            grammar.unsupported("range types are not supported")
        }
        _ => grammar.unexpected(),
    })
}

/// `('a', 'b', …)`, also of nothing.
fn labels(grammar: &mut Grammar) -> Result<Vec<String>> {
    if grammar.peek() == Token::LParen && grammar.peek_at(1) == Token::RParen {
        grammar.expect_token(&Token::LParen)?;
        grammar.expect_token(&Token::RParen)?;
        return Ok(Vec::new());
    }
    grammar.list(label)
}

fn label(grammar: &mut Grammar) -> Result<String> {
    grammar.string().ok_or_else(|| grammar.unexpected())
}

/// What follows ALTER TYPE.
pub(super) fn alter_type(grammar: &mut Grammar) -> Result<Kind> {
    let name = grammar.relation()?;
    let action = if grammar.eat(&["ADD", "VALUE"]) {
        let if_not_exists = grammar.eat(&["IF", "NOT", "EXISTS"]);
        let text = label(grammar)?;
        let place = match grammar.eat_one(&["BEFORE", "AFTER"]) {
            Some("BEFORE") => Place::Before(label(grammar)?),
            Some(_) => Place::After(label(grammar)?),
            None => Place::Last,
        };
        AlterTypeAction::AddValue { label: text, if_not_exists, place }
    } else if grammar.eat(&["RENAME", "VALUE"]) {
        let from = label(grammar)?;
        grammar.expect(&["TO"])?;
        AlterTypeAction::RenameValue { from, to: label(grammar)? }
    } else if grammar.eat(&["RENAME", "TO"]) {
        AlterTypeAction::Rename(grammar.name()?)
    } else if grammar.eat(&["SET", "SCHEMA"]) {
        AlterTypeAction::SetSchema(grammar.name()?)
    } else {
        return Err(grammar
            .unsupported("this form of ALTER TYPE is not supported")
            .hint("ADD VALUE, RENAME VALUE, RENAME TO and SET SCHEMA are"));
    };
    Ok(Kind::AlterType(AlterType { name, action }))
}

/// What follows DROP TYPE.
pub(super) fn drop_type(grammar: &mut Grammar) -> Result<Kind> {
    let if_exists = grammar.eat(&["IF", "EXISTS"]);
    let mut names = vec![grammar.relation()?];
    while grammar.eat_token(&Token::Comma) {
        names.push(grammar.relation()?);
    }
    let cascade = grammar.eat_one(&["CASCADE", "RESTRICT"]) == Some("CASCADE");
    Ok(Kind::DropType(DropType { names, if_exists, cascade }))
}
