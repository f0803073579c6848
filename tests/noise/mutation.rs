//! Small damage to statements.

use super::corpus::Corpus;
use super::grammar;
use crate::oracle::Random;

/// A text in pieces: words, numbers, quoted texts, signs and what is between them.
pub(super) fn tokens(sql: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
            first if first.is_alphanumeric() || first == '_' => length_of(rest, |c| c.is_alphanumeric() || c == '_'),
            first if first.is_whitespace() => length_of(rest, char::is_whitespace),
            first if "<>=~!@#^&|*+-/:".contains(first) => length_of(rest, |c| "<>=~!@#^&|*+-/:".contains(c)),
            first => first.len_utf8(),
        };
        found.push(rest[..length].to_string());
        rest = &rest[length..];
    }
    found
}

fn length_of(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// The statement with one to four changes.
pub(super) fn mutated(sql: &str, corpus: &Corpus, random: &mut Random) -> Vec<u8> {
    let mut pieces = tokens(sql);
    for _ in 0..=random.next(4) {
        change(&mut pieces, corpus, random);
    }
    let mut bytes = pieces.concat().into_bytes();
    if random.next(8) == 0 && !bytes.is_empty() {
        damage(&mut bytes, random);
    }
    bytes
}

fn change(pieces: &mut Vec<String>, corpus: &Corpus, random: &mut Random) {
    if pieces.is_empty() {
        return;
    }
    let at = random.next(pieces.len() as u64) as usize;
    let other = random.next(pieces.len() as u64) as usize;
    match random.next(11) {
        0 => drop(pieces.remove(at)),
        1 => pieces.insert(at, pieces[other].clone()),
        2 => pieces.swap(at, other),
        3 => pieces[at] = corpus.tokens[random.next(corpus.tokens.len() as u64) as usize].clone(),
        4 => pieces.insert(at, format!(" {} ", corpus.tokens[random.next(corpus.tokens.len() as u64) as usize])),
        5 | 6 => replace_value(pieces, at, random),
        7 => {
            let (first, last) = (at.min(other), at.max(other).min(at.min(other) + 8));
            let part = pieces[first..=last].concat();
            pieces.insert(last + 1, part.repeat([1, 2, 30, 400][random.next(4) as usize]));
        }
        8 => pieces[at] = grammar::nested(&pieces[at], random),
        9 => pieces[at] = grammar::Grammar { corpus, tables: &super::TABLES }.expression(2, random),
        _ => drop(pieces.drain(at.min(other)..=at.max(other).min(at.min(other) + 3))),
    }
}

/// Another value in the place of the next value.
fn replace_value(pieces: &mut [String], at: usize, random: &mut Random) {
    let is_value = |piece: &String| piece.starts_with(|first: char| first == '\'' || first.is_ascii_digit());
    if let Some(value) = pieces[at..].iter_mut().find(|piece| is_value(piece)) {
        *value = grammar::literal(random);
    }
}

/// Bytes that no text has, an end too early.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.next(bytes.len() as u64) as usize;
    match random.next(6) {
        0 => bytes.truncate(at),
        1 => bytes[at] = 0,
        2 => bytes[at] = 0xFF,
        3 => bytes.insert(at, [b'\'', b'"', b'$', b';', b'\\', b'(', 0x1B, 0xC3][random.next(8) as usize]),
        4 => drop(bytes.splice(at..at, "💧\u{202E}\u{0}é".bytes())),
        _ => bytes[at] ^= 1 << random.next(8),
    }
}
