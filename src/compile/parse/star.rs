//! `(row).*`, which sqlparser does not read: the star becomes a name that no query writes.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// The name.
pub(super) const STAR: &str = "\u{1}*";

/// Tokens, each with its origin, with names for such stars.
pub(super) fn marked(mut tokens: Vec<(TokenWithSpan, usize)>) -> Vec<(TokenWithSpan, usize)> {
    // How much of `).` was just read.
    let mut matched = 0;
    for (token, _) in &mut tokens {
        matched = match (&token.token, matched) {
            (Token::Whitespace(_), matched) => matched,
            (Token::RParen, _) => 1,
            (Token::Period, 1) => 2,
            (Token::Mul, 2) => {
                token.token = Token::make_word(STAR, Some('"'));
                0
            }
            _ => 0,
        };
    }
    tokens
}
