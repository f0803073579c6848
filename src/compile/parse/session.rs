//! Statements about the session: settings, transactions, SHOW, DESCRIBE, EXPLAIN.

use std::collections::HashSet;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::create::relation_class;
use super::grammar::Grammar;
use super::{Kind, Query, RelationClass, TransactionModes, statement};
use crate::error::{Error, Result};

/// What follows SHOW.
pub(super) fn show(grammar: &mut Grammar) -> Result<Kind> {
    for (words, class) in [
        (&["STREAMS"][..], RelationClass::Stream),
        (&["SOURCES"], RelationClass::Stream),
        (&["TABLES"], RelationClass::Table),
        (&["VIEWS"], RelationClass::View),
        (&["MATERIALIZED", "VIEWS"], RelationClass::MaterializedView),
        (&["SINKS"], RelationClass::Sink),
    ] {
        if grammar.eat(words) {
            return Ok(Kind::ShowRelations(class));
        }
    }
    if grammar.eat(&["CREATE"]) {
        relation_class(grammar)?;
        return Ok(Kind::ShowCreate { name: grammar.relation()? });
    }
    if grammar.eat(&["ALL"]) {
        return Ok(Kind::ShowAll);
    }
    if grammar.at_end() {
        let hint = "SHOW takes a setting, ALL, STREAMS, TABLES, VIEWS, MATERIALIZED VIEWS, SINKS or CREATE name";
        return Err(grammar.unexpected().hint(hint));
    }
    Ok(Kind::ShowSetting { name: setting(grammar)? })
}

/// What follows DESCRIBE.
pub(super) fn describe(grammar: &mut Grammar) -> Result<Kind> {
    relation_class(grammar)?;
    Ok(Kind::Describe { name: grammar.relation()? })
}

/// What follows EXPLAIN.
pub(super) fn explain(grammar: &mut Grammar) -> Result<Kind> {
    let position = grammar.position();
    if grammar.sees(&["ANALYZE"]) || grammar.sees(&["ANALYSE"]) {
        return Err(grammar.unsupported("EXPLAIN ANALYZE is not supported"));
    }
    grammar.eat(&["VERBOSE"]);
    if grammar.peek() == Token::LParen && !statement::is_query_in_parentheses(grammar) {
        explain_options(grammar, position)?;
    }
    // EXPLAIN CREATE MATERIALIZED VIEW x AS … explains the query, as the view would run it.
    if grammar.sees(&["CREATE"]) {
        return match statement::read(grammar)? {
            Kind::CreateView(view) => Ok(Kind::ExplainQuery(view.query)),
            _ => Err(Error::unsupported("EXPLAIN takes a query or a relation").at(position)),
        };
    }
    if statement::starts_query(grammar) {
        return Ok(Kind::ExplainQuery(Query::read(grammar)?));
    }
    if let Some(verb) =
        ["INSERT", "UPDATE", "DELETE", "EXECUTE", "DECLARE", "SUBSCRIBE"].iter().find(|verb| grammar.sees(&[verb]))
    {
        return Err(grammar.unsupported(format!("EXPLAIN {verb} is not supported")));
    }
    relation_class(grammar)?;
    Ok(Kind::ExplainRelation { name: grammar.relation()? })
}

/// `(COSTS off, FORMAT text, …)`: accepted where they change nothing.
fn explain_options(grammar: &mut Grammar, position: usize) -> Result<()> {
    grammar.list(|grammar| {
        let Token::Word(word) = grammar.next().token else { return Err(grammar.unexpected()) };
        let option = word.value.to_ascii_uppercase();
        let value = match grammar.peek() {
            Token::Word(value) => {
                grammar.next();
                value.value.to_ascii_uppercase()
            }
            Token::Number(value, _) => {
                grammar.next();
                value
            }
            _ => "ON".to_string(),
        };
        match (option.as_str(), value.as_str()) {
            ("COSTS" | "VERBOSE" | "SUMMARY", _) | ("FORMAT", "TEXT") | (_, "OFF" | "FALSE" | "0") => Ok(()),
            _ => Err(Error::unsupported(format!("EXPLAIN option {option} is not supported")).at(position)),
        }
    })?;
    Ok(())
}

