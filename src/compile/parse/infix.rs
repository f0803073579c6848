//! Comparisons that sqlparser does not read. `x BETWEEN SYMMETRIC a AND b`: between the lesser and the greater of both, whichever comes
//! first. `x = ANY (VALUES …)`, also with ALL and other operators: a query there may begin with SELECT or WITH only.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};
use datafusion::sql::sqlparser::dialect::{Dialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// Reads `[NOT] BETWEEN SYMMETRIC | ASYMMETRIC a AND b` after `value`; `None` for anything else.
pub(super) fn between(dialect: &dyn Dialect, parser: &mut Parser, value: &Expr) -> Option<Result<Expr, ParserError>> {
    let negated = word(parser, 0)? == "NOT";
    let first = usize::from(negated);
    if word(parser, first)? != "BETWEEN" {
        return None;
    }
    let symmetric = match word(parser, first + 1)?.as_str() {
        "SYMMETRIC" => true,
        "ASYMMETRIC" => false,
        _ => return None,
    };
    for _ in 0..first + 2 {
        parser.advance_token();
    }
    let precedence = dialect.prec_value(Precedence::Between);
    let bounds = (|| {
        let low = parser.parse_subexpr(precedence)?;
        parser.expect_keyword(Keyword::AND)?;
        Ok((low, parser.parse_subexpr(precedence)?))
    })();
    Some(bounds.map(|(low, high)| {
        let either = |low: &Expr, high: &Expr| Expr::Between {
            expr: Box::new(value.clone()),
            negated,
            low: Box::new(low.clone()),
            high: Box::new(high.clone()),
        };
        if !symmetric {
            return either(&low, &high);
        }
        let op = if negated { BinaryOperator::And } else { BinaryOperator::Or };
        let (left, right) = (Box::new(either(&low, &high)), Box::new(either(&high, &low)));
        Expr::Nested(Box::new(Expr::BinaryOp { left, op, right }))
    }))
}

/// Reads the comparison after `value`; `None` for anything else.
pub(super) fn any_values(parser: &mut Parser, value: &Expr) -> Option<Result<Expr, ParserError>> {
    let compare_op = match &parser.peek_nth_token_ref(0).token {
        Token::Eq => BinaryOperator::Eq,
        Token::Neq => BinaryOperator::NotEq,
        Token::Lt => BinaryOperator::Lt,
        Token::LtEq => BinaryOperator::LtEq,
        Token::Gt => BinaryOperator::Gt,
        Token::GtEq => BinaryOperator::GtEq,
        _ => return None,
    };
    let quantifier = word(parser, 1).filter(|word| ["ANY", "SOME", "ALL"].contains(&word.as_str()))?;
    if parser.peek_nth_token_ref(2).token != Token::LParen || word(parser, 3)? != "VALUES" {
        return None;
    }
    for _ in 0..3 {
        parser.advance_token();
    }
    let rows = parser.parse_query().and_then(|query| parser.expect_token(&Token::RParen).map(|_| query));
    let left = Box::new(value.clone());
    Some(rows.map(|query| {
        let right = Box::new(Expr::Subquery(query));
        match quantifier.as_str() {
            "ALL" => Expr::AllOp { left, compare_op, right },
            quantifier => Expr::AnyOp { left, compare_op, right, is_some: quantifier == "SOME" },
        }
    }))
}

/// The word so many tokens further on, in capitals.
fn word(parser: &Parser, at: usize) -> Option<String> {
    match &parser.peek_nth_token_ref(at).token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
        _ => None,
    }
}
