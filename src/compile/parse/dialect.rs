//! PostgreSQL's dialect for sqlparser's tokenizer and parser, as sqlparser has it, but without named function arguments whose name is
//! an expression: to find out, every argument is parsed twice, and nested calls take time exponential in their depth.

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::{Expr, Function, FunctionArguments};
use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::infix;

/// Makes an expression of GROUP BY of its lists.
type Grouping = fn(Vec<Vec<Expr>>) -> Expr;

#[derive(Debug)]
pub(super) struct Postgres(PostgreSqlDialect);

/// The one instance.
pub(super) static POSTGRES: Postgres = Postgres(PostgreSqlDialect {});

macro_rules! same_as_base {
    ($($method:ident)*) => { $(fn $method(&self) -> bool { self.0.$method() })* };
}

impl Dialect for Postgres {
    fn dialect(&self) -> TypeId {
        self.0.dialect()
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        self.0.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        self.0.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        self.0.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        self.0.is_identifier_part(ch)
    }

    /// DEFAULT is read as a name, which VALUES and SET then know.
    fn is_reserved_for_identifier(&self, kw: Keyword) -> bool {
        self.0.is_reserved_for_identifier(kw) || kw != Keyword::DEFAULT && is_reserved(&format!("{kw:?}"))
    }

    fn is_column_alias(&self, kw: &Keyword, parser: &mut Parser) -> bool {
        UNRESERVED.contains(kw) || self.0.is_column_alias(kw, parser) && !is_reserved(&format!("{kw:?}"))
    }

    fn is_table_alias(&self, kw: &Keyword, parser: &mut Parser) -> bool {
        UNRESERVED.contains(kw) || self.0.is_table_alias(kw, parser)
    }

    fn is_custom_operator_part(&self, ch: char) -> bool {
        self.0.is_custom_operator_part(ch)
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        self.0.get_next_precedence(parser)
    }

    fn prec_value(&self, prec: Precedence) -> u8 {
        self.0.prec_value(prec)
    }

    /// `ROLLUP (…)`, `CUBE (…)`, `GROUPING SETS (…)` and `()` of a GROUP BY, whose elements sqlparser does not read if they only begin with a
    /// parenthesis.
    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let word = |at: usize| match &parser.peek_nth_token_ref(at).token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
            _ => None,
        };
        let opens = |at: usize| parser.peek_nth_token_ref(at).token == Token::LParen;
        let (words, made): (usize, Grouping) = match word(0) {
            Some(Keyword::ROLLUP) if opens(1) => (1, Expr::Rollup),
            Some(Keyword::CUBE) if opens(1) => (1, Expr::Cube),
            Some(Keyword::GROUPING) if word(1) == Some(Keyword::SETS) && opens(2) => (2, Expr::GroupingSets),
            // A column; a type stands before its constant.
            Some(Keyword::INTERVAL) if ends_value(&parser.peek_nth_token_ref(1).token) => {
                return Some(parser.parse_identifier().map(Expr::Identifier));
            }
            Some(Keyword::VALUES) if opens(1) => {
                return Some(parser.parse_query().map(Expr::Subquery));
            }
            Some(_) if !opens(1) && parser.peek_nth_token_ref(1).token != Token::Period => {
                return session_function(parser).map(Ok);
            }
            None if opens(0) && parser.peek_nth_token_ref(1).token == Token::RParen => {
                parser.advance_token();
                parser.advance_token();
                return Some(Ok(Expr::Tuple(Vec::new())));
            }
            _ => return None,
        };
        (0..words).for_each(|_| parser.advance_token());
        Some(grouping_elements(parser).map(made))
    }

    /// `x [NOT] BETWEEN SYMMETRIC a AND b`, which sqlparser does not read, and `x IS [NOT] DISTINCT FROM y`, which ends before AND and
    /// OR; sqlparser takes them for a part of `y`.
    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, _precedence: u8) -> Option<Result<Expr, ParserError>> {
        if let Some(between) = infix::between(self, parser, expr) {
            return Some(between);
        }
        if let Some(comparison) = infix::any_values(parser, expr) {
            return Some(comparison);
        }
        let negated = [Keyword::NOT, Keyword::DISTINCT, Keyword::FROM];
        let is = |keywords: &[Keyword]| {
            let next = |at: usize| parser.peek_nth_token_ref(at);
            keywords.iter().enumerate().all(|(at, keyword)| match &next(at + 1).token {
                Token::Word(word) => word.keyword == *keyword,
                _ => false,
            })
        };
        if !matches!(&parser.peek_token_ref().token, Token::Word(word) if word.keyword == Keyword::IS) {
            return None;
        }
        let equal = is(&negated);
        if !equal && !is(&negated[1..]) {
            return None;
        }
        for _ in 0..if equal { 4 } else { 3 } {
            parser.advance_token();
        }
        let left = Box::new(expr.clone());
        Some(parser.parse_subexpr(self.prec_value(Precedence::Is)).map(|right| match equal {
            true => Expr::IsNotDistinctFrom(left, Box::new(right)),
            false => Expr::IsDistinctFrom(left, Box::new(right)),
        }))
    }

    /// `name => value`.
    fn supports_named_fn_args_with_rarrow_operator(&self) -> bool {
        true
    }

    same_as_base! {
        supports_unicode_string_literal supports_filter_during_aggregation allow_extract_custom
        allow_extract_single_quotes supports_factorial_operator supports_bitwise_shift_operators supports_empty_projections
        supports_nested_comments supports_string_escape_constant supports_numeric_literal_underscores
        supports_array_typedef_with_brackets supports_geometric_types supports_notnull_operator supports_interval_options
        supports_insert_table_alias supports_comma_separated_trim
    }
}

