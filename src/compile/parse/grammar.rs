//! A place in the tokens of one statement: what the hand-written rules read with, and the door to sqlparser's own rules.

use std::ops::Range;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Word};

use super::dialect::{POSTGRES, is_clause, is_reserved};
use super::exclude;
use super::scan::Scan;
use super::star;
use crate::error::{Error, Result, code};

/// How deep expressions and queries may nest.
const NESTING_MAX: usize = 128;

/// Reads one statement.
pub(super) struct Grammar {
    scan: Arc<Scan>,
    range: Range<usize>,
    parser: Parser<'static>,
    /// For each of the parser's tokens, which token of the scan it is.
    origins: Vec<usize>,
}

impl Grammar {
    /// A reader of the tokens `range` of `scan`.
    pub(super) fn new(scan: &Arc<Scan>, range: Range<usize>) -> Self {
        let (tokens, origins) = star::marked(exclude::marked(standard(scan, range.clone()))).into_iter().unzip();
        let parser = Parser::new(&POSTGRES).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens);
        Grammar { scan: Arc::clone(scan), range, parser, origins }
    }

    /// The text that is read.
    pub(super) fn scan(&self) -> &Arc<Scan> {
        &self.scan
    }

    /// The tokens that are not read yet: positions in the scan, from the next word on.
    pub(super) fn rest(&self) -> Range<usize> {
        let mut start = self.here();
        while start < self.range.end && matches!(self.scan.tokens[start].token, Token::Whitespace(_)) {
            start += 1;
        }
        start..self.range.end
    }

    /// Where the reader is in the scan's tokens.
    pub(super) fn here(&self) -> usize {
        self.origins.get(self.parser.index()).copied().unwrap_or(self.range.end)
    }

    /// Position of the next token: characters from 1.
    pub(super) fn position(&self) -> usize {
        let rest = self.rest();
        match rest.is_empty() {
            true => self.scan.characters(&(self.range.clone())).end + 1,
            false => self.scan.characters(&rest).start + 1,
        }
    }

    /// The next token.
    pub(super) fn peek(&self) -> Token {
        self.parser.peek_token_ref().token.clone()
    }

    /// The token `number` tokens ahead (0 = next).
    pub(super) fn peek_at(&self, number: usize) -> Token {
        self.parser.peek_nth_token_ref(number).token.clone()
    }

    /// Position of the next token, in characters from 1; quick, unlike [`Grammar::position`], where many are asked for.
    pub(super) fn position_of_next(&self) -> Option<usize> {
        let token = self.parser.peek_token_ref();
        (token.token != Token::EOF).then(|| self.scan.character(token.span.start) + 1)
    }

    /// Moves over the next token.
    pub(super) fn next(&mut self) -> TokenWithSpan {
        self.parser.next_token()
    }

    /// Whether nothing is left.
    pub(super) fn at_end(&self) -> bool {
        matches!(self.parser.peek_token_ref().token, Token::EOF)
    }

    /// Whether the word `number` tokens ahead (0 = next) is `word`, unquoted.
    pub(super) fn sees_at(&self, number: usize, word: &str) -> bool {
        is_word(&self.parser.peek_nth_token_ref(number).token, word)
    }

    /// Whether the next words are `words`.
    pub(super) fn sees(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(number, word)| self.sees_at(number, word))
    }

    /// Reads the words if they come next.
    pub(super) fn eat(&mut self, words: &[&str]) -> bool {
        let found = self.sees(words);
        if found {
            words.iter().for_each(|_| self.parser.advance_token());
        }
        found
    }

    /// Reads the first of the words that comes next.
    pub(super) fn eat_one(&mut self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().find(|word| self.eat(&[**word])).copied()
    }

    /// Reads the words or fails.
    pub(super) fn expect(&mut self, words: &[&str]) -> Result<()> {
        for word in words {
            if !self.eat(&[*word]) {
                return Err(self.unexpected().detail(format!("expected {word}")));
            }
        }
        Ok(())
    }

    /// Reads `token` if it comes next.
    pub(super) fn eat_token(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    /// Reads `token` or fails.
    pub(super) fn expect_token(&mut self, token: &Token) -> Result<()> {
        match self.eat_token(token) {
            true => Ok(()),
            false => Err(self.unexpected().detail(format!("expected {token}"))),
        }
    }

    /// Fails unless nothing is left.
    pub(super) fn expect_end(&self) -> Result<()> {
        match self.at_end() {
            true => Ok(()),
            false => Err(self.unexpected()),
        }
    }

    /// A name, folded as PostgreSQL folds it.
    pub(super) fn name(&mut self) -> Result<String> {
        match self.peek() {
            Token::Word(word) if word.quote_style.is_some() || !is_reserved(&word.value) => {
                self.parser.advance_token();
                Ok(folded(&word))
            }
            Token::Word(_) => {
                Err(self.unexpected().hint("this word is reserved; write it in double quotes to use it as a name"))
            }
            _ => Err(self.unexpected().detail("expected a name")),
        }
    }

    /// The name of a relation that is made, dropped or written: `x`, `schema.x` or `database.schema.x`.
    pub(super) fn relation(&mut self) -> Result<String> {
        let mut parts = vec![self.name()?];
        while self.eat_token(&Token::Period) {
            parts.push(self.name()?);
        }
        Ok(relation_name(&parts))
    }

    /// Items between parentheses, separated by commas.
    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect_token(&Token::LParen)?;
        let mut items = vec![item(self)?];
        while self.eat_token(&Token::Comma) {
            items.push(item(self)?);
        }
        self.expect_token(&Token::RParen)?;
        Ok(items)
    }

    /// A string constant of any spelling, if one comes next.
    pub(super) fn string(&mut self) -> Option<String> {
        let text = string_of(&self.parser.peek_token_ref().token)?;
        self.parser.advance_token();
        Some(text)
    }

    /// A whole number without sign, if one comes next.
    pub(super) fn number(&mut self) -> Option<u64> {
        let Token::Number(digits, _) = &self.parser.peek_token_ref().token else { return None };
        let number = digits.parse().ok()?;
        self.parser.advance_token();
        Some(number)
    }

    /// Runs one of sqlparser's rules.
    pub(super) fn rule<T>(&mut self, rule: impl FnOnce(&mut Parser<'static>) -> Result<T, ParserError>) -> Result<T> {
        rule(&mut self.parser).map_err(|error| self.rephrase(error))
    }

    /// One expression, up to where it ends.
    pub(super) fn expression(&mut self) -> Result<ast::Expr> {
        self.rule(|parser| parser.parse_expr())
    }

    /// The text of what was read from token `start` on.
    pub(super) fn text_from(&self, start: usize) -> String {
        self.scan.text(&self.trimmed(start..self.here()))
    }

    /// `range` without white space at its ends.
    pub(super) fn trimmed(&self, mut range: Range<usize>) -> Range<usize> {
        let blank = |at: usize| matches!(self.scan.tokens[at].token, Token::Whitespace(_));
        while range.start < range.end && blank(range.start) {
            range.start += 1;
        }
        while range.start < range.end && blank(range.end - 1) {
            range.end -= 1;
        }
        range
    }

    /// 42601 at the next token.
    pub(super) fn unexpected(&self) -> Error {
        self.syntax_error(self.rest())
    }

    /// 0A000 at the next token.
    pub(super) fn unsupported(&self, message: impl Into<String>) -> Error {
        Error::unsupported(message).at(self.position())
    }

    fn syntax_error(&self, rest: Range<usize>) -> Error {
        if rest.is_empty() {
            let end = self.scan.characters(&self.range).end;
            return Error::new(code::SYNTAX_ERROR, "syntax error at end of input").at(end + 1);
        }
        let token = rest.start..rest.start + 1;
        let error = Error::new(code::SYNTAX_ERROR, format!("syntax error at or near \"{}\"", self.scan.text(&token)));
        error.at(self.scan.characters(&token).start + 1)
    }

    /// A word that begins a clause where an expression must stand (`SELECT a, FROM t`): sqlparser takes it for a column and fails later.
    fn misplaced_clause(&self) -> Option<usize> {
        let words: Vec<usize> =
            self.range.clone().filter(|at| !matches!(self.scan.tokens[*at].token, Token::Whitespace(_))).collect();
        let wants_expression = |token: &Token| {
            let before = ["and", "or", "where", "by", "on", "having"];
            matches!(token, Token::Comma | Token::Eq) || before.iter().any(|word| is_word(token, word))
        };
        let is_clause =
            |token: &Token| matches!(token, Token::Word(word) if word.quote_style.is_none() && is_clause(&word.value));
        let pair = words.windows(2).find(|pair| {
            wants_expression(&self.scan.tokens[pair[0]].token) && is_clause(&self.scan.tokens[pair[1]].token)
        });
        pair.map(|pair| pair[1])
    }

    /// sqlparser's error in PostgreSQL's words. Its text ends with the place: `… at Line: 1, Column: 8`.
    fn rephrase(&self, error: ParserError) -> Error {
        let message = match error {
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
            ParserError::RecursionLimitExceeded => {
                return Error::unsupported(format!(
                    "statements that nest deeper than {NESTING_MAX} levels are not supported"
                ));
            }
        };
        if let Some(clause) = self.misplaced_clause() {
            return self.syntax_error(clause..self.range.end);
        }
        let (message, place) = split_location(&message);
        let rest = match place {
            Some(location) => {
                let at = self.range.clone().find(|at| self.scan.tokens[*at].span.start == location);
                at.map_or(self.range.end..self.range.end, |at| at..self.range.end)
            }
            None if message.contains("found: EOF") => self.range.end..self.range.end,
            None => self.rest(),
        };
        let error = self.syntax_error(rest);
        match message.split_once(", found: ") {
            Some((expected, _)) => error.detail(lower_first(&expected.replacen(':', "", 1))),
            None => error.detail(lower_first(message)),
        }
    }
}

