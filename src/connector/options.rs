//! Takes the options of a `WITH (…)` clause one by one, under all the names they go by, and refuses what nobody took.

use datafusion::common::utils::datafusion_strsim::levenshtein;

use super::{COMMON_OPTIONS, Options};
use crate::error::{Error, Result, code};

/// The options of one clause that were not taken yet, and the names asked for so far.
pub(crate) struct Taking<'a> {
    connector: &'static str,
    left: Vec<(&'a str, &'a str)>,
    known: Vec<&'static str>,
}

impl<'a> Taking<'a> {
    /// All options but those that belong to the format or the stream ([`COMMON_OPTIONS`]).
    pub(crate) fn new(connector: &'static str, options: &'a Options) -> Self {
        let left = options.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let left = left.filter(|(name, _)| !COMMON_OPTIONS.contains(name)).collect();
        Taking { connector, left, known: Vec::new() }
    }

    /// The value of the option `names[0]`, also under its other names. Two of them with different values are an error.
    pub(crate) fn take(&mut self, names: &[&'static str]) -> Result<Option<&'a str>> {
        self.known.push(names[0]);
        let mut found: Option<(&str, &str)> = None;
        for (name, value) in self.left.iter().filter(|(name, _)| names.contains(name)) {
            match found {
                Some((other, earlier)) if earlier != *value => {
                    return Err(invalid(format!(
                        "options \"{other}\" and \"{name}\" mean the same and contradict each other"
                    ))
                    .hint(format!("keep only \"{}\"", names[0])));
                }
                _ => found = Some((name, value)),
            }
        }
        self.left.retain(|(name, _)| !names.contains(name));
        Ok(found.map(|(_, value)| value))
    }

    /// As [`Taking::take`]; it is an error if the option is missing. `example` is shown then.
    pub(crate) fn require(&mut self, names: &[&'static str], example: &str) -> Result<&'a str> {
        match self.take(names)? {
            Some(value) if !value.trim().is_empty() => Ok(value),
            _ => {
                let meant = self.left.iter().find(|(name, _)| is_like(name, names[0]));
                let meant = meant.map_or(String::new(), |(name, _)| format!("did you mean it by \"{name}\"? "));
                Err(invalid(format!("connector \"{}\" needs the option \"{}\"", self.connector, names[0]))
                    .hint(format!("{meant}add {} = '{example}' to the WITH clause", names[0])))
            }
        }
    }

    /// A boolean option, `false` where it is missing.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool> {
        self.take(&[name])?.map_or(Ok(false), |value| parse_flag(name, value))
    }

    /// A whole number from 0.
    pub(crate) fn number(&mut self, name: &'static str) -> Result<Option<u64>> {
        let parse = |value: &str| {
            value
                .trim()
                .parse()
                .map_err(|_| invalid(format!("option \"{name}\" must be a whole number, not \"{value}\"")))
        };
        self.take(&[name])?.map(parse).transpose()
    }

    /// All options whose names begin with one of `prefixes`, without the prefix.
    pub(crate) fn take_prefixed(&mut self, prefixes: &[&'static str]) -> Vec<(&'a str, &'a str)> {
        let strip = |name: &'a str| prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
        let taken = self.left.iter().filter_map(|(name, value)| strip(name).map(|name| (name, *value))).collect();
        self.left.retain(|(name, _)| strip(name).is_none());
        taken
    }

    /// Refuses the first option that is left, naming those that exist. `others` tells of families of names, e.g. `kafka.<name>`.
    pub(crate) fn finish(self, others: &[&str]) -> Result<()> {
        let Some((name, _)) = self.left.first() else { return Ok(()) };
        let mut names: Vec<&str> = self.known.clone();
        names.extend(COMMON_OPTIONS.iter().filter(|name| **name != "connector"));
        names.sort_by_key(|known| levenshtein(known, name));
        let meant = names.first().filter(|known| is_like(name, known));
        let meant = meant.map_or(String::new(), |known| format!("did you mean \"{known}\"? "));
        let mut known: Vec<String> = self.known.iter().map(|name| format!("\"{name}\"")).collect();
        known.extend(others.iter().map(|family| (*family).to_string()));
        Err(Error::new(
            code::FDW_INVALID_OPTION_NAME,
            format!("connector \"{}\" has no option \"{name}\"", self.connector),
        )
        .hint(format!("{meant}options of the connector: {}", known.join(", "))))
    }
}

/// Whether a name may be a misspelled `known`: a letter in three may be wrong, and two in any.
fn is_like(name: &str, known: &str) -> bool {
    levenshtein(known, name) <= (known.len() / 3).max(2)
}

/// `true`, `false` and the other spellings that PostgreSQL takes.
pub(crate) fn parse_flag(name: &str, value: &str) -> Result<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(invalid(format!("option \"{name}\" must be true or false, not \"{value}\""))),
    }
}

/// An error about an option's value.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(code::INVALID_PARAMETER_VALUE, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        Options(pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn an_unknown_option_is_named_with_what_was_meant() {
        let given = options(&[("connector", "x"), ("format", "json"), ("topci", "a")]);
        let mut taking = Taking::new("x", &given);
        assert_eq!(taking.take(&["topic"]), Ok(None));
        let error = taking.finish(&["kafka.<name>"]).unwrap_err();
        assert_eq!(error.code, code::FDW_INVALID_OPTION_NAME);
        assert_eq!(error.message, "connector \"x\" has no option \"topci\"");
        assert_eq!(
            error.hint.as_deref(),
            Some("did you mean \"topic\"? options of the connector: \"topic\", kafka.<name>")
        );
    }

    #[test]
    fn aliases_may_repeat_but_not_contradict() {
        let given = options(&[("topic", "a"), ("kafka_topic", "a")]);
        assert_eq!(Taking::new("x", &given).take(&["topic", "kafka_topic"]), Ok(Some("a")));
        let given = options(&[("topic", "a"), ("kafka_topic", "b")]);
        let error = Taking::new("x", &given).take(&["topic", "kafka_topic"]).unwrap_err();
        assert!(error.message.contains("\"topic\" and \"kafka_topic\""), "{error}");
    }

    #[test]
    fn a_missing_option_is_asked_for_with_an_example() {
        let given = options(&[("path", " ")]);
        let error = Taking::new("file", &given).require(&["path"], "/tmp/rows.json").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("add path = '/tmp/rows.json' to the WITH clause"));
        let given = options(&[("formmat", "json"), ("topci", "a")]);
        let error = Taking::new("x", &given).require(&["topic"], "orders").unwrap_err();
        assert!(error.hint.is_some_and(|hint| hint.starts_with("did you mean it by \"topci\"? add topic")));
    }
}
