//! Sets of characters, as ranges.

use std::sync::OnceLock;

/// The last code point.
const LAST: u32 = char::MAX as u32;

/// A set of characters: ranges of code points in ascending order that neither meet nor touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Set(Vec<(u32, u32)>);

impl Set {
    /// One character.
    pub(super) fn of(letter: char) -> Set {
        Set(vec![(letter as u32, letter as u32)])
    }

    /// Every character.
    pub(super) fn all() -> Set {
        Set(vec![(0, LAST)])
    }

    /// From one character to another, both included.
    pub(super) fn range(first: char, last: char) -> Set {
        Set(vec![(first as u32, last as u32)])
    }

    /// The class `[:name:]`; `None` if there is none of that name.
    pub(super) fn class(name: &str) -> Option<Set> {
        static CLASSES: OnceLock<Vec<(&str, Set)>> = OnceLock::new();
        let classes =
            CLASSES.get_or_init(|| NAMED.iter().map(|(name, holds)| (*name, Set::where_true(*holds))).collect());
        classes.iter().find(|(known, _)| *known == name).map(|(_, set)| set.clone())
    }

    fn where_true(holds: fn(char) -> bool) -> Set {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for letter in ('\0'..=char::MAX).filter(|letter| holds(*letter)) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == letter as u32 => *last = letter as u32,
                _ => ranges.push((letter as u32, letter as u32)),
            }
        }
        Set(ranges)
    }

    /// Adds the characters of another set.
    pub(super) fn add(&mut self, other: &Set) {
        self.0.extend_from_slice(&other.0);
        self.0.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(self.0.len());
        for (first, last) in self.0.drain(..) {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
                _ => merged.push((first, last)),
            }
        }
        self.0 = merged;
    }

    /// All characters that are not in the set.
    pub(super) fn complement(&self) -> Set {
        let mut ranges = Vec::with_capacity(self.0.len() + 1);
        let mut next = 0;
        for (first, last) in &self.0 {
            if next < *first {
                ranges.push((next, first - 1));
            }
            next = last + 1;
        }
        if next <= LAST {
            ranges.push((next, LAST));
        }
        Set(ranges)
    }

    /// The set without one character.
    pub(super) fn without(&self, letter: char) -> Set {
        let mut outside = self.complement();
        outside.add(&Set::of(letter));
        outside.complement()
    }

    /// The set with the other case of its letters.
    pub(super) fn any_case(&self) -> Set {
        let mut added = Set::default();
        for (first, last) in &self.0 {
            // Sets of thousands are classes, which have both cases or are meant to have one in the whole alphabet.
            for point in *first..=(*last).min(first.saturating_add(0x2_0000)) {
                let Some(letter) = char::from_u32(point) else { continue };
                for other in [super::super::lower(letter), super::super::upper(letter)] {
                    if other != letter {
                        added.0.push((other as u32, other as u32));
                    }
                }
            }
        }
        let mut both = self.clone();
        both.add(&added);
        both
    }

    /// Whether a character is in the set.
    pub(super) fn contains(&self, letter: char) -> bool {
        let point = letter as u32;
        let after = self.0.partition_point(|(first, _)| *first <= point);
        after.checked_sub(1).is_some_and(|at| self.0[at].1 >= point)
    }

    /// Whether no character is in both sets.
    pub(super) fn is_disjoint(&self, other: &Set) -> bool {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some((a, b)), Some((c, d))) = (left.peek(), right.peek()) {
            if a <= d && c <= b {
                return false;
            }
            if b < d {
                left.next()
            } else {
                right.next()
            };
        }
        true
    }

    /// The set in the syntax of the regex crate.
    pub(super) fn write(&self, out: &mut String) {
        use std::fmt::Write;
        if self.0.is_empty() {
            out.push_str("[^\\x{0}-\\x{10FFFF}]");
            return;
        }
        out.push('[');
        for (first, last) in &self.0 {
            // Surrogates are no characters and may not be written.
            let (first, last) = match (*first, *last) {
                (0xD800..=0xDFFF, last) => (0xE000, last),
                (first, 0xD800..=0xDFFF) => (first, 0xD7FF),
                both => both,
            };
            let _ = write!(out, "\\x{{{first:X}}}-\\x{{{last:X}}}");
        }
        out.push(']');
    }
}

/// A class by its name.
type Class = (&'static str, fn(char) -> bool);

/// PostgreSQL's classes. Digits are those of ASCII.
const NAMED: [Class; 13] = [
    ("alpha", char::is_alphabetic),
    ("digit", |letter| letter.is_ascii_digit()),
    ("alnum", |letter| letter.is_alphabetic() || letter.is_ascii_digit()),
    ("upper", char::is_uppercase),
    ("lower", char::is_lowercase),
    ("space", is_space),
    ("blank", |letter| letter == '\t' || letter != '\n' && is_space(letter) && !letter.is_control()),
    ("punct", |letter| is_graph(letter) && !letter.is_alphabetic() && !letter.is_ascii_digit()),
    ("print", |letter| is_graph(letter) || letter != '\n' && is_space(letter) && !letter.is_control()),
    ("graph", is_graph),
    ("cntrl", char::is_control),
    ("xdigit", |letter| letter.is_ascii_hexdigit()),
    ("word", |letter| letter.is_alphabetic() || letter.is_ascii_digit() || letter == '_'),
];

/// White space after which a line may be broken.
fn is_space(letter: char) -> bool {
    letter.is_whitespace() && !matches!(letter, '\u{85}' | '\u{a0}' | '\u{2007}' | '\u{202f}')
}

fn is_graph(letter: char) -> bool {
    !letter.is_control() && !letter.is_whitespace()
}

/// Whether a character belongs to words.
pub(super) fn is_word(letter: char) -> bool {
    letter.is_alphabetic() || letter.is_ascii_digit() || letter == '_'
}
