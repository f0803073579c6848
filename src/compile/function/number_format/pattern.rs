//! What a number's pattern says: `FM999,990.00`, `S9D9`, `RN`, …

use super::syntax;
use crate::error::Result;

/// A part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// `9` and `0`.
    Nine,
    Zero,
    /// `.` and `D`.
    Point,
    /// `,`
    Comma,
    /// `G`
    Group,
    /// `L`
    Currency,
    /// `MI`, `PL`, `SG`
    Minus,
    Plus,
    Sign,
    /// `RN`, `rn`
    Roman {
        upper: bool,
    },
    /// `TH`, `th`
    Ordinal {
        upper: bool,
    },
    /// Stands for itself.
    Letter(char),
    /// Says something about the whole only.
    Silent,
}

/// Where the sign `S` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Before,
    After,
}

/// A pattern.
#[derive(Debug, Clone, Default)]
pub(super) struct Pattern {
    pub(super) items: Vec<Item>,
    /// Digits before and after the point.
    pub(super) pre: usize,
    pub(super) post: usize,
    /// Digits after `V`.
    pub(super) shift: usize,
    /// `S`, and the digits before it.
    pub(super) anchor: Option<Anchor>,
    pub(super) pre_anchor: usize,
    /// Where zeros begin (from 1) and end.
    pub(super) zero_start: usize,
    pub(super) zero_end: usize,
    pub(super) has_zero: bool,
    pub(super) has_point: bool,
    pub(super) fill: bool,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) bracket: bool,
    pub(super) roman: bool,
    pub(super) scientific: bool,
    has_shift: bool,
}

/// The words, longer ones before those that they begin with; those of letters are known in lower case, too.
const WORDS: [&str; 20] =
    [",", ".", "0", "9", "B", "C", "D", "EEEE", "FM", "G", "L", "MI", "PL", "PR", "RN", "SG", "SP", "S", "TH", "V"];

impl Pattern {
    /// Reads a pattern. Errors: 42601 for words that do not go together.
    pub(super) fn of(text: &str) -> Result<Pattern> {
        let mut pattern = Pattern::default();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let word =
                WORDS.iter().find(|word| rest.starts_with(**word) || rest.starts_with(&word.to_ascii_lowercase()));
            if let Some(word) = word {
                let upper = rest.starts_with(word);
                rest = &rest[word.len()..];
                pattern.add(word, upper)?;
            } else if letter == '"' {
                rest = pattern.quoted(&rest[1..]);
            } else {
                // Before a quote, a backslash takes its meaning away.
                let literal = rest.strip_prefix("\\\"").map_or(letter, |_| '"');
                rest = if literal == letter { &rest[letter.len_utf8()..] } else { &rest[2..] };
                pattern.items.push(Item::Letter(literal));
            }
        }
        Ok(pattern)
    }

    fn quoted<'a>(&mut self, text: &'a str) -> &'a str {
        let mut letters = text.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => return &text[at + 1..],
                '\\' => match letters.next() {
                    Some((_, next)) => self.items.push(Item::Letter(next)),
                    None => self.items.push(Item::Letter(letter)),
                },
                letter => self.items.push(Item::Letter(letter)),
            }
        }
        ""
    }

    fn add(&mut self, word: &str, upper: bool) -> Result<()> {
        if self.scientific && word != "EEEE" {
            return Err(syntax("\"EEEE\" must be the last pattern used"));
        }
        let item = match word {
            "9" | "0" => self.digit(word)?,
            "." | "D" => self.point()?,
            "," => Item::Comma,
            "G" => Item::Group,
            "L" => Item::Currency,
            "S" => self.sign()?,
            "MI" | "PL" | "SG" => self.signs(word)?,
            "PR" => self.brackets()?,
            "RN" => {
                self.roman = true;
                Item::Roman { upper }
            }
            "TH" => Item::Ordinal { upper },
            "FM" => {
                self.fill = true;
                Item::Silent
            }
            "V" => {
                if self.has_point {
                    return Err(syntax("cannot use \"V\" and decimal point together"));
                }
                self.has_shift = true;
                Item::Silent
            }
            "EEEE" => self.exponent()?,
            _ => Item::Silent,
        };
        self.items.push(item);
        Ok(())
    }

    fn digit(&mut self, word: &str) -> Result<Item> {
        if self.bracket {
            return Err(syntax(&format!("\"{word}\" must be ahead of \"PR\"")));
        }
        if word == "0" && !self.has_zero && !self.has_point {
            self.has_zero = true;
            self.zero_start = self.pre + 1;
        }
        if word == "9" && self.has_shift {
            self.shift += 1;
            return Ok(Item::Nine);
        }
        if self.has_point {
            self.post += 1;
        } else {
            self.pre += 1;
        }
        if word == "9" {
            return Ok(Item::Nine);
        }
        self.zero_end = self.pre + self.post;
        Ok(Item::Zero)
    }

    fn point(&mut self) -> Result<Item> {
        if self.has_point {
            return Err(syntax("multiple decimal points"));
        }
        if self.has_shift {
            return Err(syntax("cannot use \"V\" and decimal point together"));
        }
        self.has_point = true;
        Ok(Item::Point)
    }

    fn sign(&mut self) -> Result<Item> {
        if self.anchor.is_some() {
            return Err(syntax("cannot use \"S\" twice"));
        }
        if self.plus || self.minus || self.bracket {
            return Err(syntax("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together"));
        }
        if self.has_point {
            self.anchor = Some(Anchor::After);
        } else {
            self.anchor = Some(Anchor::Before);
            self.pre_anchor = self.pre;
        }
        Ok(Item::Silent)
    }

    fn signs(&mut self, word: &str) -> Result<Item> {
        if self.anchor.is_some() {
            return Err(syntax(&format!("cannot use \"S\" and \"{word}\" together")));
        }
        self.minus |= word != "PL";
        self.plus |= word != "MI";
        Ok(match word {
            "MI" => Item::Minus,
            "PL" => Item::Plus,
            _ => Item::Sign,
        })
    }

    fn brackets(&mut self) -> Result<Item> {
        if self.anchor.is_some() || self.plus || self.minus {
            return Err(syntax("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together"));
        }
        self.bracket = true;
        Ok(Item::Silent)
    }

    fn exponent(&mut self) -> Result<Item> {
        if self.scientific {
            return Err(syntax("cannot use \"EEEE\" twice"));
        }
        if self.has_zero && self.zero_start == 0
            || self.fill
            || self.anchor.is_some()
            || self.bracket
            || self.minus
            || self.plus
            || self.roman
            || self.has_shift
        {
            return Err(syntax("\"EEEE\" is incompatible with other formats")
                .detail("\"EEEE\" may only be used together with digit and decimal point patterns."));
        }
        self.scientific = true;
        Ok(Item::Silent)
    }
}
