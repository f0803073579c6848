//! Long lists of VALUES, read without tokens and syntax trees: those of a text of 100 MB would need gigabytes. Only what is made of plain
//! constants is read here; everything else goes the usual way.

use super::cell::Cell;
use super::{InsertSource, Kind, Statement};
use crate::error::Result;

/// Shorter texts go the usual way, in which errors have a position.
const BYTES_MIN: usize = 1 << 20;
/// Where VALUES must stand at the latest.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The statements of `sql`, if it is one long INSERT of constants; `parse` reads what is around the list.
pub(super) fn parse(sql: &str, parse: fn(&str) -> Result<Vec<Statement>>) -> Option<Result<Vec<Statement>>> {
    if sql.len() < BYTES_MIN {
        return None;
    }
    let start = end_of_head(sql)?;
    let mut reader = Reader { text: sql, at: start };
    let (cells, width) = reader.rows()?;
    let row = vec!["NULL"; width].join(", ");
    let statements = parse(&format!("{} ({row}) {}", &sql[..start], &sql[reader.at..]));
    let mut statements = match statements {
        Ok(statements) => statements,
        // Its position would be one in a text that nobody has seen.
        Err(error) => return Some(Err(crate::error::Error { position: None, ..error })),
    };
    let Some(Statement { kind: Kind::Insert(insert), .. }) = statements.first_mut() else { return None };
    let InsertSource::Values(values) = &mut insert.source else { return None };
    if values.width != width || values.cells.len() != width {
        return None;
    }
    values.cells = cells;
    Some(Ok(statements))
}

/// The end of `INSERT INTO … VALUES`; `None` if the text does not begin so plainly.
fn end_of_head(sql: &str) -> Option<usize> {
    if !sql.trim_start().get(..6)?.eq_ignore_ascii_case("insert") {
        return None;
    }
    let bytes = sql.as_bytes();
    let mut quoted = false;
    for at in 0..bytes.len().min(HEAD_BYTES_MAX) {
        match bytes[at] {
            b'"' => quoted = !quoted,
            b'\'' | b'$' | b';' if !quoted => return None,
            b'-' | b'/' if !quoted && matches!(bytes.get(at + 1), Some(b'-' | b'*')) => return None,
            b'v' | b'V' if !quoted && bytes[at..].get(..6)?.eq_ignore_ascii_case(b"values") => {
                let is_part = |byte: Option<&u8>| {
                    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 128)
                };
                let before = at.checked_sub(1).and_then(|before| bytes.get(before));
                if !is_part(before) && !is_part(bytes.get(at + 6)) {
                    return Some(at + 6);
                }
            }
            _ => {}
        }
    }
    None
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    /// The values of all rows, and how many a row has.
    fn rows(&mut self) -> Option<(Vec<Cell>, usize)> {
        let (mut cells, mut width) = (Vec::new(), 0);
        loop {
            let before = cells.len();
            self.expect(b'(')?;
            loop {
                cells.push(self.cell()?);
                if !self.eat(b',') {
                    break;
                }
            }
            self.expect(b')')?;
            if width != 0 && cells.len() - before != width {
                return None;
            }
            width = cells.len() - before;
            if !self.eat(b',') {
                return Some((cells, width));
            }
        }
    }

    fn cell(&mut self) -> Option<Cell> {
        self.skip_space();
        match self.peek()? {
            b'\'' => self.string(),
            b'0'..=b'9' | b'-' | b'.' => self.number(),
            _ => self.word(),
        }
    }

    /// `'…'`, in which `''` is a quote.
    fn string(&mut self) -> Option<Cell> {
        let mut text = String::new();
        loop {
            self.at += 1;
            let rest = &self.text[self.at..];
            let end = memchr::memchr(b'\'', rest.as_bytes())?;
            text.push_str(&rest[..end]);
            self.at += end + 1;
            if self.peek() != Some(b'\'') {
                return Some(Cell::Text(text));
            }
            text.push('\'');
        }
    }

    fn number(&mut self) -> Option<Cell> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let whole = self.digits();
        let mut fraction = 0;
        if self.peek() == Some(b'.') {
            self.at += 1;
            fraction = self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return None;
            }
        }
        (whole + fraction > 0).then(|| Cell::Number(self.text[start..self.at].to_string()))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn word(&mut self) -> Option<Cell> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            self.at += 1;
        }
        match self.text[start..self.at].to_ascii_lowercase().as_str() {
            "null" => Some(Cell::Null),
            "true" => Some(Cell::Boolean(true)),
            "false" => Some(Cell::Boolean(false)),
            "default" => Some(Cell::Default),
            _ => None,
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse as parse_text;
    use super::*;

    /// A long text of rows, each as given.
    fn long(head: &str, row: &str, tail: &str) -> String {
        format!("{head} {}{tail}", vec![row; BYTES_MIN / row.len() + 1].join(", "))
    }

    fn read(sql: &str) -> Option<Vec<Statement>> {
        parse(sql, parse_text).map(|statements| statements.unwrap())
    }

    #[test]
    fn constants_are_what_they_are_in_short_texts() {
        let row = "(1, -2.5e3, 'it''s, (é)', NULL, TRUE, default, .5, '')";
        let statements = read(&long("insert into \"values\" (a) VALUES", row, " ON CONFLICT DO NOTHING")).unwrap();
        let short = parse_text(&format!("INSERT INTO t VALUES {row}")).unwrap();
        let cells = |statement: &Statement| match &statement.kind {
            Kind::Insert(insert) => match &insert.source {
                InsertSource::Values(values) => values.cells[..8].to_vec(),
                _ => panic!("no values"),
            },
            _ => panic!("no insert"),
        };
        assert_eq!(cells(&statements[0]), cells(&short[0]));
        let Kind::Insert(insert) = &statements[0].kind else { panic!("no insert") };
        assert_eq!(insert.table, "values");
        assert!(matches!(insert.on_conflict, super::super::OnConflict::Nothing(_)));
    }

    #[test]
    fn what_is_not_plain_goes_the_usual_way() {
        for row in ["(1 + 1)", "(E'\\n')", "($1)", "(now())", "('a' 'b')", "(1 /* c */)", "(0x1F)", "(1_000)"] {
            assert!(read(&long("INSERT INTO t VALUES", row, "")).is_none(), "{row}");
        }
        assert!(read("INSERT INTO t VALUES (1)").is_none(), "short");
        assert!(read(&long("INSERT INTO t VALUES (1, 2),", "(1)", "")).is_none(), "rows of different length");
        assert!(read(&long("SELECT 1; INSERT INTO t VALUES", "(1)", "")).is_none());
        assert!(parse(&long("INSERT INTO t VALUES", "(1)", " nonsense"), parse_text).unwrap().is_err());
    }
}
