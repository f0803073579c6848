//! CREATE TABLE with its columns and constraints, CREATE INDEX, ALTER TABLE.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::create::{relation_class, unique_names};
use super::grammar::{Grammar, folded_ident};
use super::misplaced;
use super::row_type;
use super::{
    Alter, AlterAction, CheckDefinition, ColumnDefault, ColumnDefinition, CreateIndex, CreateTable, KeyDefinition,
    Kind, Query, RelationClass,
};
use crate::error::{Error, Result, code};
use crate::precision::Precision;
use crate::types::SqlType;

/// sqlparser's rank of IS: operators that do not bind tighter (IS, NOT, AND, OR) end a DEFAULT expression.
const IS_PRECEDENCE: u8 = 40;

/// What stands between the commas of CREATE TABLE and CREATE STREAM: a column, constraints, or a column with constraints.
#[derive(Default)]
pub(super) struct Element {
    /// The column.
    pub(super) column: Option<ColumnDefinition>,
    /// PRIMARY KEY and UNIQUE.
    pub(super) keys: Vec<KeyDefinition>,
    /// CHECK.
    pub(super) checks: Vec<CheckDefinition>,
}

/// What follows CREATE TABLE.
pub(super) fn create_table(grammar: &mut Grammar) -> Result<Kind> {
    let if_not_exists = grammar.eat(&["IF", "NOT", "EXISTS"]);
    let name = grammar.relation()?;
    let mut create =
        CreateTable { name, if_not_exists, columns: Vec::new(), keys: Vec::new(), checks: Vec::new(), query: None };
    let has_names = grammar.peek() == Token::LParen && matches!(grammar.peek_at(2), Token::Comma | Token::RParen);
    if grammar.sees(&["AS"]) || has_names {
        let names = if has_names { grammar.list(Grammar::name)? } else { Vec::new() };
        unique_names(names.iter().map(String::as_str))?;
        grammar.expect(&["AS"])?;
        let query = Query::read(grammar)?;
        let with_data = !grammar.eat(&["WITH", "NO", "DATA"]);
        grammar.eat(&["WITH", "DATA"]);
        create.query = Some((query, names, with_data));
        return Ok(Kind::CreateTable(create));
    }
    for element in grammar.list(element)? {
        create.columns.extend(element.column);
        create.keys.extend(element.keys);
        create.checks.extend(element.checks);
    }
    if grammar.sees(&["WITH"]) {
        return Err(grammar
            .unsupported("CREATE TABLE … WITH (connector …) is not supported")
            .hint("use CREATE STREAM for rows of a topic"));
    }
    unique_names(create.columns.iter().map(|column| column.name.as_str()))?;
    Ok(Kind::CreateTable(create))
}

/// One element of the list in parentheses.
pub(super) fn element(grammar: &mut Grammar) -> Result<Element> {
    if grammar.sees(&["WATERMARK", "FOR"]) {
        return Err(grammar.unsupported("WATERMARK is not supported"));
    }
    if grammar.sees(&["LIKE"]) {
        return Err(grammar.unsupported("CREATE TABLE (LIKE …) is not supported"));
    }
    let mut element = Element::default();
    if table_constraint(grammar, &mut element)? {
        return Ok(element);
    }
    let name = grammar.name()?;
    let (sql_type, precision, serial) = column_type(grammar)?;
    let default = serial.then_some(ColumnDefault::Serial);
    let mut column = ColumnDefinition { name, sql_type, precision, domain: None, not_null: serial, default };
    while column_constraint(grammar, &mut column, &mut element)? {}
    element.column = Some(column);
    Ok(element)
}

/// A type with its precision, and whether it is a serial one.
fn column_type(grammar: &mut Grammar) -> Result<(SqlType, Option<Precision>, bool)> {
    let serials = ["SMALLSERIAL", "SERIAL2", "SERIAL", "SERIAL4", "BIGSERIAL", "SERIAL8"];
    if let Some(serial) = grammar.eat_one(&serials) {
        return Ok(match serial {
            "SMALLSERIAL" | "SERIAL2" => (SqlType::SmallInt, None, true),
            "SERIAL" | "SERIAL4" => (SqlType::Integer, None, true),
            _ => (SqlType::BigInt, None, true),
        });
    }
    let (sql_type, precision) = data_type(grammar)?;
    Ok((sql_type, precision, false))
}

/// A type with its precision.
pub(super) fn data_type(grammar: &mut Grammar) -> Result<(SqlType, Option<Precision>)> {
    row_type::column_type(grammar)
}

