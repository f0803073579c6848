//! The one error type that users see: SQLSTATE, what is wrong, a hint, and a position in the SQL where there is one.

use std::fmt;

/// Result of everything that can fail because of what a user wrote or because of the world outside.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error as it reaches a client. Messages are lower case, without a full stop, names in double quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Five characters of PostgreSQL's appendix A, e.g. `42P01`; see [`code`].
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// More about what is wrong, e.g. the text a broker answered.
    pub detail: Option<String>,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// Where in the statement's text: characters from its start, the first is 1.
    pub position: Option<usize>,
    /// What the error is about, as clients can read it without parsing the message.
    pub subject: Option<Box<Subject>>,
}

/// The object that an error is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// Schema.
    pub schema: Option<String>,
    /// Table.
    pub table: Option<String>,
    /// Column.
    pub column: Option<String>,
    /// Constraint.
    pub constraint: Option<String>,
    /// Where it happened, e.g. a line of COPY data.
    pub context: Option<String>,
}

/// SQLSTATEs in use (PostgreSQL's names).
pub mod code {
    #![allow(missing_docs, reason = "the names are PostgreSQL's own")]
    pub const CONNECTION_FAILURE: &str = "08006";
    pub const FEATURE_NOT_SUPPORTED: &str = "0A000";
    pub const CARDINALITY_VIOLATION: &str = "21000";
    pub const NUMERIC_VALUE_OUT_OF_RANGE: &str = "22003";
    pub const SEQUENCE_LIMIT_EXCEEDED: &str = "2200H";
    pub const STRING_DATA_RIGHT_TRUNCATION: &str = "22001";
    pub const NULL_VALUE_NOT_ALLOWED: &str = "22004";
    pub const INVALID_DATETIME_FORMAT: &str = "22007";
    pub const DATETIME_FIELD_OVERFLOW: &str = "22008";
    pub const DIVISION_BY_ZERO: &str = "22012";
    pub const ARRAY_SUBSCRIPT_ERROR: &str = "2202E";
    pub const INVALID_PRECEDING_OR_FOLLOWING_SIZE: &str = "22013";
    pub const INVALID_ARGUMENT_FOR_NTILE: &str = "22014";
    pub const INVALID_ARGUMENT_FOR_NTH_VALUE: &str = "22016";
    pub const INVALID_PARAMETER_VALUE: &str = "22023";
    pub const INVALID_TEXT_REPRESENTATION: &str = "22P02";
    pub const INVALID_BINARY_REPRESENTATION: &str = "22P03";
    pub const NOT_NULL_VIOLATION: &str = "23502";
    pub const UNIQUE_VIOLATION: &str = "23505";
    pub const CHECK_VIOLATION: &str = "23514";
    pub const INVALID_TRANSACTION_STATE: &str = "25000";
    pub const ACTIVE_SQL_TRANSACTION: &str = "25001";
    pub const READ_ONLY_SQL_TRANSACTION: &str = "25006";
    pub const NO_ACTIVE_SQL_TRANSACTION: &str = "25P01";
    pub const IN_FAILED_SQL_TRANSACTION: &str = "25P02";
    pub const INVALID_SQL_STATEMENT_NAME: &str = "26000";
    pub const INVALID_AUTHORIZATION: &str = "28000";
    pub const INVALID_PASSWORD: &str = "28P01";
    pub const DEPENDENT_OBJECTS_STILL_EXIST: &str = "2BP01";
    pub const BAD_COPY_FILE_FORMAT: &str = "22P04";
    pub const INVALID_CURSOR_NAME: &str = "34000";
    pub const INVALID_CATALOG_NAME: &str = "3D000";
    pub const INVALID_SCHEMA_NAME: &str = "3F000";
    pub const INVALID_SAVEPOINT: &str = "3B001";
    pub const SERIALIZATION_FAILURE: &str = "40001";
    pub const DEADLOCK_DETECTED: &str = "40P01";
    pub const GENERATED_ALWAYS: &str = "428C9";
    pub const SYNTAX_ERROR: &str = "42601";
    pub const AMBIGUOUS_COLUMN: &str = "42702";
    pub const AMBIGUOUS_FUNCTION: &str = "42725";
    pub const UNDEFINED_COLUMN: &str = "42703";
    pub const UNDEFINED_OBJECT: &str = "42704";
    pub const DUPLICATE_COLUMN: &str = "42701";
    pub const DUPLICATE_OBJECT: &str = "42710";
    pub const GROUPING_ERROR: &str = "42803";
    pub const DATATYPE_MISMATCH: &str = "42804";
    pub const WRONG_OBJECT_TYPE: &str = "42809";
    pub const CANNOT_COERCE: &str = "42846";
    pub const UNDEFINED_FUNCTION: &str = "42883";
    pub const INVALID_COLUMN_REFERENCE: &str = "42P10";
    pub const WINDOWING_ERROR: &str = "42P20";
    pub const UNDEFINED_TABLE: &str = "42P01";
    pub const UNDEFINED_PARAMETER: &str = "42P02";
    pub const DUPLICATE_CURSOR: &str = "42P03";
    pub const DUPLICATE_PREPARED_STATEMENT: &str = "42P05";
    pub const INVALID_TABLE_DEFINITION: &str = "42P16";
    pub const INVALID_OBJECT_DEFINITION: &str = "42P17";
    pub const DUPLICATE_SCHEMA: &str = "42P06";
    pub const DUPLICATE_TABLE: &str = "42P07";
    pub const INDETERMINATE_DATATYPE: &str = "42P18";
    pub const PROGRAM_LIMIT_EXCEEDED: &str = "54000";
    pub const INSUFFICIENT_RESOURCES: &str = "53000";
    pub const STATEMENT_TOO_COMPLEX: &str = "54001";
    pub const OUT_OF_MEMORY: &str = "53200";
    pub const TOO_MANY_CONNECTIONS: &str = "53300";
    pub const CONFIGURATION_LIMIT_EXCEEDED: &str = "53400";
    pub const OBJECT_NOT_IN_PREREQUISITE_STATE: &str = "55000";
    pub const LOCK_NOT_AVAILABLE: &str = "55P03";
    pub const QUERY_CANCELED: &str = "57014";
    pub const ADMIN_SHUTDOWN: &str = "57P01";
    pub const IO_ERROR: &str = "58030";
    pub const UNDEFINED_FILE: &str = "58P01";
    pub const SNAPSHOT_TOO_OLD: &str = "72000";
    pub const CONFIG_FILE_ERROR: &str = "F0000";
    /// The broker, registry or file behind a connector does not do what it should (class HV: foreign data).
    pub const FDW_ERROR: &str = "HV000";
    pub const FDW_UNABLE_TO_ESTABLISH_CONNECTION: &str = "HV00N";
    pub const FDW_TABLE_NOT_FOUND: &str = "HV00R";
    pub const FDW_INVALID_OPTION_NAME: &str = "HV00D";
    pub const INTERNAL_ERROR: &str = "XX000";
    pub const DATA_CORRUPTED: &str = "XX001";
}

impl Error {
    /// An error of SQLSTATE `code` (see [`code`]) that says `message`.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Error { code, message: message.into(), detail: None, hint: None, position: None, subject: None }
    }

    /// A construct that Tidewater does not support, SQLSTATE 0A000.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Error::new(code::FEATURE_NOT_SUPPORTED, message)
    }

    /// Our own bug, SQLSTATE XX000.
    pub fn internal(message: impl Into<String>) -> Self {
        Error::new(code::INTERNAL_ERROR, message)
    }

    /// Message and hint on lines of their own, for the command line.
    pub fn message_and_hint(&self) -> String {
        let part =
            |name: &str, text: &Option<String>| text.as_ref().map_or(String::new(), |text| format!("\n{name}: {text}"));
        format!("{}{}{}", self.message, part("detail", &self.detail), part("hint", &self.hint))
    }

    /// Adds what the user can do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds more about what is wrong.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what it is about.
    pub fn about(mut self, subject: Subject) -> Self {
        self.subject = Some(Box::new(subject));
        self
    }

    /// Adds the place in the statement, in characters from 1.
    pub fn at(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.code)?;
        if let Some(detail) = &self.detail {
            write!(f, "\n  detail: {detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
