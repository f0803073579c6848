//! CREATE, ALTER and DROP of types and domains.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::grammar::Grammar;
use super::row_type;
use super::table::{self, check, constraint_name, data_type};
use super::{CheckDefinition, ColumnDefault, Kind};
use crate::enumeration::Place;
use crate::error::Result;
use crate::precision::Precision;
use crate::types::SqlType;

/// CREATE TYPE and CREATE DOMAIN.
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
    /// CREATE DOMAIN.
    Domain {
        /// The type under it.
        base: SqlType,
        /// Its precision.
        precision: Option<Precision>,
        /// DEFAULT, as SQL text.
        default: Option<String>,
        /// NOT NULL.
        not_null: bool,
        /// CHECK (…), over `value`.
        checks: Vec<CheckDefinition>,
    },
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

/// DROP TYPE and DROP DOMAIN.
#[derive(Debug, Clone)]
pub struct DropType {
    /// Names.
    pub names: Vec<String>,
    /// IF EXISTS.
    pub if_exists: bool,
    /// CASCADE.
    pub cascade: bool,
    /// DROP DOMAIN.
    pub domain: bool,
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
        let definition = TypeDefinition::Composite(row_type::definition(grammar)?);
        return Ok(Kind::CreateType(CreateType { name, definition }));
    }
    Err(match grammar.peek() {
        Token::Word(word) if word.value.eq_ignore_ascii_case("range") => {
            grammar.unsupported("range types are not supported")
        }
        _ => grammar.unexpected(),
    })
}

/// What follows CREATE DOMAIN.
pub(super) fn create_domain(grammar: &mut Grammar) -> Result<Kind> {
    let name = grammar.relation()?;
    grammar.eat(&["AS"]);
    let (base, precision) = data_type(grammar)?;
    let (mut default, mut not_null, mut checks) = (None, false, Vec::new());
    loop {
        let constraint = constraint_name(grammar)?;
        if grammar.eat(&["NOT", "NULL"]) {
            not_null = true;
        } else if grammar.eat(&["NULL"]) {
        } else if grammar.eat(&["CHECK"]) {
            checks.push(check(grammar, constraint)?);
        } else if constraint.is_none() && grammar.eat(&["DEFAULT"]) {
            if let ColumnDefault::Expression(text) = table::default(grammar)? {
                default = Some(text);
            }
        } else if constraint.is_some() {
            return Err(grammar.unexpected());
        } else {
            break;
        }
    }
    if grammar.sees(&["COLLATE"]) {
        return Err(grammar.unsupported("COLLATE is not supported"));
    }
    let definition = TypeDefinition::Domain { base, precision, default, not_null, checks };
    Ok(Kind::CreateType(CreateType { name, definition }))
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

/// What follows DROP TYPE or DROP DOMAIN.
pub(super) fn drop_type(grammar: &mut Grammar, domain: bool) -> Result<Kind> {
    let if_exists = grammar.eat(&["IF", "EXISTS"]);
    let mut names = vec![grammar.relation()?];
    while grammar.eat_token(&Token::Comma) {
        names.push(grammar.relation()?);
    }
    let cascade = grammar.eat_one(&["CASCADE", "RESTRICT"]) == Some("CASCADE");
    Ok(Kind::DropType(DropType { names, if_exists, cascade, domain }))
}
