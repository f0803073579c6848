//! Session settings: the configuration parameters that clients set and show.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::IntervalMonthDayNano;
use datafusion::scalar::ScalarValue;

use crate::catalog::SERVER_VERSION;
use crate::error::{Error, Result, code};
use crate::format::text::{self, TextOptions, TimeZone};
use crate::types::SqlType;

/// One setting that we know.
struct Setting {
    /// Name as SHOW ALL prints it; looked up without case.
    name: &'static str,
    /// Default.
    default: &'static str,
    /// Whether clients are told of changes (ParameterStatus).
    reported: bool,
    /// How a new value is checked and normalized.
    check: fn(&str) -> Result<String, Option<&'static str>>,
}

const fn setting(
    name: &'static str,
    default: &'static str,
    reported: bool,
    check: fn(&str) -> Result<String, Option<&'static str>>,
) -> Setting {
    Setting { name, default, reported, check }
}

/// All settings, by name. Those with a fixed value refuse any other, since it would be ignored.
static SETTINGS: &[Setting] = &[
    setting("application_name", "", true, any),
    setting("bytea_output", "hex", false, |v| one_of(v, &["hex", "escape"])),
    setting("client_encoding", "UTF8", true, client_encoding),
    setting("client_min_messages", "notice", false, any),
    setting("DateStyle", "ISO, MDY", true, date_style),
    setting("default_transaction_isolation", "read committed", false, isolation),
    setting("default_transaction_deferrable", "off", false, boolean),
    setting("default_transaction_read_only", "off", false, boolean),
    setting("default_table_access_method", "heap", false, fixed),
    setting("default_tablespace", "", false, fixed),
    setting("default_with_oids", "off", false, fixed),
    setting("escape_string_warning", "on", false, boolean),
    setting("extra_float_digits", "1", false, extra_float_digits),
    setting("idle_in_transaction_session_timeout", "0", false, duration),
    setting("in_hot_standby", "off", true, fixed),
    setting("integer_datetimes", "on", true, fixed),
    setting("IntervalStyle", "postgres", true, |v| one_of(v, &["postgres"])),
    setting("is_superuser", "on", true, fixed),
    setting("jit", "off", false, boolean),
    setting("lc_collate", "C", false, fixed),
    setting("lc_ctype", "C.UTF-8", false, fixed),
    setting("lc_messages", "C", false, any),
    setting("lc_monetary", "C", false, any),
    setting("lc_numeric", "C", false, any),
    setting("lc_time", "C", false, any),
    setting("lock_timeout", "0", false, duration),
    setting("max_connections", "200", false, fixed),
    setting("max_function_args", "100", false, fixed),
    setting("max_identifier_length", "63", false, fixed),
    setting("max_index_keys", "32", false, fixed),
    setting("max_recursive_iterations", "10000", false, positive),
    setting("row_security", "on", false, boolean),
    setting("search_path", "\"$user\", public", false, any),
    setting("server_encoding", "UTF8", true, fixed),
    setting("server_version", SERVER_VERSION, true, fixed),
    setting("server_version_num", "150000", false, fixed),
    setting("session_authorization", "tidewater", true, any),
    setting("standard_conforming_strings", "on", true, |v| one_of(v, &["on"])),
    setting("statement_timeout", "0", false, duration),
    setting("synchronous_commit", "on", false, any),
    setting("TimeZone", "UTC", true, time_zone),
    setting("transaction_isolation", "read committed", false, isolation),
    setting("transaction_read_only", "off", false, boolean),
];

/// The settings of one session.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    /// Lower-case name → value, only where it differs from the default.
    changed: BTreeMap<String, String>,
    /// Reported settings changed since they were last asked for.
    unreported: Vec<&'static str>,
}

