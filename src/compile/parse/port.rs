//! Statements that the Postgres port handles itself: cursors, subscriptions, COPY, prepared statements.

use std::ops::Range;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::copy_option::copy_options;
use super::data_type::sql_type;
use super::grammar::Grammar;
use super::session::named_values;
use super::{CopyFrom, Kind, Query, Statement, Subscribe, SubscribeTarget, statement};
use crate::error::{Error, Result, code};

/// What follows SUBSCRIBE.
pub(super) fn subscribe(grammar: &mut Grammar) -> Result<Kind> {
    grammar.eat(&["TO"]);
    let target = if grammar.peek() == Token::LParen {
        grammar.expect_token(&Token::LParen)?;
        let query = Query::read(grammar)?;
        grammar.expect_token(&Token::RParen)?;
        SubscribeTarget::Query(query)
    } else if statement::starts_query(grammar) {
        return Err(grammar.unexpected().hint("put the query in parentheses: SUBSCRIBE TO (SELECT …)"));
    } else {
        SubscribeTarget::Relation(grammar.relation()?)
    };
    let mut subscribe = Subscribe { target, snapshot: true, progress: false };
    if let Some(word) = ["AS", "UP", "ENVELOPE", "WITHIN"].iter().find(|word| grammar.sees(&[word])) {
        return Err(grammar.unsupported(format!("SUBSCRIBE … {word} is not supported")));
    }
    if grammar.eat(&["WITH"]) {
        for (name, value, position) in named_values(grammar)? {
            let value = boolean(&name, value.as_deref()).map_err(|error| error.at(position))?;
            match name.as_str() {
                "snapshot" => subscribe.snapshot = value,
                "progress" => subscribe.progress = value,
                _ => return Err(unknown_option(&name, "SUBSCRIBE takes snapshot and progress").at(position)),
            }
        }
    }
    Ok(Kind::Subscribe(subscribe))
}

/// What follows DECLARE.
pub(super) fn declare(grammar: &mut Grammar) -> Result<Kind> {
    let cursor = grammar.name()?;
    loop {
        if grammar.sees(&["BINARY"]) {
            return Err(grammar.unsupported("BINARY cursors are not supported"));
        }
        if grammar.sees(&["SCROLL"]) {
            return Err(grammar.unsupported("SCROLL cursors are not supported"));
        }
        if grammar.eat_one(&["INSENSITIVE", "ASENSITIVE"]).is_none() && !grammar.eat(&["NO", "SCROLL"]) {
            break;
        }
    }
    grammar.expect(&["CURSOR"])?;
    let hold = grammar.eat(&["WITH", "HOLD"]);
    grammar.eat(&["WITHOUT", "HOLD"]);
    grammar.expect(&["FOR"])?;
    let statement = nested(grammar, |grammar| match grammar.eat(&["SUBSCRIBE"]) {
        true => subscribe(grammar),
        false => Ok(Kind::Query(Query::read(grammar)?)),
    })?;
    Ok(Kind::Declare { cursor, statement: Box::new(statement), hold })
}

/// What follows FETCH.
pub(super) fn fetch(grammar: &mut Grammar) -> Result<Kind> {
    if let Some(word) =
        ["PRIOR", "FIRST", "LAST", "ABSOLUTE", "RELATIVE", "BACKWARD"].iter().find(|word| grammar.sees(&[word]))
    {
        return Err(grammar.unsupported(format!("FETCH {word} is not supported")).hint("cursors only move forward"));
    }
    if grammar.peek() == Token::Minus {
        return Err(grammar
            .unsupported("FETCH with a negative count is not supported")
            .hint("cursors only move forward"));
    }
    let count = match grammar.eat(&["FORWARD"]) {
        true => fetch_count(grammar).unwrap_or(Some(1)),
        false if grammar.eat(&["NEXT"]) => Some(1),
        false => fetch_count(grammar).unwrap_or(Some(1)),
    };
    grammar.eat_one(&["FROM", "IN"]);
    let cursor = grammar.name()?;
    let mut timeout_ms = None;
    if grammar.eat(&["WITH"]) {
        for (name, value, position) in named_values(grammar)? {
            if name != "timeout" {
                return Err(unknown_option(&name, "FETCH takes timeout").at(position));
            }
            timeout_ms = Some(timeout(value.as_deref().unwrap_or_default()).map_err(|error| error.at(position))?);
        }
    }
    Ok(Kind::Fetch { cursor, count, timeout_ms })
}