/// What follows SET.
pub(super) fn set(grammar: &mut Grammar) -> Result<Kind> {
    if grammar.eat(&["SESSION", "CHARACTERISTICS", "AS", "TRANSACTION"]) {
        return set_transaction(grammar, true);
    }
    if grammar.eat(&["TRANSACTION"]) {
        return set_transaction(grammar, false);
    }
    let local = grammar.eat_one(&["SESSION", "LOCAL"]) == Some("LOCAL");
    if grammar.eat(&["TIME", "ZONE"]) {
        let value = match grammar.eat_one(&["LOCAL", "DEFAULT"]) {
            Some(_) => None,
            None if grammar.eat(&["INTERVAL"]) => Some(zone_interval(grammar)?),
            None => Some(value(grammar)?),
        };
        return Ok(Kind::Set { name: "timezone".to_string(), value, local });
    }
    if grammar.eat(&["NAMES"]) {
        let value = if grammar.eat(&["DEFAULT"]) { None } else { Some(value(grammar)?) };
        return Ok(Kind::Set { name: "client_encoding".to_string(), value, local });
    }
    if grammar.eat(&["ROLE"]) {
        return Ok(Kind::Set { name: "role".to_string(), value: Some(value(grammar)?), local });
    }
    let name = setting(grammar)?;
    if !grammar.eat(&["TO"]) && !grammar.eat_token(&Token::Eq) {
        return Err(grammar.unexpected().hint("settings are written SET name = value"));
    }
    if grammar.eat(&["DEFAULT"]) || name == "timezone" && grammar.eat(&["LOCAL"]) {
        return Ok(Kind::Set { name, value: None, local });
    }
    let mut text = value(grammar)?;
    while grammar.eat_token(&Token::Comma) {
        text.push_str(", ");
        text.push_str(&value(grammar)?);
    }
    Ok(Kind::Set { name, value: Some(text), local })
}

/// `'-05:30' HOUR TO MINUTE` behind SET TIME ZONE INTERVAL.
fn zone_interval(grammar: &mut Grammar) -> Result<String> {
    let Some(mut text) = grammar.string() else { return Err(grammar.unexpected()) };
    let is_number = text.trim().parse::<f64>().is_ok();
    if grammar.eat(&["HOUR"]) && is_number {
        text.push_str(" hours");
    }
    if grammar.eat(&["TO"]) {
        grammar.expect(&["MINUTE"])?;
    }
    Ok(format!("INTERVAL '{text}'"))
}

/// What follows RESET.
pub(super) fn reset(grammar: &mut Grammar) -> Result<Kind> {
    match grammar.eat(&["ALL"]) {
        true => Ok(Kind::ResetAll),
        false => setting(grammar).map(Kind::Reset),
    }
}

/// A setting's name, lower case; those of two words have one of their own.
fn setting(grammar: &mut Grammar) -> Result<String> {
    for (words, name) in [
        (&["TIME", "ZONE"][..], "timezone"),
        (&["TRANSACTION", "ISOLATION", "LEVEL"], "transaction_isolation"),
        (&["SESSION", "AUTHORIZATION"], "session_authorization"),
    ] {
        if grammar.eat(words) {
            return Ok(name.to_string());
        }
    }
    let mut name = grammar.name()?.to_ascii_lowercase();
    while grammar.eat_token(&Token::Period) {
        name.push('.');
        name.push_str(&grammar.name()?.to_ascii_lowercase());
    }
    Ok(name)
}

/// One value of SET: a string, a number, or a word.
fn value(grammar: &mut Grammar) -> Result<String> {
    if let Some(text) = grammar.string() {
        return Ok(text);
    }
    let sign = if grammar.eat_token(&Token::Minus) { "-" } else { "" };
    grammar.eat_token(&Token::Plus);
    match grammar.peek() {
        Token::Number(digits, _) => {
            grammar.next();
            Ok(format!("{sign}{digits}"))
        }
        Token::Word(word) if sign.is_empty() => {
            grammar.next();
            Ok(if word.quote_style.is_some() { word.value } else { word.value.to_ascii_lowercase() })
        }
        _ => Err(grammar.unexpected()),
    }
}

