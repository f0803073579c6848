//! Definitions that say the same: blanks, comments, the case of letters and other names of types do not matter.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::scan::Scan;

/// Names of types, and the one that stands for them; a name of several words before the beginning of it.
const TYPES: [(&[&str], &str); 22] = [
    (&["timestamp", "with", "time", "zone"], "timestamptz"),
    (&["timestamp", "without", "time", "zone"], "timestamp"),
    (&["time", "without", "time", "zone"], "time"),
    (&["double", "precision"], "double"),
    (&["character", "varying"], "varchar"),
    (&["char", "varying"], "varchar"),
    (&["int"], "integer"),
    (&["int4"], "integer"),
    (&["serial4"], "serial"),
    (&["int8"], "bigint"),
    (&["serial8"], "bigserial"),
    (&["int2"], "smallint"),
    (&["serial2"], "smallserial"),
    (&["float8"], "double"),
    (&["float"], "double"),
    (&["float4"], "real"),
    (&["bool"], "boolean"),
    (&["decimal"], "numeric"),
    (&["dec"], "numeric"),
    (&["character"], "char"),
    (&["string"], "text"),
    (&["bytes"], "bytea"),
];

/// Whether two statements are the same but for blanks, comments, the case of what is not quoted, and names of types.
pub fn same_statement(one: &str, other: &str) -> bool {
    match (canonical(one), canonical(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// The tokens of a text, each in one way of writing it; `None` if it has none.
fn canonical(sql: &str) -> Option<Vec<String>> {
    let scan = Scan::new(sql).ok()?;
    let tokens = scan.tokens.iter().map(|token| &token.token);
    let words = tokens.filter(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon | Token::EOF)).map(word);
    let mut words: Vec<String> = words.collect();
    if let Some(at) = words.iter().position(|word| word == "if")
        && words[at..].starts_with(&["if".to_string(), "not".to_string(), "exists".to_string()])
        && at <= 3
    {
        words.drain(at..at + 3);
    }
    if words.get(1).is_some_and(|word| word == "source") {
        words[1] = "stream".to_string();
    }
    Some(with_types(words))
}

/// A name in quotes that needs none is the same name.
fn word(token: &Token) -> String {
    match token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_lowercase(),
        Token::Word(word) => {
            let is_plain = word.value.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
                && word.value.starts_with(|c: char| !c.is_ascii_digit());
            // A keyword may mean something else without its quotes.
            match is_plain && keyword(&word.value) == Keyword::NoKeyword {
                true => word.value.clone(),
                false => format!("\"{}\"", word.value),
            }
        }
        other => other.to_string(),
    }
}

fn keyword(name: &str) -> Keyword {
    match Token::make_word(name, None) {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

/// The words with one name for each type, where a type stands: behind `::`, behind AS in a cast, behind the name of a column that is
/// defined. Elsewhere the same word may be a column.
fn with_types(words: Vec<String>) -> Vec<String> {
    let defines_columns = matches!(words.get(1).map(String::as_str), Some("table" | "stream"));
    let mut canonical: Vec<String> = Vec::with_capacity(words.len());
    // Whether each open parenthesis is a cast's.
    let mut open: Vec<bool> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let before = |back: usize| at.checked_sub(back).map(|at| words[at].as_str());
        let begins = match before(1) {
            Some("::") => true,
            Some("as") => open.last() == Some(&true),
            _ => defines_columns && open.len() == 1 && matches!(before(2), Some("(" | ",")),
        };
        match word.as_str() {
            "(" => open.push(matches!(before(1), Some("cast" | "try_cast"))),
            ")" => drop(open.pop()),
            _ => {}
        }
        let named = TYPES.iter().filter(|_| begins).find(|(name, _)| {
            name.len() <= words.len() - at && name.iter().zip(&words[at..]).all(|(part, word)| part == word)
        });
        let (name, length) = named.map_or((word.as_str(), 1), |(name, canonical)| (*canonical, name.len()));
        at += length;
        // Without a length it is any text.
        let is_any = begins && name == "varchar" && words.get(at).is_none_or(|next| next != "(");
        canonical.push(if is_any { "text" } else { name }.to_string());
    }
    canonical
}

#[cfg(test)]
mod tests {
    use super::same_statement;

    #[test]
    fn only_what_matters_matters() {
        let same = |one, other| assert!(same_statement(one, other), "{one} <> {other}");
        let differs = |one, other| assert!(!same_statement(one, other), "{one} = {other}");
        same(
            "CREATE TABLE t (a INT, b varchar, c timestamp with time zone)",
            "create table \"t\"(a integer,b text,\n c TIMESTAMPTZ);",
        );
        same("CREATE TABLE t (a double precision)", "CREATE TABLE IF NOT EXISTS T (A float8) -- a comment");
        same("CREATE SOURCE s (a int8) WITH (topic = 'x')", "CREATE STREAM s (a BIGINT) /* c */ WITH (topic='x')");
        same(
            "CREATE VIEW v AS SELECT a::int, CAST(b AS bool) FROM t",
            "CREATE VIEW v AS SELECT a :: INTEGER, cast(b as boolean) from t",
        );
        differs("CREATE TABLE t (a INT)", "CREATE TABLE t (a BIGINT)");
        differs("CREATE TABLE t (a varchar(3))", "CREATE TABLE t (a text)");
        differs("CREATE VIEW v AS SELECT 'A' FROM t", "CREATE VIEW v AS SELECT 'a' FROM t");
        differs("CREATE VIEW v AS SELECT \"A\" FROM t", "CREATE VIEW v AS SELECT a FROM t");
        differs("CREATE VIEW v AS SELECT \"user\" FROM t", "CREATE VIEW v AS SELECT user FROM t");
        differs("CREATE VIEW v AS SELECT a AS int FROM t", "CREATE VIEW v AS SELECT a AS integer FROM t");
        differs("CREATE VIEW v AS SELECT int FROM t", "CREATE VIEW v AS SELECT integer FROM t");
        differs("CREATE VIEW v AS SELECT 1 -2", "CREATE VIEW v AS SELECT 1 --2");
    }
}