/// A number or ALL (`Some(None)`), if one comes next.
fn fetch_count(grammar: &mut Grammar) -> Option<Option<u64>> {
    match grammar.eat(&["ALL"]) {
        true => Some(None),
        false => grammar.number().map(Some),
    }
}

/// `1s`, `500ms`, `2 minutes`; a number alone is seconds. Answers ms.
fn timeout(text: &str) -> Result<u64> {
    let invalid = || {
        let error = Error::new(code::INVALID_PARAMETER_VALUE, format!("invalid timeout: \"{text}\""));
        error.hint("write a number with a unit, e.g. '500ms' or '1s'")
    };
    let text = text.trim();
    let split = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let number: f64 = text[..split].parse().map_err(|_| invalid())?;
    let unit_ms = match text[split..].trim().to_ascii_lowercase().as_str() {
        "us" => 0.001,
        "ms" | "msec" | "millisecond" | "milliseconds" => 1.0,
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1_000.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
        "h" | "hour" | "hours" => 3_600_000.0,
        "d" | "day" | "days" => 86_400_000.0,
        _ => return Err(invalid()),
    };
    // Rounds up, so that a short timeout is not "do not wait"; the cast of a too great number saturates.
    Ok((number * unit_ms).ceil() as u64)
}

/// What follows CLOSE.
pub(super) fn close(grammar: &mut Grammar) -> Result<Kind> {
    let cursor = if grammar.eat(&["ALL"]) { None } else { Some(grammar.name()?) };
    Ok(Kind::Close { cursor })
}

/// What follows COPY.
pub(super) fn copy(grammar: &mut Grammar) -> Result<Kind> {
    if grammar.sees(&["BINARY"]) {
        return Err(grammar
            .unsupported("COPY BINARY is not supported")
            .hint("write COPY … TO STDOUT WITH (FORMAT binary)"));
    }
    if is_copy_from(grammar) {
        return copy_from(grammar);
    }
    let statement = if grammar.eat_token(&Token::LParen) {
        let end = closing_parenthesis(grammar)?;
        let statement = nested_in(grammar, grammar.rest().start..end, |grammar| {
            if grammar.eat(&["SUBSCRIBE"]) {
                return subscribe(grammar);
            }
            if !statement::starts_query(grammar) {
                return Err(grammar.unsupported("COPY takes a query or SUBSCRIBE between parentheses"));
            }
            Ok(Kind::Query(Query::read(grammar)?))
        })?;
        while grammar.rest().start < end {
            grammar.next();
        }
        grammar.expect_token(&Token::RParen)?;
        statement
    } else {
        let start = grammar.rest().start;
        let offset = grammar.position() - 1;
        let query = Query::read_table(grammar)?;
        Statement { text: grammar.text_from(start), offset, kind: Kind::Query(query) }
    };
    grammar.expect(&["TO"])?;
    if !grammar.eat(&["STDOUT"]) {
        return Err(grammar.unsupported("COPY to a file or a program is not supported").hint("use COPY … TO STDOUT"));
    }
    Ok(Kind::CopyTo { statement: Box::new(statement), options: copy_options(grammar, false)? })
}

/// Whether FROM comes before TO, outside of parentheses.
fn is_copy_from(grammar: &Grammar) -> bool {
    let mut depth = 0;
    for token in &grammar.scan().tokens[grammar.rest()] {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::Word(word) if depth == 0 && word.value.eq_ignore_ascii_case("from") => return true,
            Token::Word(word) if depth == 0 && word.value.eq_ignore_ascii_case("to") => return false,
            _ => {}
        }
    }
    false
}

/// `table [(columns)] FROM STDIN [options]`.
fn copy_from(grammar: &mut Grammar) -> Result<Kind> {
    let table = grammar.relation()?;
    let columns = if grammar.peek() == Token::LParen { Some(grammar.list(Grammar::name)?) } else { None };
    grammar.expect(&["FROM"])?;
    if !grammar.eat(&["STDIN"]) {
        return Err(grammar
            .unsupported("COPY from a file or a program is not supported")
            .hint("use COPY … FROM STDIN (\\copy in psql), or CREATE STREAM with connector = 'file'"));
    }
    let options = copy_options(grammar, true)?;
    if grammar.sees(&["WHERE"]) {
        return Err(grammar.unsupported("COPY … FROM … WHERE is not supported"));
    }
    Ok(Kind::CopyFrom(CopyFrom { table, columns, options }))
}