/// `[CONSTRAINT name] PRIMARY KEY (…) | UNIQUE (…) | CHECK (…)`, if one comes next.
fn table_constraint(grammar: &mut Grammar, element: &mut Element) -> Result<bool> {
    let name = constraint_name(grammar)?;
    let key = |columns, primary| KeyDefinition { name: name.clone(), columns, primary };
    if grammar.eat(&["PRIMARY", "KEY"]) {
        element.keys.push(key(grammar.list(Grammar::name)?, true));
    } else if grammar.sees(&["UNIQUE"]) && grammar.peek_at(1) == Token::LParen {
        grammar.eat(&["UNIQUE"]);
        element.keys.push(key(grammar.list(Grammar::name)?, false));
    } else if grammar.eat(&["CHECK"]) {
        element.checks.push(check(grammar, name)?);
    } else {
        refuse_constraint(grammar)?;
        return if name.is_some() { Err(grammar.unexpected()) } else { Ok(false) };
    }
    not_deferrable(grammar)?;
    Ok(true)
}

/// A constraint of a column, if one comes next.
fn column_constraint(grammar: &mut Grammar, column: &mut ColumnDefinition, element: &mut Element) -> Result<bool> {
    let name = constraint_name(grammar)?;
    let key = |primary| KeyDefinition { name: name.clone(), columns: vec![column.name.clone()], primary };
    if grammar.eat(&["NOT", "NULL"]) {
        column.not_null = true;
    } else if grammar.eat(&["NULL"]) {
    } else if grammar.eat(&["PRIMARY", "KEY"]) {
        element.keys.push(key(true));
    } else if grammar.eat(&["UNIQUE"]) {
        element.keys.push(key(false));
    } else if grammar.eat(&["CHECK"]) {
        element.checks.push(check(grammar, name)?);
    } else if grammar.sees(&["DEFAULT"]) || grammar.sees(&["GENERATED"]) {
        let position = grammar.position();
        let value = if grammar.eat(&["DEFAULT"]) { default(grammar)? } else { generated(grammar)? };
        if column.default.replace(value).is_some() {
            let message = format!("multiple default values specified for column \"{}\"", column.name);
            return Err(Error::new(code::SYNTAX_ERROR, message).at(position));
        }
        column.not_null |= matches!(column.default, Some(ColumnDefault::Identity { .. }));
    } else {
        refuse_constraint(grammar)?;
        return if name.is_some() { Err(grammar.unexpected()) } else { Ok(false) };
    }
    not_deferrable(grammar)?;
    Ok(true)
}

pub(super) fn constraint_name(grammar: &mut Grammar) -> Result<Option<String>> {
    if grammar.eat(&["CONSTRAINT"]) { grammar.name().map(Some) } else { Ok(None) }
}

fn not_deferrable(grammar: &mut Grammar) -> Result<()> {
    grammar.eat(&["NOT", "DEFERRABLE"]);
    if grammar.sees(&["DEFERRABLE"]) || grammar.sees(&["INITIALLY", "DEFERRED"]) {
        return Err(grammar.unsupported("DEFERRABLE constraints are not supported"));
    }
    grammar.eat(&["INITIALLY", "IMMEDIATE"]);
    Ok(())
}

pub(super) fn default(grammar: &mut Grammar) -> Result<ColumnDefault> {
    let start = grammar.here();
    // Not a full expression: NOT NULL may follow, and PostgreSQL's rule stops at the same operators.
    grammar.rule(|parser| parser.parse_subexpr(IS_PRECEDENCE))?;
    Ok(ColumnDefault::Expression(grammar.text_from(start)))
}

/// `GENERATED ALWAYS AS (…) STORED` or `GENERATED ALWAYS | BY DEFAULT AS IDENTITY [(…)]`.
fn generated(grammar: &mut Grammar) -> Result<ColumnDefault> {
    grammar.expect(&["GENERATED"])?;
    let always = grammar.eat(&["ALWAYS"]);
    if !always {
        grammar.expect(&["BY", "DEFAULT"])?;
    }
    grammar.expect(&["AS"])?;
    if grammar.eat(&["IDENTITY"]) {
        let (mut start, mut step) = (None, 1);
        if grammar.eat_token(&Token::LParen) {
            while !grammar.eat_token(&Token::RParen) {
                sequence_option(grammar, &mut start, &mut step)?;
            }
        }
        return Ok(ColumnDefault::Identity { always, start: start.unwrap_or(1), step });
    }
    if !always {
        return Err(grammar.unexpected());
    }
    grammar.expect_token(&Token::LParen)?;
    let start = grammar.here();
    grammar.expression()?;
    let text = grammar.text_from(start);
    grammar.expect_token(&Token::RParen)?;
    if grammar.sees(&["VIRTUAL"]) {
        return Err(grammar.unsupported("VIRTUAL generated columns are not supported").hint("write STORED"));
    }
    grammar.expect(&["STORED"])?;
    Ok(ColumnDefault::Generated(text))
}

