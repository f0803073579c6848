//! CREATE and DROP.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::grammar::Grammar;
use super::table::{self, element};
use super::user_type;
use super::{CreateSink, CreateStream, CreateView, Drop, Kind, Query, RelationClass};
use crate::connector::Options;
use crate::error::{Error, Result, code};
use crate::format::Include;

/// What follows CREATE.
pub(super) fn create(grammar: &mut Grammar) -> Result<Kind> {
    if grammar.eat(&["OR", "REPLACE", "VIEW"]) {
        return match create_view(grammar, false)? {
            Kind::CreateView(create) => Ok(Kind::CreateView(CreateView { replace: true, ..create })),
            other => Ok(other),
        };
    }
    if grammar.sees(&["OR", "REPLACE"]) {
        return Err(grammar
            .unsupported("CREATE OR REPLACE of anything but a view is not supported")
            .hint("drop the relation first"));
    }
    if grammar.eat_one(&["STREAM", "SOURCE"]).is_some() {
        return create_stream(grammar);
    }
    if grammar.eat(&["TABLE"]) {
        return table::create_table(grammar);
    }
    if grammar.eat(&["MATERIALIZED", "VIEW"]) {
        return create_view(grammar, true);
    }
    if grammar.eat(&["VIEW"]) {
        return create_view(grammar, false);
    }
    if grammar.eat(&["SINK"]) {
        return create_sink(grammar);
    }
    if grammar.eat(&["INDEX"]) {
        return table::create_index(grammar, false);
    }
    if grammar.eat(&["UNIQUE", "INDEX"]) {
        return table::create_index(grammar, true);
    }
    if grammar.eat(&["SCHEMA"]) {
        let if_not_exists = grammar.eat(&["IF", "NOT", "EXISTS"]);
        let name = grammar.name()?;
        if grammar.eat(&["AUTHORIZATION"]) {
            grammar.name()?;
        }
        return Ok(Kind::CreateSchema { name, if_not_exists });
    }
    if grammar.eat(&["TYPE"]) {
        return user_type::create_type(grammar);
    }
    if grammar.eat(&["DOMAIN"]) {
        return user_type::create_domain(grammar);
    }
    const KNOWN: &[&str] = &[
        "AGGREGATE",
        "CAST",
        "COLLATION",
        "CONNECTION",
        "CONVERSION",
        "DATABASE",
        "EVENT",
        "EXTENSION",
        "EXTERNAL",
        "FOREIGN",
        "FUNCTION",
        "GLOBAL",
        "GROUP",
        "LOCAL",
        "OPERATOR",
        "POLICY",
        "PROCEDURE",
        "PUBLICATION",
        "RECURSIVE",
        "ROLE",
        "RULE",
        "SECRET",
        "SEQUENCE",
        "SERVER",
        "SUBSCRIPTION",
        "TEMP",
        "TEMPORARY",
        "TRIGGER",
        "UNLOGGED",
        "USER",
    ];
    if let Some(word) = KNOWN.iter().find(|word| grammar.sees(&[word])) {
        return Err(grammar.unsupported(format!("CREATE {word} is not supported")));
    }
    let misspelt = ["MATERIALISED", "MATERIALIZE", "MATVIEW"].iter().any(|word| grammar.sees(&[word]));
    Err(if misspelt {
        grammar.unexpected().hint("did you mean CREATE MATERIALIZED VIEW?")
    } else {
        grammar.unexpected()
    })
}

/// What follows DROP.
pub(super) fn drop(grammar: &mut Grammar) -> Result<Kind> {
    if let Some(which) = grammar.eat_one(&["INDEX", "SCHEMA"]) {
        grammar.eat(&["CONCURRENTLY"]);
        let if_exists = grammar.eat(&["IF", "EXISTS"]);
        let mut names = vec![grammar.relation()?];
        while grammar.eat_token(&Token::Comma) {
            names.push(grammar.relation()?);
        }
        let cascade = grammar.eat_one(&["CASCADE", "RESTRICT"]) == Some("CASCADE");
        return Ok(match which {
            "INDEX" => Kind::DropIndex { names, if_exists },
            _ => Kind::DropSchema { names, if_exists, cascade },
        });
    }
    if let Some(which) = grammar.eat_one(&["TYPE", "DOMAIN"]) {
        return user_type::drop_type(grammar, which == "DOMAIN");
    }
    let class = relation_class(grammar)?.ok_or_else(|| {
        match grammar.peek() {
            Token::Word(word) if !word.value.is_empty() => {
                grammar.unsupported(format!("DROP {} is not supported", word.value.to_uppercase()))
            }
            _ => grammar.unexpected(),
        }
        .hint("DROP takes STREAM, SOURCE, TABLE, VIEW, MATERIALIZED VIEW, SINK, INDEX, SCHEMA, TYPE or DOMAIN")
    })?;
    let if_exists = grammar.eat(&["IF", "EXISTS"]);
    let mut names = vec![grammar.relation()?];
    while grammar.eat_token(&Token::Comma) {
        names.push(grammar.relation()?);
    }
    let cascade = grammar.eat_one(&["CASCADE", "RESTRICT"]) == Some("CASCADE");
    Ok(Kind::Drop(Drop { class, names, if_exists, cascade }))
}

