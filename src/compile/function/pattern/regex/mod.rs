//! PostgreSQL's advanced regular expressions. In: a pattern with its flags, texts; out: matches as ranges of bytes. Never: basic regular
//! expressions (flag `b`), which are refused.
//!
//! The regex crate finds out whether and where there is a match. Which of several matches at one place is taken differs (PostgreSQL takes
//! the longest), so unless there is only one way to match, [`matcher`] decides it; it also knows what the crate does not: references back
//! and looking around.

// Through the regex crate.
mod fast;
// Which match is taken.
mod matcher;
// The parts.
mod node;
// Patterns → parts.
mod parse;
// Characters.
mod set;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use matcher::Matcher;
use node::Node;

use crate::error::{Error, Result, code};

/// Compiled patterns that are kept.
const KEPT_MAX: usize = 256;

/// The flags of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Flags {
    /// `i`: without regard to case.
    pub(super) any_case: bool,
    /// `q`: no character means anything but itself.
    literal: bool,
    /// `x`: blanks and comments do not count.
    expanded: bool,
    /// `n`, `p`: a newline is not one of any characters.
    line_classes: bool,
    /// `n`, `w`: lines start and end at newlines.
    line_anchors: bool,
}

impl Flags {
    /// Sets one flag. Errors: 22023 for a letter that is none, 0A000 for `b`.
    pub(super) fn set(&mut self, letter: char) -> Result<()> {
        match letter {
            'i' => self.any_case = true,
            'c' => self.any_case = false,
            'q' => self.literal = true,
            'x' => self.expanded = true,
            't' => self.expanded = false,
            'e' => {}
            'm' | 'n' => (self.line_classes, self.line_anchors) = (true, true),
            's' => (self.line_classes, self.line_anchors) = (false, false),
            'p' => (self.line_classes, self.line_anchors) = (true, false),
            'w' => (self.line_classes, self.line_anchors) = (false, true),
            'b' => return Err(Error::unsupported("basic regular expressions are not supported")),
            other => {
                let message = format!("invalid regular expression option: \"{other}\"");
                return Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
            }
        }
        Ok(())
    }
}

/// A match: ranges of bytes, the first of the whole, the others of the groups that took part.
pub(super) type Groups = Vec<Option<(usize, usize)>>;

/// Compiled patterns by what they were compiled from.
type Kept = HashMap<(String, Flags), Arc<Regex>>;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Regex {
    node: Node,
    groups: usize,
    any_case: bool,
    fast: Option<regex::Regex>,
    unambiguous: bool,
    looks_at_words: bool,
}

impl Regex {
    /// Compiles a pattern, or takes the one that was compiled before. Errors: 2201B.
    pub(super) fn of(pattern: &str, flags: Flags) -> Result<Arc<Regex>> {
        static KEPT: Mutex<Option<Kept>> = Mutex::new(None);
        thread_local! {
            // Patterns are mostly the same in every row.
            static LAST: RefCell<Option<(String, Flags, Arc<Regex>)>> = const { RefCell::new(None) };
        }
        let last = LAST.with_borrow(|last| match last {
            Some((text, of, regex)) if text == pattern && *of == flags => Some(Arc::clone(regex)),
            _ => None,
        });
        if let Some(last) = last {
            return Ok(last);
        }
        let key = (pattern.to_string(), flags);
        let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept().get_or_insert_default().get(&key).cloned();
        let regex = match known {
            Some(known) => known,
            None => {
                let compiled = Arc::new(Regex::compile(pattern, flags)?);
                let mut kept = kept();
                let kept = kept.get_or_insert_default();
                if kept.len() >= KEPT_MAX {
                    kept.clear();
                }
                kept.insert(key, Arc::clone(&compiled));
                compiled
            }
        };
        LAST.set(Some((pattern.to_string(), flags, Arc::clone(&regex))));
        Ok(regex)
    }

    fn compile(pattern: &str, flags: Flags) -> Result<Regex> {
        let parsed = parse::parse(pattern, flags)?;
        Ok(Regex {
            fast: fast::compiled(&parsed.node),
            unambiguous: fast::is_unambiguous(&parsed.node),
            looks_at_words: fast::looks_at_words(&parsed.node),
            node: parsed.node,
            groups: parsed.groups,
            any_case: parsed.flags.any_case,
        })
    }

    /// How many groups capture.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    fn fast(&self, text: &str) -> Option<&regex::Regex> {
        self.fast.as_ref().filter(|_| !self.looks_at_words || text.is_ascii())
    }

    /// Whether the text has a match.
    pub(super) fn is_match(&self, text: &str) -> Result<bool> {
        match self.fast(text) {
            Some(fast) => Ok(fast.is_match(text)),
            None => Ok(self.find(text, 0)?.is_some()),
        }
    }

    /// The first match that starts at byte `from` or later. Errors: 54001 for a search that takes too long.
    pub(super) fn find(&self, text: &str, from: usize) -> Result<Option<Groups>> {
        let Some(fast) = self.fast(text) else { return self.search(text, from, false) };
        if self.unambiguous {
            let found = fast.captures_at(text, from);
            let range = |group: Option<regex::Match<'_>>| group.map(|group| (group.start(), group.end()));
            return Ok(found.map(|groups| groups.iter().map(range).collect()));
        }
        match fast.find_at(text, from) {
            Some(first) => self.search(text, first.start(), true),
            None => Ok(None),
        }
    }

    /// Searches character by character, only at `from` if a match is known to start there.
    fn search(&self, text: &str, from: usize, only_there: bool) -> Result<Option<Groups>> {
        let letters: Vec<char> = text.chars().collect();
        let mut offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        offsets.push(text.len());
        let start = offsets.partition_point(|offset| *offset < from);
        let starts = start..=if only_there { start } else { letters.len() };
        let found = Matcher::new(&self.node, self.groups, &letters, self.any_case).find(starts)?;
        let range = |(start, end): (usize, usize)| (offsets[start], offsets[end]);
        Ok(found.map(|groups| groups.into_iter().map(|group| group.map(range)).collect()))
    }

    /// All matches from byte `from` on, until `each` answers false. After an empty match the search goes on one character later.
    pub(super) fn find_all(&self, text: &str, from: usize, mut each: impl FnMut(&Groups) -> bool) -> Result<()> {
        let mut at = from;
        while at <= text.len() {
            let Some(groups) = self.find(text, at)? else { break };
            let Some((start, end)) = groups[0] else { break };
            if !each(&groups) {
                break;
            }
            at = if start == end { end + text[end..].chars().next().map_or(1, char::len_utf8) } else { end };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
