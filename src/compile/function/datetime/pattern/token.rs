//! Template patterns as tokens.

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Token {
    /// A field: one of [`FIELDS`], in upper case.
    Field {
        name: &'static str,
        /// As many digits as there are.
        fill: bool,
        /// With an ending such as `th`.
        ordinal: bool,
    },
    /// White space or punctuation.
    Separator,
    /// Any other letter, which stands for one letter.
    Letter(char),
    /// `FX`: blanks count.
    Exact,
}

/// Names of fields, longer ones before those that they begin with.
const FIELDS: &[&str] = &[
    "SSSSS", "SSSS", "HH24", "HH12", "HH", "MI", "SS", "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "A.M.",
    "P.M.", "AM", "PM", "Y,YYY", "YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "IDDD", "ID", "IW", "I", "B.C.",
    "A.D.", "BC", "AD", "MONTH", "MON", "MM", "DAY", "DY", "DDD", "DD", "D", "WW", "W", "CC", "J", "Q", "RM", "TZH",
    "TZM", "TZ", "OF",
];

/// The tokens of a pattern.
pub(in super::super) fn tokens(pattern: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("FX").or_else(|| rest.strip_prefix("fx")) {
            found.push(Token::Exact);
            rest = after;
        } else if let Some((token, after)) = field(rest) {
            found.push(token);
            rest = after;
        } else if letter == '"' {
            rest = quoted(&rest[1..], &mut found);
        } else {
            if letter == '\\' && rest[1..].starts_with('"') {
                rest = &rest[1..];
            }
            let letter = rest.chars().next().unwrap_or(letter);
            found.push(if is_separator(letter) { Token::Separator } else { Token::Letter(letter) });
            rest = &rest[letter.len_utf8()..];
        }
    }
    found
}

/// White space, or ASCII that is neither letter nor digit.
pub(super) fn is_separator(letter: char) -> bool {
    letter.is_ascii_whitespace() || letter.is_ascii_punctuation()
}

/// The letters up to the closing quote, each as itself; answers what is behind it.
fn quoted<'a>(text: &'a str, found: &mut Vec<Token>) -> &'a str {
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return &text[at + 1..],
            '\\' => found.extend(letters.next().map(|(_, letter)| Token::Letter(letter))),
            letter => found.push(Token::Letter(letter)),
        }
    }
    ""
}

/// A field with its prefix and suffix at the start of `text`.
fn field(text: &str) -> Option<(Token, &str)> {
    let mut rest = text;
    let mut fill = false;
    while let Some(after) = ["FM", "fm", "TM", "tm"].iter().find_map(|prefix| rest.strip_prefix(*prefix)) {
        fill |= !rest.starts_with(['T', 't']);
        rest = after;
    }
    let matches = |name: &&&str| {
        rest.get(..name.len()).is_some_and(|start| {
            let mixed =
                matches!(**name, "MONTH" | "MON" | "DAY" | "DY") && start.starts_with(|c: char| c.is_ascii_uppercase());
            start == **name
                || start == name.to_ascii_lowercase()
                || mixed && start[1..] == name[1..].to_ascii_lowercase()
        })
    };
    let name = FIELDS.iter().find(matches)?;
    rest = &rest[name.len()..];
    let ordinal = rest.starts_with("TH") || rest.starts_with("th");
    Some((Token::Field { name, fill, ordinal }, if ordinal { &rest[2..] } else { rest }))
}