/// The name of a relation: with the schema in front if it has one, without the database.
pub(super) fn relation_name(parts: &[String]) -> String {
    match parts {
        [database, schema, name] if database == "tidewater" => format!("{schema}.{name}"),
        parts => parts.join("."),
    }
}

/// The parts of an object's name, folded.
pub(super) fn name_parts(name: &ast::ObjectName) -> Vec<String> {
    name.0.iter().map(|part| part.as_ident().map_or_else(|| part.to_string(), folded_ident)).collect()
}

/// A name as PostgreSQL folds it: lower case unless quoted.
pub(super) fn folded_ident(ident: &ast::Ident) -> String {
    match ident.quote_style {
        None => ident.value.to_ascii_lowercase(),
        Some(_) => ident.value.clone(),
    }
}

/// The text of a string constant.
pub(super) fn string_of(token: &Token) -> Option<String> {
    match token {
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) | Token::UnicodeStringLiteral(text) => {
            Some(text.clone())
        }
        Token::DollarQuotedString(text) => Some(text.value.clone()),
        _ => None,
    }
}

/// The tokens `range`, with what sqlparser does not read as PostgreSQL does written otherwise: `TABLE x` as a query is
/// `SELECT * FROM x`, `TABLE` before the table of a window function (`TUMBLE(TABLE x, …)`) is left out, and `ROWS FROM (…)` is the call
/// of a function. `ORDER BY x USING <` is ASC, ISNULL is IS NULL, and `FROM ONLY x` is FROM x: nothing inherits. Each with its origin.
fn standard(scan: &Scan, range: Range<usize>) -> Vec<(TokenWithSpan, usize)> {
    let mut tokens: Vec<(TokenWithSpan, usize)> = Vec::with_capacity(range.len());
    let mut before = [Token::EOF, Token::EOF];
    for at in range.clone() {
        let token = &scan.tokens[at];
        if matches!(token.token, Token::Whitespace(_)) {
            tokens.push((token.clone(), at));
            continue;
        }
        if is_word(&token.token, "rows") && follows_from(&before[1]) && calls_functions(scan, at + 1..range.end) {
            continue;
        }
        if is_word(&token.token, "from") && calls_functions(scan, at..range.end) && follows_rows(scan, &range, at) {
            let made = TokenWithSpan::new(Token::make_word(ROWS_FROM, None), token.span);
            before = [Token::EOF, made.token.clone()];
            tokens.push((made, at));
            continue;
        }
        if is_word(&token.token, "table") && next_is_word(scan, at + 1..range.end) {
            let is_argument = before[1] == Token::RArrow
                || before[1] == Token::LParen && WINDOW_FUNCTIONS.iter().any(|name| is_word(&before[0], name));
            if is_argument {
                continue;
            }
            if starts_query_body(&before[1]) {
                let made = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
                tokens.extend(made.map(|made| (TokenWithSpan::new(made, token.span), at)));
                continue;
            }
        }
        if is_word(&token.token, "only") && follows_from(&before[1]) {
            continue;
        }
        if let Some(made) = spelled_out(token, &before[1]) {
            if is_word(&before[1], "using") {
                let using = tokens.iter().rposition(|(token, _)| is_word(&token.token, "using"));
                using.map(|using| tokens.remove(using));
            }
            tokens.extend(made.into_iter().map(|made| (TokenWithSpan::new(made, token.span), at)));
            before = [Token::EOF, Token::EOF];
            continue;
        }
        before.swap(0, 1);
        before[1] = token.token.clone();
        tokens.push((token.clone(), at));
    }
    tokens
}