/// The token of the parenthesis that closes the one just read.
fn closing_parenthesis(grammar: &Grammar) -> Result<usize> {
    let mut depth = 0usize;
    for at in grammar.rest() {
        match grammar.scan().tokens[at].token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return Ok(at),
            Token::RParen => depth -= 1,
            _ => {}
        }
    }
    let end = grammar.scan().characters(&grammar.rest()).end;
    Err(Error::new(code::SYNTAX_ERROR, "syntax error at end of input").at(end + 1).detail("expected )"))
}

/// What follows PREPARE.
pub(super) fn prepare(grammar: &mut Grammar) -> Result<Kind> {
    if grammar.sees(&["TRANSACTION"]) {
        return Err(grammar.unsupported("two-phase commit is not supported"));
    }
    let name = grammar.name()?;
    let mut types = Vec::new();
    if grammar.peek() == Token::LParen {
        types = grammar.list(|grammar| {
            let position = grammar.position();
            sql_type(&grammar.rule(|parser| parser.parse_data_type())?).map_err(|error| error.at(position))
        })?;
    }
    grammar.expect(&["AS"])?;
    let statement = nested(grammar, |grammar| match grammar.eat(&["SUBSCRIBE"]) {
        true => subscribe(grammar),
        false
            if statement::starts_query(grammar)
                || ["INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|verb| grammar.sees(&[verb])) =>
        {
            statement::read(grammar)
        }
        false => Err(grammar.unexpected()),
    })?;
    Ok(Kind::Prepare { name, types, statement: Box::new(statement) })
}

/// What follows EXECUTE.
pub(super) fn execute(grammar: &mut Grammar) -> Result<Kind> {
    let name = grammar.name()?;
    if grammar.peek() != Token::LParen {
        return Ok(Kind::Execute { name, arguments: None, literals: Vec::new() });
    }
    let (arguments, literals) = Query::read_row(grammar)?;
    Ok(Kind::Execute { name, arguments: Some(arguments), literals })
}

/// What follows DEALLOCATE.
pub(super) fn deallocate(grammar: &mut Grammar) -> Result<Kind> {
    grammar.eat(&["PREPARE"]);
    let name = if grammar.eat(&["ALL"]) { None } else { Some(grammar.name()?) };
    Ok(Kind::Deallocate { name })
}

/// What follows DISCARD.
pub(super) fn discard(grammar: &mut Grammar) -> Result<Kind> {
    match grammar.eat_one(&["ALL", "PLANS", "SEQUENCES", "TEMPORARY", "TEMP"]) {
        Some(word) => Ok(Kind::Discard { all: word == "ALL" }),
        None => Err(grammar.unexpected()),
    }
}

/// The rest of the text as a statement of its own.
fn nested(grammar: &mut Grammar, read: impl FnOnce(&mut Grammar) -> Result<Kind>) -> Result<Statement> {
    let rest = grammar.rest();
    let offset = grammar.position() - 1;
    let kind = read(grammar)?;
    Ok(Statement { text: grammar.scan().text(&grammar.trimmed(rest.start..grammar.here())), offset, kind })
}

/// The tokens `range` as a statement of its own.
fn nested_in(
    grammar: &Grammar,
    range: Range<usize>,
    read: impl FnOnce(&mut Grammar) -> Result<Kind>,
) -> Result<Statement> {
    let mut inner = Grammar::new(grammar.scan(), grammar.trimmed(range));
    let statement = nested(&mut inner, read)?;
    inner.expect_end()?;
    Ok(statement)
}

pub(super) fn boolean(name: &str, value: Option<&str>) -> Result<bool> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("true" | "on" | "1" | "yes") => Ok(true),
        Some("false" | "off" | "0" | "no") => Ok(false),
        Some(_) => Err(Error::new(code::SYNTAX_ERROR, format!("{name} requires a Boolean value"))),
    }
}

pub(super) fn unknown_option(name: &str, hint: &str) -> Error {
    Error::new(code::SYNTAX_ERROR, format!("option \"{name}\" not recognized")).hint(hint)
}