impl Settings {
    /// The value, or `None` for a name that does not exist.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let key = name.to_ascii_lowercase();
        if let Some(value) = self.changed.get(&key) {
            return Some(value.clone());
        }
        match key.as_str() {
            // Outside of a transaction: what the next one will have.
            "transaction_isolation" | "transaction_read_only" => self.get(&format!("default_{key}")),
            _ => find(&key).map(|setting| setting.default.to_string()),
        }
    }

    /// Sets a value; `None` = the default.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        let key = name.to_ascii_lowercase();
        let Some(setting) = find(&key) else {
            // As in PostgreSQL, a name with a dot is the user's own.
            if key.contains('.') {
                match value {
                    Some(value) => self.changed.insert(key, value.to_string()),
                    None => self.changed.remove(&key),
                };
                return Ok(());
            }
            return Err(unknown(name));
        };
        match value {
            None => {
                self.changed.remove(&key);
            }
            Some(value) if value.eq_ignore_ascii_case(setting.default) && !key.starts_with("transaction_") => {
                self.changed.remove(&key);
            }
            Some(value) => {
                let value = (setting.check)(value).map_err(|hint| {
                    let error = Error::new(
                        code::INVALID_PARAMETER_VALUE,
                        format!("invalid value for parameter \"{}\": \"{value}\"", setting.name),
                    );
                    hint.map_or(error.clone(), |hint| error.hint(hint))
                })?;
                self.changed.insert(key, value);
            }
        }
        if setting.reported && !self.unreported.contains(&setting.name) {
            self.unreported.push(setting.name);
        }
        Ok(())
    }

    /// Forgets the modes of a transaction.
    pub(super) fn end_transaction(&mut self) {
        self.changed.remove("transaction_isolation");
        self.changed.remove("transaction_read_only");
    }

    /// Back to the defaults (DISCARD ALL, RESET ALL), except who is logged in.
    pub(super) fn reset(&mut self) {
        let keep = self.changed.remove("session_authorization");
        let names: Vec<String> = std::mem::take(&mut self.changed).into_keys().collect();
        for name in names {
            // The name is known: it was set before.
            let _ = self.set(&name, None);
        }
        if let Some(user) = keep {
            self.changed.insert("session_authorization".into(), user);
        }
    }

    /// Reported settings that changed since the last call, with their values.
    pub(super) fn take_changed(&mut self) -> Vec<(String, String)> {
        let names = std::mem::take(&mut self.unreported);
        names.into_iter().filter_map(|name| Some((name.to_string(), self.get(name)?))).collect()
    }

    /// Name and value of all, for SHOW ALL.
    pub(super) fn all(&self) -> Vec<(String, String)> {
        SETTINGS.iter().filter_map(|setting| Some((setting.name.to_string(), self.get(setting.name)?))).collect()
    }
}

/// The error for a name that does not exist.
pub(super) fn unknown(name: &str) -> Error {
    Error::new(code::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\""))
        .hint("SHOW ALL lists the parameters")
}

fn find(lower: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(lower))
}

/// Milliseconds of a duration setting: a number of ms, or with a unit (`5s`, `2min`).
pub(super) fn milliseconds(value: &str) -> Option<u64> {
    let value = value.trim();
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let number: u64 = value[..digits].parse().ok()?;
    let unit = match value[digits..].trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn any(value: &str) -> Result<String, Option<&'static str>> {
    Ok(value.to_string())
}

fn fixed(_: &str) -> Result<String, Option<&'static str>> {
    Err(Some("this parameter cannot be changed"))
}

fn positive(value: &str) -> Result<String, Option<&'static str>> {
    match value.trim().parse::<u64>() {
        Ok(number) if number > 0 => Ok(number.to_string()),
        _ => Err(Some("use a whole number from 1")),
    }
}

fn one_of(value: &str, choices: &[&str]) -> Result<String, Option<&'static str>> {
    let value = value.to_ascii_lowercase();
    if choices.contains(&value.as_str()) { Ok(value) } else { Err(None) }
}

fn boolean(value: &str) -> Result<String, Option<&'static str>> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok("on".into()),
        "off" | "false" | "no" | "0" => Ok("off".into()),
        _ => Err(Some("use on or off")),
    }
}

fn isolation(value: &str) -> Result<String, Option<&'static str>> {
    one_of(value, &["serializable", "repeatable read", "read committed", "read uncommitted"])
}