fn sequence_option(grammar: &mut Grammar, start: &mut Option<i64>, step: &mut i64) -> Result<()> {
    let position = grammar.position();
    let which = grammar.eat_one(&["START", "INCREMENT", "MINVALUE", "CACHE"]);
    grammar.eat_one(&["WITH", "BY"]);
    let number = grammar.number().and_then(|number| i64::try_from(number).ok());
    match (which, number) {
        (Some("START"), Some(number)) => *start = Some(number),
        (Some("INCREMENT"), Some(number)) if number > 0 => *step = number,
        (Some("CACHE"), Some(_)) | (Some("MINVALUE"), Some(1)) => {}
        _ => {
            return Err(Error::unsupported("this option of a sequence is not supported")
                .at(position)
                .hint("START WITH n and INCREMENT BY n are"));
        }
    }
    Ok(())
}

/// `(condition)`.
pub(super) fn check(grammar: &mut Grammar, name: Option<String>) -> Result<CheckDefinition> {
    grammar.expect_token(&Token::LParen)?;
    let start = grammar.here();
    let condition = grammar.expression()?;
    misplaced::refuse(&condition, "check constraints", &|location| grammar.scan().character(location) + 1)?;
    misplaced::refuse_query(&condition, "check constraint")?;
    let text = grammar.text_from(start);
    grammar.expect_token(&Token::RParen)?;
    if grammar.sees(&["NOT", "VALID"]) || grammar.sees(&["NO", "INHERIT"]) {
        return Err(grammar.unsupported("NOT VALID and NO INHERIT are not supported"));
    }
    let mut columns: Vec<String> = Vec::new();
    let _ = ast::visit_expressions(&condition, |part| {
        let column = match part {
            ast::Expr::Identifier(name) => Some(folded_ident(name)),
            ast::Expr::CompoundIdentifier(parts) => parts.last().map(folded_ident),
            _ => None,
        };
        if let Some(column) = column.filter(|column| !columns.contains(column)) {
            columns.push(column);
        }
        ControlFlow::<()>::Continue(())
    });
    Ok(CheckDefinition { name, condition: text, columns })
}

fn refuse_constraint(grammar: &Grammar) -> Result<()> {
    if let Some(word) = ["COLLATE", "METADATA", "HEADER"].iter().find(|word| grammar.sees(&[word])) {
        return Err(grammar.unsupported(format!("{word} is not supported")));
    }
    if grammar.sees(&["REFERENCES"]) || grammar.sees(&["FOREIGN", "KEY"]) {
        return Err(grammar
            .unsupported("foreign keys are not supported")
            .hint("leave REFERENCES out; a constraint that is not enforced would be none"));
    }
    if grammar.sees(&["EXCLUDE"]) {
        return Err(grammar.unsupported("EXCLUDE constraints are not supported"));
    }
    if grammar.sees(&["AS"]) {
        return Err(grammar
            .unsupported("computed columns are not supported")
            .hint("in a table write GENERATED ALWAYS AS (…) STORED; for a stream compute the column in a view"));
    }
    Ok(())
}

/// What follows `CREATE [UNIQUE] INDEX`.
pub(super) fn create_index(grammar: &mut Grammar, unique: bool) -> Result<Kind> {
    grammar.eat(&["CONCURRENTLY"]);
    let if_not_exists = grammar.eat(&["IF", "NOT", "EXISTS"]);
    let name = if grammar.sees(&["ON"]) { None } else { Some(grammar.name()?) };
    grammar.expect(&["ON"])?;
    grammar.eat(&["ONLY"]);
    let relation = grammar.relation()?;
    if grammar.eat(&["USING"]) && grammar.eat_one(&["BTREE", "HASH"]).is_none() {
        return Err(grammar.unsupported("only indexes of the methods btree and hash are supported"));
    }
    let columns = grammar.list(|grammar| {
        if !matches!(grammar.peek(), Token::Word(_)) || grammar.peek_at(1) == Token::LParen {
            return Err(grammar
                .unsupported("indexes over expressions are not supported")
                .hint("index a column; a view can compute it"));
        }
        let column = grammar.name()?;
        grammar.eat_one(&["ASC", "DESC"]);
        if grammar.eat(&["NULLS"]) {
            grammar.eat_one(&["FIRST", "LAST"]);
        }
        Ok(column)
    })?;
    if let Some(word) = ["WHERE", "INCLUDE", "NULLS", "WITH", "TABLESPACE"].iter().find(|word| grammar.sees(&[word])) {
        return Err(grammar.unsupported(format!("CREATE INDEX … {word} is not supported")));
    }
    Ok(Kind::CreateIndex(CreateIndex { name, if_not_exists, relation, columns, unique }))
}