/// The usual words for `USING <`, `USING >` and ISNULL.
fn spelled_out(token: &TokenWithSpan, before: &Token) -> Option<Vec<Token>> {
    let ordered = is_word(before, "using");
    match &token.token {
        Token::Lt if ordered => Some(vec![Token::make_keyword("ASC")]),
        Token::Gt if ordered => Some(vec![Token::make_keyword("DESC")]),
        isnull if is_word(isnull, "isnull") && *before != Token::Period => {
            Some(vec![Token::make_keyword("IS"), Token::make_keyword("NULL")])
        }
        _ => None,
    }
}

/// Table functions that put rows into windows of time.
pub(super) const WINDOW_FUNCTIONS: &[&str] = &["tumble", "hop", "session", "cumulate"];

/// What `ROWS FROM` becomes.
pub(super) const ROWS_FROM: &str = "rows_from";

/// Whether a relation must follow `before`. (After a comma, `rows` may as well be a column.)
fn follows_from(before: &Token) -> bool {
    ["from", "join", "lateral"].iter().any(|word| is_word(before, word))
}

/// Whether `FROM (` comes next.
fn calls_functions(scan: &Scan, range: Range<usize>) -> bool {
    let mut next = scan.tokens[range].iter().map(|token| &token.token);
    let mut next = std::iter::from_fn(|| next.find(|token| !matches!(token, Token::Whitespace(_))));
    next.next().is_some_and(|token| is_word(token, "from")) && next.next() == Some(&Token::LParen)
}