fn client_encoding(value: &str) -> Result<String, Option<&'static str>> {
    let folded: String = value.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    match folded.as_str() {
        "utf8" | "unicode" | "sqlascii" => Ok("UTF8".into()),
        _ => Err(Some("only UTF8 is supported")),
    }
}

fn date_style(value: &str) -> Result<String, Option<&'static str>> {
    let mut iso = false;
    for part in value.split(',') {
        match part.trim().to_ascii_lowercase().as_str() {
            "iso" => iso = true,
            "mdy" | "us" => {}
            _ => return Err(Some("only ISO, MDY is supported")),
        }
    }
    if iso || value.trim().eq_ignore_ascii_case("mdy") { Ok("ISO, MDY".into()) } else { Err(None) }
}

fn extra_float_digits(value: &str) -> Result<String, Option<&'static str>> {
    match value.trim().parse::<i32>() {
        Ok(digits @ 1..=3) => Ok(digits.to_string()),
        Ok(-15..=0) => Err(Some("floats are always printed with the fewest digits that read back exactly")),
        _ => Err(None),
    }
}

fn duration(value: &str) -> Result<String, Option<&'static str>> {
    milliseconds(value)
        .map(|_| value.trim().to_string())
        .ok_or(Some("use milliseconds or a number with a unit: ms, s, min, h, d"))
}

fn time_zone(value: &str) -> Result<String, Option<&'static str>> {
    let value = value.trim();
    let hint = Some("use a name of the IANA time zone database, e.g. Europe/Berlin");
    if value.get(..8).is_some_and(|word| word.eq_ignore_ascii_case("interval")) {
        let span = value[8..].trim().trim_matches('\'');
        let span = interval(span)?;
        if span.months != 0 || span.days != 0 {
            return Err(Some("a time zone is an interval of hours and minutes"));
        }
        let hours = span.nanoseconds as f64 / 3.6e12;
        return TimeZone::parse(&hours.to_string()).map(|zone| zone.to_string()).map_err(|_| hint);
    }
    match TimeZone::parse(value) {
        Ok(zone @ TimeZone::Named(_)) => Ok(zone.to_string()),
        // A number is written as POSIX writes it; what is POSIX's already stays.
        Ok(zone) if value.parse::<f64>().is_ok() => Ok(zone.to_string()),
        Ok(_) if value.starts_with('<') => Ok(value.to_uppercase()),
        Ok(_) => Ok(value.to_string()),
        Err(_) => Err(hint),
    }
}

fn interval(text: &str) -> Result<IntervalMonthDayNano, Option<&'static str>> {
    match text::parse(text, &SqlType::Interval, &TextOptions::default()) {
        Ok(ScalarValue::IntervalMonthDayNano(Some(span))) => Ok(span),
        _ => Err(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_and_normalized() {
        let mut settings = Settings::default();
        settings.set("timezone", Some("europe/berlin")).unwrap();
        assert_eq!(settings.get("TimeZone").as_deref(), Some("Europe/Berlin"));
        assert_eq!(settings.take_changed(), [("TimeZone".to_string(), "Europe/Berlin".to_string())]);
        assert_eq!(settings.take_changed(), []);
        assert_eq!(settings.set("timezone", Some("Mars/Base")).unwrap_err().code, code::INVALID_PARAMETER_VALUE);
        assert_eq!(settings.set("no_such", Some("1")).unwrap_err().code, code::UNDEFINED_OBJECT);
        assert_eq!(settings.set("client_encoding", Some("LATIN1")).unwrap_err().code, code::INVALID_PARAMETER_VALUE);
        settings.set("my.own", Some("x")).unwrap();
        assert_eq!(settings.get("my.own").as_deref(), Some("x"));
        settings.reset();
        assert_eq!(settings.get("TimeZone").as_deref(), Some("UTC"));
        assert_eq!(settings.get("my.own"), None);
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(milliseconds("1500"), Some(1500));
        assert_eq!(milliseconds("2min"), Some(120_000));
        assert_eq!(milliseconds("5 s"), Some(5000));
        assert_eq!(milliseconds("5 parsecs"), None);
    }
}
