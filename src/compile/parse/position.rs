//! Where something stands in a statement.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::Statement;
use super::scan::Scan;

impl Statement {
    /// Where a name stands first in the statement: characters from 1 in the whole text.
    pub fn position_of(&self, name: &str) -> Option<usize> {
        let scan = Scan::new(&self.text).ok()?;
        let is_name = |token: &&TokenWithSpan| match &token.token {
            Token::Word(word) => match word.quote_style {
                None => word.value.eq_ignore_ascii_case(name),
                Some(_) => word.value == name,
            },
            _ => false,
        };
        let token = scan.tokens.iter().find(is_name)?;
        Some(self.offset + scan.character(token.span.start) + 1)
    }
}