/// STREAM, SOURCE, TABLE, VIEW, MATERIALIZED VIEW or SINK, if one comes next.
pub(super) fn relation_class(grammar: &mut Grammar) -> Result<Option<RelationClass>> {
    Ok(match grammar.eat_one(&["STREAM", "SOURCE", "TABLE", "VIEW", "MATERIALIZED", "SINK"]) {
        Some("STREAM" | "SOURCE") => Some(RelationClass::Stream),
        Some("TABLE") => Some(RelationClass::Table),
        Some("VIEW") => Some(RelationClass::View),
        Some("SINK") => Some(RelationClass::Sink),
        Some(_) => {
            grammar.expect(&["VIEW"])?;
            Some(RelationClass::MaterializedView)
        }
        None => None,
    })
}

fn create_stream(grammar: &mut Grammar) -> Result<Kind> {
    let if_not_exists = grammar.eat(&["IF", "NOT", "EXISTS"]);
    let name = grammar.relation()?;
    let mut columns = Vec::new();
    if grammar.peek() == Token::LParen {
        for element in grammar.list(element)? {
            if element.keys.iter().any(|key| key.primary) {
                return Err(Error::unsupported("PRIMARY KEY on a stream is not supported")
                    .hint("a stream is append-only; leave the key out, or keep the latest row per key in a view with row_number()"));
            }
            if !element.keys.is_empty() || !element.checks.is_empty() {
                return Err(Error::unsupported("UNIQUE and CHECK constraints of a stream are not supported")
                    .hint("what comes from outside is taken as it is; filter in a view"));
            }
            columns.extend(element.column);
        }
    }
    unique_names(columns.iter().map(|column| column.name.as_str()))?;
    let mut includes = Vec::new();
    while grammar.eat(&["INCLUDE"]) {
        includes.push(include(grammar)?);
        while grammar.eat_token(&Token::Comma) {
            includes.push(include(grammar)?);
        }
    }
    if !grammar.sees(&["WITH"]) {
        return Err(grammar.unexpected().hint("a stream needs WITH (connector = '…', …)"));
    }
    let options = with_options(grammar)?;
    if ["FORMAT", "ENVELOPE"].iter().any(|word| grammar.sees(&[word])) {
        return Err(grammar.unexpected().hint("the format is an option: WITH (…, format = 'json')"));
    }
    let includes_named = includes.iter().map(|(_, name): &(Include, String)| name.as_str());
    unique_names(columns.iter().map(|column| column.name.as_str()).chain(includes_named))?;
    Ok(Kind::CreateStream(CreateStream { name, if_not_exists, columns, includes, options }))
}

/// `key`, `partition`, `offset`, `timestamp` or `headers`, with the column's name.
fn include(grammar: &mut Grammar) -> Result<(Include, String)> {
    let words = ["KEY", "PARTITION", "OFFSET", "TIMESTAMP", "HEADERS"];
    let Some(word) = grammar.eat_one(&words) else {
        return Err(grammar
            .unexpected()
            .hint("INCLUDE takes key, partition, offset, timestamp or headers, with AS name"));
    };
    let include = match word {
        "KEY" => Include::Key,
        "PARTITION" => Include::Partition,
        "OFFSET" => Include::Offset,
        "TIMESTAMP" => Include::Timestamp,
        _ => Include::Headers,
    };
    let name = if grammar.eat(&["AS"]) { grammar.name()? } else { word.to_ascii_lowercase() };
    Ok((include, name))
}