/// `current_schema` and `current_role`, which sqlparser takes for columns.
fn session_function(parser: &mut Parser) -> Option<Expr> {
    let Token::Word(word) = &parser.peek_token_ref().token else { return None };
    if !["current_schema", "current_role"].iter().any(|name| word.value.eq_ignore_ascii_case(name)) {
        return None;
    }
    let name = parser.parse_identifier().ok()?;
    Some(Expr::Function(Function {
        name: name.into(),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::None,
        null_treatment: None,
        filter: None,
        over: None,
        within_group: Vec::new(),
    }))
}

/// Whether a value has ended before this token.
fn ends_value(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.quote_style.is_none() && is_reserved(&word.value) || word.keyword == Keyword::IS,
        Token::EOF | Token::SemiColon | Token::Comma | Token::RParen | Token::RBracket | Token::DoubleColon => true,
        Token::Eq | Token::Neq | Token::Lt | Token::Gt | Token::LtEq | Token::GtEq => true,
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::StringConcat => true,
        _ => false,
    }
}

/// `(a, (b, c), (d)::text)`: columns, or several in parentheses.
fn grouping_elements(parser: &mut Parser) -> Result<Vec<Vec<Expr>>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let elements = parser.parse_comma_separated(Parser::parse_expr)?;
    parser.expect_token(&Token::RParen)?;
    let columns = |element: Expr| match element {
        Expr::Tuple(columns) => columns,
        Expr::Nested(column) => vec![*column],
        column => vec![column],
    };
    Ok(elements.into_iter().map(columns).collect())
}

/// Keywords of other dialects, and such that PostgreSQL does not reserve: they are aliases, too.
const UNRESERVED: [Keyword; 15] = [
    Keyword::ANTI,
    Keyword::CLUSTER,
    Keyword::DISTRIBUTE,
    Keyword::EXPLAIN,
    Keyword::FORMAT,
    Keyword::GLOBAL,
    Keyword::MATCH_RECOGNIZE,
    Keyword::PIVOT,
    Keyword::PREWHERE,
    Keyword::SAMPLE,
    Keyword::SEMI,
    Keyword::SETTINGS,
    Keyword::SORT,
    Keyword::TOP,
    Keyword::VIEW,
];

/// PostgreSQL's reserved words (its appendix C): they are no names unless quoted.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "localtime",
    "localtimestamp",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "placing",
    "primary",
    "references",
    "returning",
    "select",
    "session_user",
    "some",
    "symmetric",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "window",
    "with",
];

/// Whether an unquoted word is no name.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search(&word.to_ascii_lowercase().as_str()).is_ok()
}

/// Whether a word begins a clause of a query, so that no expression can begin with it.
pub(super) fn is_clause(word: &str) -> bool {
    let words = [
        "from",
        "where",
        "group",
        "order",
        "having",
        "limit",
        "offset",
        "fetch",
        "union",
        "except",
        "intersect",
        "and",
        "or",
        "on",
    ];
    words.iter().any(|clause| word.eq_ignore_ascii_case(clause))
}
