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
    Small,
    Real,
    Timestamptz,
    Uuid,
    Bytea,
    Char,
    Varchar,
    /// An enum of [`TYPES`].
    Mood,
    /// A composite type of [`TYPES`].
    Pair,
}

/// Types that the tables need.
pub(super) const TYPES: &str =
    "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE TYPE pair AS (x INTEGER, y TEXT)";

/// Types that people use every day.
const USUAL: [Kind; 9] =
    [Kind::Int, Kind::Big, Kind::Numeric, Kind::Any, Kind::Double, Kind::Text, Kind::Bool, Kind::Timestamp, Kind::Date];

const OTHERS: [Kind; 15] = [
    Kind::Wide,
    Kind::Interval,
    Kind::Time,
    Kind::Jsonb,
    Kind::Ints,
    Kind::Grid,
    Kind::Small,
    Kind::Real,
    Kind::Timestamptz,
    Kind::Uuid,
    Kind::Bytea,
    Kind::Char,
    Kind::Varchar,
    Kind::Mood,
    Kind::Pair,
];

/// Values of numeric without precision; those before the last two fit numeric with many digits, too.
const NUMERICS: [&str; 8] = ["0", "1.5", "2", "-0.25", "3.125", "10", "12345678901234567890123456789.5", "'NaN'"];

impl Kind {
    /// Any type, the usual ones more often.
    pub(super) fn any(random: &mut Random) -> Kind {
        if random.one_in(4) { *random.pick(&OTHERS) } else { *random.pick(&USUAL) }
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
            Kind::Small => "SMALLINT",
            Kind::Real => "REAL",
            Kind::Timestamptz => "TIMESTAMPTZ",
            Kind::Uuid => "UUID",
            Kind::Bytea => "BYTEA",
            Kind::Char => "CHAR(3)",
            Kind::Varchar => "VARCHAR(3)",
            Kind::Mood => "mood",
            Kind::Pair => "pair",
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
            'h' => Kind::Small,
            'r' => Kind::Real,
            'p' => Kind::Timestamptz,
            'u' => Kind::Uuid,
            'x' => Kind::Bytea,
            'c' => Kind::Char,
            'v' => Kind::Varchar,
            'o' => Kind::Mood,
            'k' => Kind::Pair,
            _ => return None,
        })
    }

    /// A value, never NULL. Equal values are the same text: no interval of 24 hours beside one of a day.
    pub(super) fn literal(self, random: &mut Random) -> String {
        let one_of = |choices: &[&str], random: &mut Random| (*random.pick(choices)).to_string();
        match self {
            Kind::Int | Kind::Big | Kind::Small => (random.below(9) as i64 - 2).to_string(),
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
            Kind::Real => format!("{}::real", (random.below(24) as f64 - 4.0) / 4.0),
            // About the night in which Berlin's clocks are set forward.
            Kind::Timestamptz => format!("TIMESTAMPTZ '2024-03-31 {:02}:30:00+00'", random.below(4)),
            Kind::Uuid => format!("'00000000-0000-4000-8000-00000000000{}'::uuid", random.below(5)),
            Kind::Bytea => one_of(&["'\\x'::bytea", "'\\x00'::bytea", "'\\x01ff'::bytea", "'\\x61'::bytea"], random),
            Kind::Char => one_of(&["'a'::char(3)", "'ab'::char(3)", "''::char(3)", "'B'::char(3)"], random),
            Kind::Varchar => one_of(&["'a'", "'ab '", "'ab'", "''"], random),
            Kind::Mood => one_of(&["'sad'::mood", "'ok'::mood", "'happy'::mood"], random),
            Kind::Pair => {
                let pairs = ["ROW(1, 'a')", "ROW(2, '')", "ROW(NULL, 'b')", "ROW(1, NULL)", "ROW(NULL, NULL)"];
                format!("{}::pair", random.pick(&pairs))
            }
        }
    }

    /// A value of a column, or NULL.
    pub(super) fn value(self, random: &mut Random) -> String {
        if random.one_in(6) { "NULL".into() } else { self.literal(random) }
    }

    /// Whether a bare literal would have another type.
    pub(super) fn needs_cast(self) -> bool {
        matches!(self, Kind::Int | Kind::Big | Kind::Numeric | Kind::Any | Kind::Wide | Kind::Small | Kind::Varchar)
    }

    /// What a RANGE frame over a column of this type may be bounded by.
    pub(super) fn range_offset(self) -> Option<&'static str> {
        match self {
            Kind::Int | Kind::Big | Kind::Small => Some("2"),
            Kind::Numeric | Kind::Any | Kind::Wide | Kind::Double | Kind::Real => Some("0.5"),
            Kind::Timestamp | Kind::Timestamptz | Kind::Date | Kind::Time | Kind::Interval => {
                Some("INTERVAL '30 minutes'")
            }
            _ => None,
        }
    }

    /// Whether PostgreSQL has max() of it.
    pub(super) fn has_max(self) -> bool {
        !matches!(self, Kind::Bool | Kind::Jsonb | Kind::Uuid | Kind::Bytea | Kind::Pair)
    }
}
