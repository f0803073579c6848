//! Which column a key belongs to, mostly without looking at the key: records of a topic have the same keys in the same order,
//! so the key that followed last time is compared first.

use hashbrown::HashMap;

use super::scan::{Malformed, Scanner, unescape};

/// Keys learned at most, and how long one may be. Others are resolved anew each time.
const KEYS_MAX: usize = 1_024;
const KEY_BYTES_MAX: usize = 256;

/// Keys that may be missing in a row before the prediction is given up.
const SKIPS_MAX: usize = 4;

/// What a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The column of this number, and whether its name is exactly the key.
    Column(usize, bool),
    /// Nothing: the value is skipped.
    Ignored,
}

/// The keys seen so far.
#[derive(Debug)]
pub(super) struct Keys {
    /// The first entry stands for the start of a record.
    learned: Vec<Learned>,
    by_text: HashMap<Box<[u8]>, usize>,
    exact: HashMap<String, usize>,
    /// Columns by lower-case name; `None` if several have it.
    folded: HashMap<String, Option<usize>>,
}

#[derive(Debug)]
struct Learned {
    /// The key as it stands in the text, with quotes and colon.
    text: Box<[u8]>,
    /// The first sixteen bytes of `text` as two words, and which of their bits count.
    words: [u64; 2],
    masks: [u64; 2],
    target: Target,
    /// The entry whose key came next the last time; 0 for none.
    next: usize,
}

impl Keys {
    /// Where every record starts.
    pub(super) const START: usize = 0;

    /// Nothing learned yet, for columns of these names.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Keys {
        let mut keys = Keys {
            // A NUL never stands in a JSON text, so nothing is ever taken for this entry.
            learned: vec![Learned::new(b"\0", Target::Ignored, 0)],
            by_text: HashMap::new(),
            exact: HashMap::new(),
            folded: HashMap::new(),
        };
        for (column, name) in names.enumerate() {
            keys.exact.insert(name.to_string(), column);
            let folded = keys.folded.entry(name.to_ascii_lowercase());
            folded.and_modify(|known| *known = None).or_insert(Some(column));
        }
        keys
    }

    /// Consumes a key, its colon and white space. `previous` is the entry of the key before, or [`Keys::START`]. Answers what
    /// the key stands for, and its entry.
    #[inline(always)]
    pub(super) fn take(&mut self, scanner: &mut Scanner<'_>, previous: usize) -> Result<(Target, usize), Malformed> {
        let expected = self.learned[previous].next;
        let entry = &self.learned[expected];
        if entry.is_at(scanner) {
            scanner.at += entry.text.len();
            scanner.skip_whitespace();
            return Ok((entry.target, expected));
        }
        scanner.aside(|scanner| self.take_unexpected(scanner, previous))
    }

    #[inline(never)]
    fn take_unexpected(&mut self, scanner: &mut Scanner<'_>, previous: usize) -> Result<(Target, usize), Malformed> {
        let mut skipped = self.learned[previous].next;
        for _ in 0..SKIPS_MAX {
            skipped = self.learned[skipped].next;
            let entry = &self.learned[skipped];
            if entry.is_at(scanner) {
                scanner.at += entry.text.len();
                scanner.skip_whitespace();
                return Ok((entry.target, skipped));
            }
        }
        let key = scanner.key()?;
        if let Some(known) = self.by_text.get(key.bytes) {
            self.learned[previous].next = *known;
            return Ok((self.learned[*known].target, *known));
        }
        let mut name = Vec::with_capacity(key.bytes.len());
        unescape(key, &mut name)?;
        let target = self.resolve(&name);
        if self.learned.len() >= KEYS_MAX || key.bytes.len() > KEY_BYTES_MAX {
            return Ok((target, previous));
        }
        let text = [b"\"", key.bytes, b"\":"].concat();
        let entry = self.learned.len();
        self.learned.push(Learned::new(&text, target, self.learned[previous].next));
        self.learned[previous].next = entry;
        self.by_text.insert(key.bytes.into(), entry);
        Ok((target, entry))
    }

    /// The column of just this name, or the only one whose name differs in case at most.
    fn resolve(&self, name: &[u8]) -> Target {
        let Ok(name) = std::str::from_utf8(name) else {
            return Target::Ignored;
        };
        if let Some(column) = self.exact.get(name) {
            return Target::Column(*column, true);
        }
        match self.folded.get(&name.to_ascii_lowercase()) {
            Some(Some(column)) => Target::Column(*column, false),
            _ => Target::Ignored,
        }
    }
}

impl Learned {
    fn new(text: &[u8], target: Target, next: usize) -> Learned {
        let mut words = [0; 2];
        let mut masks = [0; 2];
        for (at, byte) in text.iter().take(16).enumerate() {
            words[at / 8] |= u64::from(*byte) << (at % 8 * 8);
            masks[at / 8] |= 0xff << (at % 8 * 8);
        }
        Learned { text: text.into(), words, masks, target, next }
    }

    /// Whether this key is next.
    #[inline(always)]
    fn is_at(&self, scanner: &Scanner<'_>) -> bool {
        let Some(chunk) = scanner.bytes.get(scanner.at..scanner.at + 16) else {
            return scanner.bytes.get(scanner.at..).is_some_and(|rest| rest.starts_with(&self.text));
        };
        let word = |at: usize| u64::from_le_bytes(chunk[at..at + 8].try_into().unwrap_or_default());
        let differs = (word(0) ^ self.words[0]) & self.masks[0] | (word(8) ^ self.words[1]) & self.masks[1];
        differs == 0 && (self.text.len() <= 16 || scanner.bytes[scanner.at..].starts_with(&self.text))
    }
}
