//! The first words of a statement decide who reads the rest.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::grammar::Grammar;
use super::{Kind, Query, annotation, create, dml, insert, port, session, table};
use crate::error::{Error, Result};

/// Reads one statement.
pub(super) fn read(grammar: &mut Grammar) -> Result<Kind> {
    if dml::is_with_change(grammar) {
        return dml::with_change(grammar);
    }
    if starts_query(grammar) {
        return Ok(Kind::Query(Query::read_statement(grammar)?));
    }
    let Some(verb) = grammar.eat_one(VERBS) else { return Err(unknown(grammar)) };
    match verb {
        "INSERT" => insert::insert(grammar, None),
        "UPDATE" => dml::update(grammar, None),
        "DELETE" => dml::delete(grammar, None),
        "TRUNCATE" => dml::truncate(grammar),
        "LOCK" => dml::lock(grammar),
        "CREATE" => create::create(grammar),
        "DROP" => create::drop(grammar),
        "ALTER" => table::alter(grammar),
        "SHOW" => session::show(grammar),
        "DESCRIBE" | "DESC" => session::describe(grammar),
        "EXPLAIN" => session::explain(grammar),
        "SET" => session::set(grammar),
        "RESET" => session::reset(grammar),
        "START" => {
            grammar.expect(&["TRANSACTION"])?;
            Ok(Kind::Begin(session::transaction_modes(grammar)?, "START TRANSACTION"))
        }
        "BEGIN" => session::begin(grammar),
        "COMMIT" | "END" => session::end(grammar, Kind::Commit),
        "ROLLBACK" | "ABORT" => session::end(grammar, Kind::Rollback),
        "SAVEPOINT" => grammar.name().map(Kind::Savepoint),
        "RELEASE" => {
            grammar.eat(&["SAVEPOINT"]);
            grammar.name().map(Kind::Release)
        }
        "SUBSCRIBE" => port::subscribe(grammar),
        "DECLARE" => port::declare(grammar),
        "FETCH" => port::fetch(grammar),
        "CLOSE" => port::close(grammar),
        "COPY" => port::copy(grammar),
        "PREPARE" => port::prepare(grammar),
        "EXECUTE" => port::execute(grammar),
        "DEALLOCATE" => port::deallocate(grammar),
        "DISCARD" => port::discard(grammar),
        "COMMENT" => annotation::comment(grammar),
        "GRANT" => annotation::privileges(grammar, "GRANT"),
        "REVOKE" => annotation::privileges(grammar, "REVOKE"),
        "UNLISTEN" => annotation::unlisten(grammar),
        // The last of VERBS.
        _ => Ok(Kind::Flush),
    }
}

/// Whether a query comes next.
pub(super) fn starts_query(grammar: &Grammar) -> bool {
    QUERY_VERBS.iter().any(|verb| grammar.sees(&[verb])) || is_query_in_parentheses(grammar)
}

/// Whether `(` and a query come next.
pub(super) fn is_query_in_parentheses(grammar: &Grammar) -> bool {
    if grammar.peek() != Token::LParen {
        return false;
    }
    let tokens = &grammar.scan().tokens[grammar.rest()];
    let inner = tokens.iter().find(|token| !matches!(token.token, Token::LParen | Token::Whitespace(_)));
    inner.is_some_and(|token| {
        matches!(&token.token, Token::Word(word) if QUERY_VERBS.iter().any(|verb| word.value.eq_ignore_ascii_case(verb)))
    })
}

const QUERY_VERBS: &[&str] = &["SELECT", "WITH", "VALUES", "TABLE"];

const VERBS: &[&str] = &[
    "INSERT",
    "UPDATE",
    "DELETE",
    "TRUNCATE",
    "LOCK",
    "CREATE",
    "DROP",
    "ALTER",
    "SHOW",
    "DESCRIBE",
    "DESC",
    "EXPLAIN",
    "SET",
    "RESET",
    "START",
    "BEGIN",
    "COMMIT",
    "END",
    "ROLLBACK",
    "ABORT",
    "SAVEPOINT",
    "RELEASE",
    "SUBSCRIBE",
    "DECLARE",
    "FETCH",
    "CLOSE",
    "COPY",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "DISCARD",
    "COMMENT",
    "GRANT",
    "REVOKE",
    "UNLISTEN",
    "FLUSH",
];

/// PostgreSQL's other statements, to say that they are not there rather than that they are wrong, with what to use instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("ANALYZE", ""),
    ("CALL", ""),
    ("CHECKPOINT", ""),
    ("CLUSTER", ""),
    ("DO", ""),
    ("IMPORT", ""),
    ("LISTEN", "use SUBSCRIBE"),
    ("LOAD", ""),
    ("MERGE", "use INSERT … ON CONFLICT"),
    ("MOVE", "use FETCH"),
    ("NOTIFY", ""),
    ("REASSIGN", ""),
    ("REFRESH", "materialized views are always up to date"),
    ("REINDEX", ""),
    ("SECURITY", ""),
    ("VACUUM", ""),
];

fn unknown(grammar: &Grammar) -> Error {
    if let Some((verb, instead)) = UNSUPPORTED.iter().find(|(verb, _)| grammar.sees(&[verb])) {
        let error = grammar.unsupported(format!("{verb} is not supported"));
        return if instead.is_empty() { error } else { error.hint(*instead) };
    }
    let error = grammar.unexpected();
    let Token::Word(word) = grammar.peek() else { return error };
    let word = word.value.to_ascii_uppercase();
    match VERBS.iter().chain(QUERY_VERBS).find(|verb| is_misspelt(&word, verb)) {
        Some(verb) => error.hint(format!("did you mean {verb}?")),
        None => error,
    }
}

/// Whether `word` is `verb` with one letter too many, too few, changed, or two swapped.
fn is_misspelt(word: &str, verb: &str) -> bool {
    let (word, verb) = (word.as_bytes(), verb.as_bytes());
    let prefix = word.iter().zip(verb).take_while(|(a, b)| a == b).count();
    let (word, verb) = (&word[prefix..], &verb[prefix..]);
    let suffix = word.iter().rev().zip(verb.iter().rev()).take_while(|(a, b)| a == b).count();
    let (word, verb) = (&word[..word.len() - suffix], &verb[..verb.len() - suffix]);
    match (word, verb) {
        ([a, b], [c, d]) => a == d && b == c,
        _ => word.len() <= 1 && verb.len() <= 1,
    }
}
