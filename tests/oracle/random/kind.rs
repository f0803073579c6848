//! Types of columns and expressions, and their values: out of few, so that values meet.

use super::source::Random;

/// A type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Big,
    Numeric,
    /// Numeric without precision.
    Any,
    /// Numeric with more than 38 digits.
    Wide,
    Double,
    Text,
    Bool,
    Timestamp,
    Date,
    Interval,
    Time,
    Jsonb,
    Ints,
    /// Of two dimensions, the inner one of two.
    Grid,
}

/// Types that people use every day.
const USUAL: [Kind; 9] =
    [Kind::Int, Kind::Big, Kind::Numeric, Kind::Any, Kind::Double, Kind::Text, Kind::Bool, Kind::Timestamp, Kind::Date];

const OTHERS: [Kind; 6] = [Kind::Wide, Kind::Interval, Kind::Time, Kind::Jsonb, Kind::Ints, Kind::Grid];

/// Values of numeric without precision; those before the last two fit numeric with many digits, too.
const NUMERICS: [&str; 8] = ["0", "1.5", "2", "-0.25", "3.125", "10", "12345678901234567890123456789.5", "'NaN'"];

impl Kind {
    /// Any type, the usual ones more often.
    pub(super) fn any(random: &mut Random) -> Kind {
        if random.one_in(6) { *random.pick(&OTHERS) } else { *random.pick(&USUAL) }
    }

    pub(super) fn sql(self) -> &'static str {
        match self {
            Kind::Int => "INTEGER",
            Kind::Big => "BIGINT",
            Kind::Numeric => "NUMERIC(10,2)",
            Kind::Any => "NUMERIC",
            Kind::Wide => "NUMERIC(50,10)",
            Kind::Double => "DOUBLE PRECISION",
            Kind::Text => "TEXT",
            Kind::Bool => "BOOLEAN",
            Kind::Timestamp => "TIMESTAMP",
            Kind::Date => "DATE",
            Kind::Interval => "INTERVAL",
            Kind::Time => "TIME",
            Kind::Jsonb => "JSONB",
            Kind::Ints => "INTEGER[]",
            Kind::Grid => "INTEGER[][]",
        }
    }

    /// The type that a letter of a template stands for.
    pub(super) fn of_letter(letter: char) -> Option<Kind> {
        Some(match letter {
            'i' => Kind::Int,
            'g' => Kind::Big,
            'n' => Kind::Numeric,
            'q' => Kind::Any,
            'w' => Kind::Wide,
            'd' => Kind::Double,
            't' => Kind::Text,
            'b' => Kind::Bool,
            's' => Kind::Timestamp,
            'y' => Kind::Date,
            'l' => Kind::Interval,
            'm' => Kind::Time,
            'j' => Kind::Jsonb,
            'a' => Kind::Ints,
            'z' => Kind::Grid,
            _ => return None,
        })
    }

    /// A value, never NULL. Equal values are the same text: no interval of 24 hours beside one of a day.
    pub(super) fn literal(self, random: &mut Random) -> String {
        let one_of = |choices: &[&str], random: &mut Random| (*random.pick(choices)).to_string();
        match self {
            Kind::Int | Kind::Big => (random.below(9) as i64 - 2).to_string(),
            Kind::Numeric => format!("{}.{:02}", random.below(6), random.below(4) * 25),
            Kind::Any => one_of(&NUMERICS, random),
            Kind::Wide => one_of(&NUMERICS[..6], random),
            Kind::Double => format!("{}::double precision", (random.below(24) as f64 - 4.0) / 4.0),
            Kind::Text => one_of(&["'a'", "'ab'", "'B'", "''", "'b a'", "'~1'"], random),
            Kind::Bool => one_of(&["true", "false"], random),
            Kind::Timestamp => {
                format!("TIMESTAMP '2024-02-28 {:02}:{:02}:00'", 20 + random.below(4), random.below(4) * 15)
            }
            Kind::Date => format!("DATE '2024-02-{:02}'", 26 + random.below(4)),
            Kind::Interval => format!("INTERVAL '{}{} minutes'", *random.pick(&["", "", "-"]), random.below(5) * 20),
            Kind::Time => format!("TIME '{:02}:{:02}:00'", 20 + random.below(4), random.below(2) * 30),
            Kind::Jsonb => {
                let values =
                    ["{\"a\": 1}", "[1, 2]", "\"x\"", "3", "null", "{\"a\": null, \"b\": [1]}", "{\"a\": \"x\"}"];
                format!("'{}'::jsonb", random.pick(&values))
            }
            Kind::Ints => one_of(&["ARRAY[1, 2]", "'{}'::integer[]", "ARRAY[1, NULL]", "ARRAY[3]"], random),
            Kind::Grid => one_of(
                &["ARRAY[[1, 2]]", "'{}'::integer[][]", "ARRAY[[1, NULL], [0, 2]]", "'{{1,2},{3,4}}'::integer[]"],
                random,
            ),
        }
    }

    /// A value of a column, or NULL.
    pub(super) fn value(self, random: &mut Random) -> String {
        if random.one_in(6) { "NULL".into() } else { self.literal(random) }
    }

    /// Whether a bare literal would have another type.
    pub(super) fn needs_cast(self) -> bool {
        matches!(self, Kind::Int | Kind::Big | Kind::Numeric | Kind::Any | Kind::Wide)
    }

    /// What a RANGE frame over a column of this type may be bounded by.
    pub(super) fn range_offset(self) -> Option<&'static str> {
        match self {
            Kind::Int | Kind::Big => Some("2"),
            Kind::Numeric | Kind::Any | Kind::Wide | Kind::Double => Some("0.5"),
            Kind::Timestamp | Kind::Date | Kind::Time | Kind::Interval => Some("INTERVAL '30 minutes'"),
            Kind::Text | Kind::Bool | Kind::Jsonb | Kind::Ints | Kind::Grid => None,
        }
    }
}
