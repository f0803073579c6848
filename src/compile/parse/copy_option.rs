//! Options of COPY, in both of PostgreSQL's ways of writing them.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::grammar::Grammar;
use super::port::{boolean, unknown_option};
use crate::error::{Error, Result, code};

/// COPY table [(columns)] FROM STDIN.
#[derive(Debug, Clone)]
pub struct CopyFrom {
    /// Table.
    pub table: String,
    /// Columns; `None` = all in order.
    pub columns: Option<Vec<String>>,
    /// How.
    pub options: CopyOptions,
}

/// Options of COPY.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Format.
    pub format: CopyFormat,
    /// Header line.
    pub header: bool,
    /// Delimiter: tab for text, comma for CSV unless given.
    pub delimiter: Option<char>,
    /// NULL string: `\N` for text, empty for CSV unless given.
    pub null: Option<String>,
    /// QUOTE character of CSV.
    pub quote: Option<char>,
    /// ESCAPE character of CSV: the quote unless given.
    pub escape: Option<char>,
    /// Whether the header line must have the columns' names.
    pub header_match: bool,
    /// Columns whose values are always quoted.
    pub force_quote: CopyColumns,
    /// Columns whose quoted values may be NULL.
    pub force_null: CopyColumns,
    /// Columns whose values are never NULL.
    pub force_not_null: CopyColumns,
}

/// Columns that an option of COPY is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CopyColumns {
    /// None.
    #[default]
    None,
    /// `*`.
    All,
    /// These.
    Named(Vec<String>),
}

impl CopyColumns {
    /// For each of the columns whether it is meant. Errors: 42P10 for a name that is none of them.
    pub fn among(&self, option: &str, columns: &[&str]) -> Result<Vec<bool>> {
        match self {
            CopyColumns::None => Ok(vec![false; columns.len()]),
            CopyColumns::All => Ok(vec![true; columns.len()]),
            CopyColumns::Named(names) => match names.iter().find(|name| !columns.contains(&name.as_str())) {
                Some(name) => {
                    let message = format!("{option} column \"{name}\" not referenced by COPY");
                    Err(Error::new(code::INVALID_COLUMN_REFERENCE, message))
                }
                None => Ok(columns.iter().map(|column| names.iter().any(|name| name == column)).collect()),
            },
        }
    }
}

/// Format of COPY.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the SQL names")]
pub enum CopyFormat {
    #[default]
    Text,
    Csv,
    Binary,
}

/// A value of an option.
enum Value {
    None,
    Text(String),
    Columns(CopyColumns),
}

/// What follows STDIN (`reads`) or STDOUT.
pub(super) fn copy_options(grammar: &mut Grammar, reads: bool) -> Result<CopyOptions> {
    let mut options = CopyOptions::default();
    grammar.eat(&["WITH"]);
    if grammar.peek() == Token::LParen {
        let mut seen = Vec::new();
        grammar.list(|grammar| {
            let position = grammar.position();
            let Token::Word(word) = grammar.next().token else { return Err(grammar.unexpected()) };
            let name = word.value.to_ascii_lowercase();
            if seen.contains(&name) {
                return Err(Error::new(code::SYNTAX_ERROR, "conflicting or redundant options").at(position));
            }
            let value = value(grammar)?;
            set(&mut options, &name, value).map_err(|error| error.at(position))?;
            seen.push(name);
            Ok(())
        })?;
    } else {
        old_options(grammar, &mut options)?;
    }
    check(&options, reads)?;
    Ok(options)
}

fn value(grammar: &mut Grammar) -> Result<Value> {
    Ok(match grammar.peek() {
        Token::Comma | Token::RParen => Value::None,
        Token::LParen => Value::Columns(CopyColumns::Named(grammar.list(Grammar::name)?)),
        Token::Mul => {
            grammar.next();
            Value::Columns(CopyColumns::All)
        }
        Token::Number(digits, _) => {
            grammar.next();
            Value::Text(digits)
        }
        Token::Word(word) => {
            grammar.next();
            Value::Text(word.value)
        }
        _ => match grammar.string() {
            Some(text) => Value::Text(text),
            None => return Err(grammar.unexpected()),
        },
    })
}

/// `CSV HEADER DELIMITER AS ',' FORCE QUOTE a, b`: the syntax from before PostgreSQL 9.
fn old_options(grammar: &mut Grammar, options: &mut CopyOptions) -> Result<()> {
    let words = ["CSV", "BINARY", "HEADER", "DELIMITER", "NULL", "QUOTE", "ESCAPE", "FORCE", "ENCODING"];
    while let Some(word) = grammar.eat_one(&words) {
        let position = grammar.position();
        let (name, value) = match word {
            "CSV" | "BINARY" => ("format".to_string(), Value::Text(word.to_ascii_lowercase())),
            "HEADER" => ("header".to_string(), Value::None),
            "FORCE" => {
                let name = match (grammar.eat(&["QUOTE"]), grammar.eat(&["NOT", "NULL"])) {
                    (true, _) => "force_quote",
                    (_, true) => "force_not_null",
                    _ => {
                        grammar.expect(&["NULL"])?;
                        "force_null"
                    }
                };
                (name.to_string(), Value::Columns(old_columns(grammar)?))
            }
            _ => {
                grammar.eat(&["AS"]);
                let Some(text) = grammar.string() else { return Err(grammar.unexpected()) };
                (word.to_ascii_lowercase(), Value::Text(text))
            }
        };
        set(options, &name, value).map_err(|error| error.at(position))?;
    }
    Ok(())
}

