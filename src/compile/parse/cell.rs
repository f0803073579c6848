//! Single values on their way into columns: constants, parameters, DEFAULT, and expressions, which are put together into queries.
//! A constant takes the type of the column that it goes into, each by itself, as in PostgreSQL; it is never planned.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::Query;
use super::grammar::{Grammar, string_of};
use super::query::{hidden, select};
use crate::error::Result;

/// Expressions of one query at most: the planner's work grows faster than their number.
const EXPRESSIONS_PER_QUERY: usize = 64;

/// How many expressions before it one is compared with.
const LOOKED_BACK: usize = 8;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// DEFAULT.
    Default,
    /// NULL.
    Null,
    /// A string constant, of no type yet.
    Text(String),
    /// A number, with its sign.
    Number(String),
    /// TRUE or FALSE.
    Boolean(bool),
    /// `$n`, from 1.
    Parameter(usize),
    /// The n-th expression beside it.
    Expression(usize),
}

/// Expressions of a statement, each evaluated once.
#[derive(Debug, Clone, Default)]
pub struct Expressions {
    /// Queries of one row; all but the last have [`Expressions::PER_QUERY`] columns.
    pub queries: Vec<Query>,
}

impl Expressions {
    /// Columns of a query.
    pub const PER_QUERY: usize = EXPRESSIONS_PER_QUERY;

    /// Puts expressions, read since token `start`, into queries.
    pub(super) fn made(grammar: &Grammar, start: usize, expressions: Vec<ast::Expr>) -> Result<Expressions> {
        let mut queries = Vec::new();
        let mut rest = expressions.into_iter();
        loop {
            let items: Vec<ast::SelectItem> = rest.by_ref().take(EXPRESSIONS_PER_QUERY).enumerate().map(item).collect();
            if items.is_empty() {
                return Ok(Expressions { queries });
            }
            queries.push(Query::made(grammar, start, select(items, Vec::new(), None))?);
        }
    }
}

/// An expression under a name of its own.
pub(super) fn item((number, expression): (usize, ast::Expr)) -> ast::SelectItem {
    ast::SelectItem::ExprWithAlias { expr: expression, alias: hidden("value", number + 1) }
}

/// Reads a value that a comma or a closing parenthesis ends; expressions go to `expressions`.
pub(super) fn read(grammar: &mut Grammar, expressions: &mut Vec<ast::Expr>) -> Result<Cell> {
    if let Some((cell, tokens)) = constant(grammar) {
        (0..tokens).for_each(|_| drop(grammar.next()));
        return Ok(cell);
    }
    let expression = grammar.expression()?;
    if is_clock(&expression)
        && let Some(same) = expressions.iter().rev().take(LOOKED_BACK).position(|other| *other == expression)
    {
        return Ok(Cell::Expression(expressions.len() - 1 - same));
    }
    expressions.push(expression);
    Ok(Cell::Expression(expressions.len() - 1))
}

/// Whether an expression is the statement's time, which is the same in every row.
fn is_clock(expression: &ast::Expr) -> bool {
    let names = ["now", "current_timestamp", "current_date", "localtimestamp", "transaction_timestamp"];
    match expression {
        ast::Expr::Function(call) => {
            let name = call.name.to_string();
            let takes_nothing = match &call.args {
                ast::FunctionArguments::List(list) => list.args.is_empty(),
                ast::FunctionArguments::None => true,
                ast::FunctionArguments::Subquery(_) => false,
            };
            takes_nothing && names.iter().any(|known| name.eq_ignore_ascii_case(known))
        }
        _ => false,
    }
}

/// The constant that comes next, if it is all up to the next comma, parenthesis or end; and how many tokens it has.
fn constant(grammar: &Grammar) -> Option<(Cell, usize)> {
    let (cell, tokens) = match grammar.peek() {
        Token::Minus => match grammar.peek_at(1) {
            Token::Number(digits, false) => (number(digits, true)?, 2),
            _ => return None,
        },
        Token::Number(digits, false) => (number(digits, false)?, 1),
        Token::Placeholder(name) => (Cell::Parameter(name.strip_prefix('$')?.parse().ok()?), 1),
        Token::Word(word) if word.quote_style.is_none() => match word.value.to_ascii_lowercase().as_str() {
            "default" => (Cell::Default, 1),
            "null" => (Cell::Null, 1),
            "true" => (Cell::Boolean(true), 1),
            "false" => (Cell::Boolean(false), 1),
            _ => return None,
        },
        token => (Cell::Text(string_of(&token)?), 1),
    };
    let ends = matches!(grammar.peek_at(tokens), Token::Comma | Token::RParen | Token::EOF | Token::SemiColon);
    ends.then_some((cell, tokens))
}

/// A plain decimal number; the others (`0x1F`, `1_000`) are for the planner.
fn number(digits: String, negative: bool) -> Option<Cell> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let sign = if negative { "-" } else { "" };
    (is_plain && digits.starts_with(|first: char| first.is_ascii_digit() || first == '.'))
        .then(|| Cell::Number(format!("{sign}{digits}")))
}

/// An expression of UPDATE … SET as a value: constants by themselves, others into `expressions`.
pub(super) fn of_expression(expression: ast::Expr, expressions: &mut Vec<ast::Expr>) -> Cell {
    let constant = match &expression {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Null => Some(Cell::Null),
            ast::Value::Boolean(value) => Some(Cell::Boolean(*value)),
            ast::Value::SingleQuotedString(text) | ast::Value::EscapedStringLiteral(text) => {
                Some(Cell::Text(text.clone()))
            }
            ast::Value::Number(digits, _) => number(digits.clone(), false),
            ast::Value::Placeholder(name) => {
                name.strip_prefix('$').and_then(|name| name.parse().ok()).map(Cell::Parameter)
            }
            _ => None,
        },
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => match expr.as_ref() {
            ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(digits, _), .. }) => {
                number(digits.clone(), true)
            }
            _ => None,
        },
        ast::Expr::Identifier(name) if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default") => {
            Some(Cell::Default)
        }
        _ => None,
    };
    constant.unwrap_or_else(|| {
        expressions.push(expression);
        Cell::Expression(expressions.len() - 1)
    })
}

/// A DEFAULT's text as a constant, if it is one.
pub fn constant_of(text: &str) -> Option<Cell> {
    let scan = std::sync::Arc::new(super::scan::Scan::new(text).ok()?);
    let mut grammar = Grammar::new(&scan, 0..scan.tokens.len());
    let (cell, tokens) = constant(&grammar)?;
    (0..tokens).for_each(|_| drop(grammar.next()));
    grammar.at_end().then_some(cell)
}