/// Modes of the transaction, or of those to come.
fn set_transaction(grammar: &mut Grammar, session: bool) -> Result<Kind> {
    if grammar.sees(&["SNAPSHOT"]) {
        return Err(grammar.unsupported("SET TRANSACTION SNAPSHOT is not supported"));
    }
    let start = grammar.here();
    let modes = transaction_modes(grammar)?;
    if grammar.here() == start {
        return Err(grammar.unexpected());
    }
    Ok(Kind::SetTransaction { modes, session })
}

/// What follows BEGIN.
pub(super) fn begin(grammar: &mut Grammar) -> Result<Kind> {
    grammar.eat_one(&["WORK", "TRANSACTION"]);
    Ok(Kind::Begin(transaction_modes(grammar)?, "BEGIN"))
}

/// What follows COMMIT, END, ROLLBACK or ABORT.
pub(super) fn end(grammar: &mut Grammar, kind: Kind) -> Result<Kind> {
    if grammar.sees(&["PREPARED"]) {
        return Err(grammar.unsupported("two-phase commit is not supported"));
    }
    grammar.eat_one(&["WORK", "TRANSACTION"]);
    if matches!(kind, Kind::Rollback) && grammar.eat(&["TO"]) {
        grammar.eat(&["SAVEPOINT"]);
        return grammar.name().map(Kind::RollbackTo);
    }
    if grammar.sees(&["AND", "CHAIN"]) {
        return Err(grammar.unsupported("AND CHAIN is not supported"));
    }
    grammar.eat(&["AND", "NO", "CHAIN"]);
    Ok(kind)
}

/// `ISOLATION LEVEL x`, `READ ONLY | WRITE`, `[NOT] DEFERRABLE`, with or without commas.
pub(super) fn transaction_modes(grammar: &mut Grammar) -> Result<TransactionModes> {
    let mut modes = TransactionModes::default();
    loop {
        if grammar.eat(&["ISOLATION", "LEVEL"]) {
            let level = [
                (&["SERIALIZABLE"][..], "serializable"),
                (&["REPEATABLE", "READ"], "repeatable read"),
                (&["READ", "COMMITTED"], "read committed"),
                (&["READ", "UNCOMMITTED"], "read uncommitted"),
            ]
            .into_iter()
            .find(|(words, _)| grammar.eat(words));
            modes.isolation = Some(level.ok_or_else(|| grammar.unexpected())?.1);
        } else if grammar.eat(&["READ", "ONLY"]) {
            modes.read_only = Some(true);
        } else if grammar.eat(&["READ", "WRITE"]) {
            modes.read_only = Some(false);
        } else if !grammar.eat(&["DEFERRABLE"]) && !grammar.eat(&["NOT", "DEFERRABLE"]) {
            return Ok(modes);
        }
        grammar.eat_token(&Token::Comma);
    }
}

/// `name = value` pairs of an option list: `(snapshot = true)`, `(FORMAT csv)`. Names lower case; a name alone has no value.
pub(super) fn named_values(grammar: &mut Grammar) -> Result<Vec<(String, Option<String>, usize)>> {
    let mut seen = HashSet::new();
    grammar.list(|grammar| {
        let position = grammar.position();
        let Token::Word(word) = grammar.peek() else { return Err(grammar.unexpected()) };
        grammar.next();
        let name = word.value.to_ascii_lowercase();
        if !seen.insert(name.clone()) {
            return Err(Error::new(crate::error::code::SYNTAX_ERROR, "conflicting or redundant options").at(position));
        }
        grammar.eat_token(&Token::Eq);
        let value = match grammar.peek() {
            Token::Comma | Token::RParen => None,
            _ => Some(value(grammar)?),
        };
        Ok((name, value, position))
    })
}
