//! EXCLUDE in a window's frame, which sqlparser does not read: it is taken out, and the window's name says what it was. A window
//! without a name gets one that is empty but for that.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::grammar::is_word;
use crate::compile::window::Exclusion;

/// Stands between a window's name and what its frame excludes.
const MARK: char = '\u{1}';

/// What may follow EXCLUDE, with the word that the window's name gets.
const EXCLUSIONS: [(&[&str], &str, Exclusion); 4] = [
    (&["current", "row"], "row", Exclusion::CurrentRow),
    (&["group"], "group", Exclusion::Group),
    (&["ties"], "ties", Exclusion::Ties),
    (&["no", "others"], "none", Exclusion::NoOthers),
];

/// Tokens, each with its origin, without EXCLUDE.
pub(super) fn marked(mut tokens: Vec<(TokenWithSpan, usize)>) -> Vec<(TokenWithSpan, usize)> {
    let mut at = 0;
    while at < tokens.len() {
        if let Some((end, word)) = exclusion(&tokens, at)
            && let Some(open) = opening(&tokens, at)
        {
            tokens.drain(at..end);
            mark(&mut tokens, open, word);
        }
        at += 1;
    }
    tokens
}

/// Takes the mark out of a window's specification: what its frame excludes.
pub(super) fn taken(window: &mut ast::WindowSpec) -> Exclusion {
    let Some(name) = &mut window.window_name else { return Exclusion::NoOthers };
    let Some((before, word)) = name.value.split_once(MARK) else { return Exclusion::NoOthers };
    let found = EXCLUSIONS.iter().find(|(_, known, _)| *known == word);
    let found = found.map_or(Exclusion::NoOthers, |(.., exclusion)| *exclusion);
    if before.is_empty() {
        window.window_name = None;
    } else {
        name.value = before.to_string();
    }
    found
}

/// Where the words of an EXCLUDE end that begins at `at`, and the word for it.
fn exclusion(tokens: &[(TokenWithSpan, usize)], at: usize) -> Option<(usize, &'static str)> {
    let before = tokens[..at].iter().rev().find(|(token, _)| !is_blank(token))?;
    let ends_frame = ["row", "preceding", "following"].iter().any(|word| is_word(&before.0.token, word));
    if !ends_frame || !is_word(&tokens[at].0.token, "exclude") {
        return None;
    }
    EXCLUSIONS.iter().find_map(|(words, word, _)| {
        let mut end = at + 1;
        for expected in *words {
            end += tokens[end..].iter().position(|(token, _)| !is_blank(token))?;
            is_word(&tokens[end].0.token, expected).then_some(())?;
            end += 1;
        }
        Some((end, *word))
    })
}

/// The parenthesis around a place.
fn opening(tokens: &[(TokenWithSpan, usize)], at: usize) -> Option<usize> {
    let mut depth = 0;
    for (place, (token, _)) in tokens[..at].iter().enumerate().rev() {
        match token.token {
            Token::RParen => depth += 1,
            Token::LParen if depth == 0 => return Some(place),
            Token::LParen => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Marks the name of the window whose specification opens at `open`.
fn mark(tokens: &mut Vec<(TokenWithSpan, usize)>, open: usize, word: &str) {
    let clauses = ["partition", "order", "rows", "range", "groups"];
    let first = tokens[open + 1..].iter().position(|(token, _)| !is_blank(token)).map(|first| open + 1 + first);
    let name = first.filter(|first| !clauses.iter().any(|clause| is_word(&tokens[*first].0.token, clause)));
    match name.map(|name| &mut tokens[name].0.token) {
        Some(Token::Word(name)) => {
            let folded = if name.quote_style.is_none() { name.value.to_ascii_lowercase() } else { name.value.clone() };
            name.value = format!("{folded}{MARK}{word}");
            name.quote_style = Some('"');
        }
        _ => {
            let (span, origin) = (tokens[open].0.span, tokens[open].1);
            let name = Token::make_word(&format!("{MARK}{word}"), Some('"'));
            tokens.insert(open + 1, (TokenWithSpan::new(name, span), origin));
        }
    }
}

fn is_blank(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}