fn old_columns(grammar: &mut Grammar) -> Result<CopyColumns> {
    if grammar.eat_token(&Token::Mul) {
        return Ok(CopyColumns::All);
    }
    let mut names = vec![grammar.name()?];
    while grammar.eat_token(&Token::Comma) {
        names.push(grammar.name()?);
    }
    Ok(CopyColumns::Named(names))
}

fn set(options: &mut CopyOptions, name: &str, value: Value) -> Result<()> {
    let (text, columns) = match value {
        Value::None => (None, None),
        Value::Text(text) => (Some(text), None),
        Value::Columns(columns) => (None, Some(columns)),
    };
    let written = text.clone().unwrap_or_default();
    let list = || {
        let message = format!("argument to option \"{name}\" must be a list of column names");
        columns.clone().ok_or_else(|| Error::new(code::INVALID_PARAMETER_VALUE, message))
    };
    match name {
        "format" => options.format = format(&written)?,
        "header" if written.eq_ignore_ascii_case("match") => (options.header, options.header_match) = (true, true),
        "header" => options.header = boolean(name, text.as_deref())?,
        "delimiter" => options.delimiter = Some(one_byte(name, &written)?),
        "quote" => options.quote = Some(one_byte(name, &written)?),
        "escape" => options.escape = Some(one_byte(name, &written)?),
        "null" => options.null = Some(written),
        "force_quote" => options.force_quote = list()?,
        "force_null" => options.force_null = list()?,
        "force_not_null" => options.force_not_null = list()?,
        "encoding" if ["utf8", "utf-8", "unicode"].contains(&written.to_ascii_lowercase().as_str()) => {}
        "encoding" => {
            return Err(Error::unsupported(format!("COPY with encoding {written} is not supported")).hint("use UTF8"));
        }
        "freeze" => return Err(Error::unsupported("COPY option freeze is not supported")),
        _ => {
            let known = "COPY takes format, header, delimiter, null, quote, escape, force_quote, force_null, force_not_null and encoding";
            return Err(unknown_option(name, known));
        }
    }
    Ok(())
}

fn format(name: &str) -> Result<CopyFormat> {
    match name.to_ascii_lowercase().as_str() {
        "text" => Ok(CopyFormat::Text),
        "csv" => Ok(CopyFormat::Csv),
        "binary" => Ok(CopyFormat::Binary),
        _ => {
            let message = format!("COPY format \"{name}\" not recognized");
            Err(Error::new(code::INVALID_PARAMETER_VALUE, message).hint("use text, csv or binary"))
        }
    }
}

/// Refuses options that do not go together, in PostgreSQL's words.
fn check(options: &CopyOptions, reads: bool) -> Result<()> {
    let given = |columns: &CopyColumns| *columns != CopyColumns::None;
    let of_csv = [
        ("quote", options.quote.is_some()),
        ("escape", options.escape.is_some()),
        ("force quote", given(&options.force_quote)),
        ("force not null", given(&options.force_not_null)),
        ("force null", given(&options.force_null)),
    ];
    if let Some((name, _)) = of_csv.iter().find(|(_, given)| *given && options.format != CopyFormat::Csv) {
        return Err(Error::unsupported(format!("COPY {name} available only in CSV mode")));
    }
    let misplaced = [
        ("force quote", "TO", given(&options.force_quote) && reads),
        ("force not null", "FROM", given(&options.force_not_null) && !reads),
        ("force null", "FROM", given(&options.force_null) && !reads),
    ];
    if let Some((name, way, _)) = misplaced.iter().find(|(.., misplaced)| *misplaced) {
        return Err(Error::unsupported(format!("COPY {name} only available using COPY {way}")));
    }
    if options.header_match && !reads {
        return Err(Error::unsupported("cannot use \"match\" with HEADER in COPY TO"));
    }
    let is_binary = options.format == CopyFormat::Binary;
    if is_binary && (options.delimiter.is_some() || options.null.is_some() || options.header) {
        return Err(Error::new(code::SYNTAX_ERROR, "cannot specify DELIMITER, NULL or HEADER in BINARY mode"));
    }
    Ok(())
}

fn one_byte(name: &str, text: &str) -> Result<char> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(char::from(*byte)),
        _ => Err(Error::unsupported(format!("COPY {name} must be a single one-byte character"))),
    }
}
