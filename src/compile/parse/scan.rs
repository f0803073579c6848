//! Text → tokens with their places in it. The tokenizer is sqlparser's with PostgreSQL's rules (dollar quotes, E'' strings, nested
//! comments); here its lines and columns become character positions and its errors PostgreSQL's words.

use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::dialect::POSTGRES;
use super::{query, sign};
use crate::error::{Error, Result, code};

/// Operators, and queries of a UNION, that may follow each other.
const ROW_MAX: usize = 100;
/// ANDs and ORs of a statement: the planner makes chains of them again, and runs out of stack at twice as many.
const CONDITIONS_MAX: usize = 2_000;

/// A text and its tokens.
pub(super) struct Scan {
    characters: Vec<char>,
    /// Where each line starts, in characters from 0.
    lines: Vec<usize>,
    /// All tokens, white space and comments too.
    pub(super) tokens: Vec<TokenWithSpan>,
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tokens", self.tokens.len())
    }
}

impl Scan {
    /// Splits a text into tokens. Errors: 42601 for strings, names and comments that do not end and for characters that start nothing.
    pub(super) fn new(sql: &str) -> Result<Scan> {
        let characters: Vec<char> = sql.chars().collect();
        let newlines = characters.iter().enumerate().filter(|(_, character)| **character == '\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(newlines).collect();
        let mut scan = Scan { characters, lines, tokens: Vec::new() };
        let mut tokens = Vec::new();
        if let Err(error) = Tokenizer::new(&POSTGRES, sql).tokenize_with_location_into_buf(&mut tokens) {
            // Where the last good token ends, the bad one starts; the tokenizer's own location may be the end of the text.
            let start = tokens.last().map_or(0, |token| scan.character(token.span.end));
            return Err(scan.unfinished(&error.message, start));
        }
        sign::split_signs(&mut tokens);
        query::strengthen(&mut tokens);
        scan.tokens = tokens;
        Ok(scan)
    }

    /// The tokens of each statement: positions in [`Scan::tokens`], without the semicolons; statements without a word are left out.
    pub(super) fn statements(&self) -> Vec<std::ops::Range<usize>> {
        let mut statements = Vec::new();
        let mut start = 0;
        for end in 0..=self.tokens.len() {
            if end == self.tokens.len() || self.tokens[end].token == Token::SemiColon {
                let meaningful = |at: &usize| !matches!(self.tokens[*at].token, Token::Whitespace(_) | Token::EOF);
                let first = (start..end).find(meaningful);
                let last = (start..end).rfind(meaningful);
                if let (Some(first), Some(last)) = (first, last) {
                    statements.push(first..last + 1);
                }
                start = end + 1;
            }
        }
        statements
    }

    /// Refuses statements whose syntax tree would be too deep for what goes down it by recursion: long rows of operators and of UNIONs.
    /// Parentheses are counted where they are read; AND and OR are balanced.
    pub(super) fn refuse_deep(&self, range: &std::ops::Range<usize>) -> Result<()> {
        let refused = |at: usize, what: &str| {
            let message = format!("more than {ROW_MAX} {what} in a row are not supported");
            Err(Error::unsupported(message).at(self.characters(&(at..at + 1)).start + 1))
        };
        // Operators and UNIONs so far, by open parentheses.
        let mut rows = vec![(0, 0)];
        let mut conditions = 0;
        for at in range.clone() {
            let row = rows.len() - 1;
            match &self.tokens[at].token {
                Token::LParen => rows.push((0, 0)),
                Token::RParen if row > 0 => {
                    rows.pop();
                }
                Token::Comma => rows[row].0 = 0,
                Token::Word(word) if word.quote_style.is_none() => match word.value.to_ascii_lowercase().as_str() {
                    "union" | "except" | "intersect" => rows[row] = (0, rows[row].1 + 1),
                    "is" | "isnull" | "notnull" | "like" | "ilike" | "similar" | "between" | "in" | "at"
                    | "collate" | "operator" => {
                        rows[row].0 += 1;
                    }
                    "and" | "or" => {
                        rows[row].0 = 0;
                        conditions += 1;
                    }
                    "select" | "from" | "where" | "when" | "then" | "else" | "join" | "on" => rows[row].0 = 0,
                    _ => {}
                },
                token if is_operator(token) => rows[row].0 += 1,
                _ => {}
            }
            if conditions > CONDITIONS_MAX {
                let message = format!("more than {CONDITIONS_MAX} conditions are not supported");
                return Err(Error::unsupported(message)
                    .hint("use IN, or join with VALUES")
                    .at(self.characters(&(at..at + 1)).start + 1));
            }
            let row = rows.len() - 1;
            if rows[row].0 > ROW_MAX {
                return refused(at, "operators");
            }
            if rows[row].1 > ROW_MAX {
                return refused(at, "set operations");
            }
        }
        Ok(())
    }

    /// Line and column → characters from 0.
    pub(super) fn character(&self, location: Location) -> usize {
        let line = usize::try_from(location.line.saturating_sub(1)).unwrap_or(0);
        let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(0);
        let start = self.lines.get(line).copied().unwrap_or(self.characters.len());
        (start + column).min(self.characters.len())
    }

    /// The characters of the tokens in `range`.
    pub(super) fn characters(&self, range: &std::ops::Range<usize>) -> std::ops::Range<usize> {
        if range.is_empty() {
            let at =
                self.tokens.get(range.start).map_or(self.characters.len(), |token| self.character(token.span.start));
            return at..at;
        }
        self.character(self.tokens[range.start].span.start)..self.character(self.tokens[range.end - 1].span.end)
    }

    /// The text of the tokens in `range`, as written.
    pub(super) fn text(&self, range: &std::ops::Range<usize>) -> String {
        self.characters[self.characters(range)].iter().collect()
    }

    fn unfinished(&self, reason: &str, start: usize) -> Error {
        let rest: String = self.characters[start..].iter().collect();
        let comment = rest.starts_with("/*");
        let subject = match rest.chars().next() {
            _ if comment => "unterminated /* comment",
            Some('"') => "unterminated quoted identifier",
            Some('$') => "unterminated dollar-quoted string",
            Some('\'' | 'e' | 'E' | 'b' | 'B' | 'x' | 'X' | 'n' | 'N' | 'u' | 'U') => "unterminated quoted string",
            _ => "syntax error",
        };
        let error = Error::new(code::SYNTAX_ERROR, format!("{subject} at or near \"{rest}\"")).at(start + 1);
        if subject == "syntax error" { error.detail(reason.trim_end_matches('.').to_lowercase()) } else { error }
    }
}

/// Whether a token stands between or behind operands; whatever is no operand, name or bracket counts.
fn is_operator(token: &Token) -> bool {
    !matches!(
        token,
        Token::Whitespace(_)
            | Token::EOF
            | Token::Word(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::DollarQuotedString(_)
            | Token::HexStringLiteral(_)
            | Token::Placeholder(_)
            | Token::Period
            | Token::LParen
            | Token::RParen
            | Token::LBracket
            | Token::RBracket
            | Token::Comma
    )
}