/// What follows ALTER.
pub(super) fn alter(grammar: &mut Grammar) -> Result<Kind> {
    if grammar.eat(&["TYPE"]) {
        return super::user_type::alter_type(grammar);
    }
    let class = match grammar.eat(&["INDEX"]) {
        true => None,
        false => Some(relation_class(grammar)?.ok_or_else(|| match grammar.peek() {
            Token::Word(word) => grammar.unsupported(format!("ALTER {} is not supported", word.value.to_uppercase())),
            _ => grammar.unexpected(),
        })?),
    };
    let if_exists = grammar.eat(&["IF", "EXISTS"]);
    grammar.eat(&["ONLY"]);
    let name = grammar.relation()?;
    let mut actions = vec![action(grammar, class)?];
    while grammar.eat_token(&Token::Comma) {
        actions.push(action(grammar, class)?);
    }
    Ok(Kind::Alter(Alter { class, name, if_exists, actions }))
}

fn action(grammar: &mut Grammar, class: Option<RelationClass>) -> Result<AlterAction> {
    if grammar.eat(&["RENAME", "TO"]) {
        return grammar.name().map(AlterAction::Rename);
    }
    let is_table = class == Some(RelationClass::Table);
    if grammar.eat(&["RENAME", "CONSTRAINT"]) && is_table {
        return Err(grammar
            .unsupported("RENAME CONSTRAINT is not supported")
            .hint("ALTER INDEX … RENAME TO renames a key"));
    }
    if class.is_some() && grammar.eat(&["RENAME"]) {
        grammar.eat(&["COLUMN"]);
        let from = grammar.name()?;
        grammar.expect(&["TO"])?;
        return Ok(AlterAction::RenameColumn { from, to: grammar.name()? });
    }
    if class.is_some() && grammar.eat(&["SET", "SCHEMA"]) {
        return grammar.name().map(AlterAction::SetSchema);
    }
    if is_table && grammar.eat(&["ADD"]) {
        let is_column = grammar.eat(&["COLUMN"]);
        let if_not_exists = is_column && grammar.eat(&["IF", "NOT", "EXISTS"]);
        let position = grammar.position();
        let Element { column, keys, checks } = element(grammar)?;
        return match column {
            Some(column) => Ok(AlterAction::AddColumn { column, keys, checks, if_not_exists }),
            None if is_column => Err(Error::new(code::SYNTAX_ERROR, "a column is expected").at(position)),
            None => Ok(AlterAction::AddConstraint { keys, checks }),
        };
    }
    if is_table && grammar.eat(&["DROP"]) {
        let is_constraint = grammar.eat(&["CONSTRAINT"]);
        grammar.eat(&["COLUMN"]);
        let if_exists = grammar.eat(&["IF", "EXISTS"]);
        let name = grammar.name()?;
        let cascade = grammar.eat_one(&["CASCADE", "RESTRICT"]) == Some("CASCADE");
        return Ok(match is_constraint {
            true => AlterAction::DropConstraint { name, if_exists },
            false => AlterAction::DropColumn { name, if_exists, cascade },
        });
    }
    if is_table && grammar.eat(&["ALTER"]) {
        grammar.eat(&["COLUMN"]);
        return alter_column(grammar);
    }
    Err(grammar.unsupported("this form of ALTER is not supported").hint("drop and create it again"))
}

fn alter_column(grammar: &mut Grammar) -> Result<AlterAction> {
    let column = grammar.name()?;
    if grammar.eat(&["SET", "DEFAULT"]) {
        let start = grammar.here();
        grammar.expression()?;
        return Ok(AlterAction::SetDefault { column, default: Some(grammar.text_from(start)) });
    }
    if grammar.eat(&["DROP", "DEFAULT"]) {
        return Ok(AlterAction::SetDefault { column, default: None });
    }
    if grammar.eat(&["SET", "NOT", "NULL"]) {
        return Ok(AlterAction::SetNotNull { column, not_null: true });
    }
    if grammar.eat(&["DROP", "NOT", "NULL"]) {
        return Ok(AlterAction::SetNotNull { column, not_null: false });
    }
    Err(grammar.unsupported("this form of ALTER COLUMN is not supported").hint("SET and DROP DEFAULT and NOT NULL are"))
}