/// 42701 if a name stands twice.
pub(super) fn unique_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::new(code::DUPLICATE_COLUMN, format!("column \"{name}\" specified more than once")));
        }
    }
    Ok(())
}

fn create_view(grammar: &mut Grammar, materialized: bool) -> Result<Kind> {
    let if_not_exists = grammar.eat(&["IF", "NOT", "EXISTS"]);
    let name = grammar.relation()?;
    let columns = if grammar.peek() == Token::LParen { grammar.list(Grammar::name)? } else { Vec::new() };
    unique_names(columns.iter().map(String::as_str))?;
    if grammar.sees(&["WITH"]) {
        return Err(grammar.unsupported("options of views are not supported"));
    }
    grammar.expect(&["AS"])?;
    let start = grammar.here();
    let query = Query::read(grammar)?;
    let query_text = grammar.text_from(start);
    if grammar.eat(&["WITH", "NO", "DATA"]) {
        return Err(Error::unsupported("WITH NO DATA is not supported"));
    }
    grammar.eat(&["WITH", "DATA"]);
    if grammar.sees(&["EMIT"]) {
        return Err(grammar.unsupported("EMIT is not supported"));
    }
    Ok(Kind::CreateView(CreateView { name, materialized, replace: false, if_not_exists, columns, query, query_text }))
}

fn create_sink(grammar: &mut Grammar) -> Result<Kind> {
    let if_not_exists = grammar.eat(&["IF", "NOT", "EXISTS"]);
    let name = grammar.relation()?;
    if grammar.sees(&["AS"]) {
        return Err(grammar
            .unsupported("CREATE SINK … AS SELECT is not supported")
            .hint("make a view and write CREATE SINK … FROM the view"));
    }
    grammar.expect(&["FROM"])?;
    let from = grammar.relation()?;
    let options = with_options(grammar)?;
    Ok(Kind::CreateSink(CreateSink { name, if_not_exists, from, options }))
}

/// `WITH (key = value, …)`. Keys: words with dots, or strings in any quotes; values: strings, numbers, words.
fn with_options(grammar: &mut Grammar) -> Result<Options> {
    grammar.expect(&["WITH"])?;
    let mut options: Vec<(String, String)> = Vec::new();
    grammar.expect_token(&Token::LParen)?;
    while !grammar.eat_token(&Token::RParen) {
        let position = grammar.position();
        let key = option_key(grammar)?;
        grammar.expect_token(&Token::Eq)?;
        let value = option_value(grammar)?;
        if options.iter().any(|(other, _)| *other == key) {
            return Err(Error::new(code::SYNTAX_ERROR, format!("option \"{key}\" is given twice")).at(position));
        }
        options.push((key, value));
        // A comma after the last option is forgiven, as people edit lists line by line.
        if !grammar.eat_token(&Token::Comma) {
            grammar.expect_token(&Token::RParen)?;
            break;
        }
    }
    Ok(Options(options))
}

fn option_key(grammar: &mut Grammar) -> Result<String> {
    let mut key = String::new();
    loop {
        match grammar.string() {
            Some(text) => key.push_str(&text),
            None => match grammar.peek() {
                Token::Word(word) => {
                    grammar.next();
                    key.push_str(&word.value);
                }
                // `a.1b`: the tokenizer takes the dot with the digits.
                Token::Number(digits, _) if !key.is_empty() => {
                    grammar.next();
                    key.push_str(&digits);
                    continue;
                }
                _ => return Err(grammar.unexpected().hint("options are written key = 'value'")),
            },
        }
        match grammar.peek() {
            Token::Period => key.push('.'),
            Token::Minus => key.push('-'),
            _ => return Ok(key.to_ascii_lowercase()),
        }
        grammar.next();
    }
}

fn option_value(grammar: &mut Grammar) -> Result<String> {
    if let Some(text) = grammar.string() {
        return Ok(text);
    }
    let sign = if grammar.eat_token(&Token::Minus) { "-" } else { "" };
    match grammar.peek() {
        Token::Number(digits, _) => {
            grammar.next();
            Ok(format!("{sign}{}", digits.replace('_', "")))
        }
        Token::Word(word) if sign.is_empty() => {
            grammar.next();
            Ok(word.value)
        }
        _ => Err(grammar.unexpected().hint("values of options are written in single quotes")),
    }
}
