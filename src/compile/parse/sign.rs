//! Where an operator ends and a sign begins. PostgreSQL's rule: an operator of several characters ends in `+` or `-` only if it has one of
//! `~ ! @ # % ^ & | ` ?` in it, so that `1>-1` compares with a negative number; sqlparser's tokenizer takes all that it can get.

use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::dialect::POSTGRES;

/// Splits signs off the operators that they do not belong to.
pub(super) fn split_signs(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        if let Token::CustomBinaryOperator(text) = &tokens[at].token
            && let Some(parts) = parts(text)
        {
            let start = tokens[at].span.start;
            let mut column = start.column;
            let place = |(token, length): (Token, u64)| {
                let from = Location { line: start.line, column };
                column += length;
                let to = Location { line: start.line, column };
                TokenWithSpan::new(token, datafusion::sql::sqlparser::tokenizer::Span::new(from, to))
            };
            let placed: Vec<TokenWithSpan> = parts.into_iter().map(place).collect();
            tokens.splice(at..=at, placed);
        }
        at += 1;
    }
}

/// An operator and the signs behind it, each with its length; `None` if it is one operator.
fn parts(text: &str) -> Option<Vec<(Token, u64)>> {
    if text.contains(['~', '!', '@', '#', '%', '^', '&', '|', '`', '?']) {
        return None;
    }
    let mut end = text.len();
    while end > 1 && text[..end].ends_with(['+', '-']) {
        end -= 1;
    }
    if end == text.len() {
        return None;
    }
    let mut parts: Vec<(Token, u64)> = Vec::new();
    for token in Tokenizer::new(&POSTGRES, &text[..end]).tokenize().ok()? {
        let length = token.to_string().len() as u64;
        parts.push((token, length));
    }
    parts.extend(text[end..].chars().map(|sign| (if sign == '-' { Token::Minus } else { Token::Plus }, 1)));
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        Tokenizer::new(&POSTGRES, text).tokenize_with_location_into_buf(&mut tokens).unwrap();
        split_signs(&mut tokens);
        tokens.iter().map(|token| format!("{} {}", token.span.start.column, token.token)).collect()
    }

    #[test]
    fn signs_are_no_part_of_operators() {
        assert_eq!(tokens("1>-1"), ["1 1", "2 >", "3 -", "4 1"]);
        assert_eq!(tokens("1<>-1"), ["1 1", "2 <>", "4 -", "5 1"]);
        assert_eq!(tokens("1>=-+1"), ["1 1", "2 >=", "4 -", "5 +", "6 1"]);
        assert_eq!(tokens("2-+3"), ["1 2", "2 -", "3 +", "4 3"]);
        assert_eq!(tokens("j->-1"), ["1 j", "2 ->", "4 -", "5 1"]);
        assert_eq!(tokens("j->>-1"), ["1 j", "2 ->>", "5 -", "6 1"]);
        assert_eq!(tokens("1=-1"), ["1 1", "2 =", "3 -", "4 1"]);
        assert_eq!(tokens("1<-1"), ["1 1", "2 <", "3 -", "4 1"]);
    }
}