/// Whether the token at `at` comes after the `ROWS` of a `ROWS FROM`.
fn follows_rows(scan: &Scan, range: &Range<usize>, at: usize) -> bool {
    let mut before = scan.tokens[range.start..at].iter().rev().map(|token| &token.token);
    let mut before = std::iter::from_fn(|| before.find(|token| !matches!(token, Token::Whitespace(_))));
    before.next().is_some_and(|token| is_word(token, "rows")) && before.next().is_some_and(follows_from)
}

fn next_is_word(scan: &Scan, range: Range<usize>) -> bool {
    let next = scan.tokens[range].iter().find(|token| !matches!(token.token, Token::Whitespace(_)));
    next.is_some_and(|token| matches!(token.token, Token::Word(_)))
}

/// Whether a query body may follow `before`.
fn starts_query_body(before: &Token) -> bool {
    let words = ["union", "except", "intersect", "all", "distinct", "as", "for"];
    matches!(before, Token::EOF | Token::LParen) || words.iter().any(|word| is_word(before, word))
}

fn folded(word: &Word) -> String {
    match word.quote_style {
        None => word.value.to_ascii_lowercase(),
        Some(_) => word.value.clone(),
    }
}

pub(super) fn is_word(token: &Token, expected: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected))
}

fn split_location(message: &str) -> (&str, Option<Location>) {
    let Some((text, place)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let location = place
        .split_once(", Column: ")
        .and_then(|(line, column)| Some(Location { line: line.parse().ok()?, column: column.trim().parse().ok()? }));
    (text, location)
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
