//! A JSON object as a row with fields.

use super::scan::{Scanner, unescape};
use super::value::{self, Result, Wrong};
use crate::format::parts::Parts;

/// An object that is being read into a row.
pub(super) struct Object<'a> {
    parts: &'a mut Parts,
    /// Whether each field has a value, and whether the key was exactly its name.
    seen: Vec<(bool, bool)>,
    /// The field that is expected next: objects mostly have their members in the fields' order.
    next: usize,
}

impl<'a> Object<'a> {
    pub(super) fn new(parts: &'a mut Parts) -> Object<'a> {
        let seen = vec![(false, false); parts.columns.len()];
        Object { parts, seen, next: 0 }
    }

    /// Consumes a member. Of several for one field the last wins, but a key that is exactly the name wins over one that is not.
    pub(super) fn member(&mut self, scanner: &mut Scanner<'_>, scratch: &mut Vec<u8>, depth: usize) -> Result {
        let key = scanner.key()?;
        let found = if key.escaped {
            scratch.clear();
            unescape(key, scratch)?;
            self.field(scratch)
        } else {
            self.field(key.bytes)
        };
        let Some((at, exact)) = found.filter(|(at, exact)| *exact || !self.seen[*at].1) else {
            return Ok(scanner.skip_value(depth)?);
        };
        if self.seen[at].0 {
            self.parts.columns[at].truncate(self.parts.rows);
        }
        self.seen[at] = (true, exact);
        self.next = at + 1;
        value::append(&mut self.parts.columns[at], scanner, scratch, depth).map_err(|wrong| match *wrong {
            Wrong::Malformed(_) => wrong,
            _ => Box::new(Wrong::Inside(self.parts.name(at).to_string(), self.parts.sql_type(at), wrong)),
        })
    }

    /// Ends the row.
    pub(super) fn close(self) {
        self.parts.close();
    }

    /// The field that a key belongs to, and whether its name is exactly the key. A key in other letters belongs to the only field
    /// whose name has the same letters in lower case.
    fn field(&self, key: &[u8]) -> Option<(usize, bool)> {
        let names = 0..self.parts.columns.len();
        if self.next < names.end && self.parts.name(self.next).as_bytes() == key {
            return Some((self.next, true));
        }
        if let Some(at) = names.clone().find(|at| self.parts.name(*at).as_bytes() == key) {
            return Some((at, true));
        }
        let mut folded = names.filter(|at| self.parts.name(*at).as_bytes().eq_ignore_ascii_case(key));
        folded.next().filter(|_| folded.next().is_none()).map(|at| (at, false))
    }
}
