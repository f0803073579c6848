//! What CREATE, ALTER and DROP say.

use datafusion::arrow::datatypes::Field;

use super::Query;
use crate::connector::Options;
use crate::format::Include;
use crate::precision::Precision;
use crate::types::SqlType;

/// CREATE STREAM | SOURCE.
#[derive(Debug, Clone)]
pub struct CreateStream {
    /// Name.
    pub name: String,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Value columns: name, type, NOT NULL. Empty if none were declared.
    pub columns: Vec<ColumnDefinition>,
    /// INCLUDE …, with the column names.
    pub includes: Vec<(Include, String)>,
    /// WITH (…); keys lower case.
    pub options: Options,
}

/// A column of CREATE TABLE or STREAM.
#[derive(Debug, Clone)]
pub struct ColumnDefinition {
    /// Name.
    pub name: String,
    /// Type.
    pub sql_type: SqlType,
    /// Precision of a type of times.
    pub precision: Option<Precision>,
    /// The domain, once the catalog was asked; `sql_type` is then the type under it.
    pub domain: Option<u32>,
    /// NOT NULL.
    pub not_null: bool,
    /// Where values come from that are not given.
    pub default: Option<ColumnDefault>,
}

impl ColumnDefinition {
    /// The column's Arrow field.
    pub fn field(&self) -> Field {
        let field = self.sql_type.field(&self.name);
        match self.precision {
            Some(precision) => precision.on(field),
            None => field,
        }
    }
}

/// Where values come from that are not given. Expressions are SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnDefault {
    /// DEFAULT.
    Expression(String),
    /// GENERATED ALWAYS AS (…) STORED.
    Generated(String),
    /// `serial` and its like.
    Serial,
    /// GENERATED … AS IDENTITY.
    Identity {
        /// ALWAYS and not BY DEFAULT.
        always: bool,
        /// START WITH.
        start: i64,
        /// INCREMENT BY.
        step: i64,
    },
}

/// PRIMARY KEY or UNIQUE.
#[derive(Debug, Clone)]
pub struct KeyDefinition {
    /// Constraint's name, if given.
    pub name: Option<String>,
    /// Columns.
    pub columns: Vec<String>,
    /// PRIMARY KEY.
    pub primary: bool,
}

/// CHECK (…).
#[derive(Debug, Clone)]
pub struct CheckDefinition {
    /// Constraint's name, if given.
    pub name: Option<String>,
    /// SQL text.
    pub condition: String,
    /// The columns that it names, each once.
    pub columns: Vec<String>,
}

/// CREATE \[UNIQUE] INDEX.
#[derive(Debug, Clone)]
pub struct CreateIndex {
    /// Name, if given.
    pub name: Option<String>,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Table or materialized view.
    pub relation: String,
    /// Columns.
    pub columns: Vec<String>,
    /// UNIQUE.
    pub unique: bool,
}

/// ALTER.
#[derive(Debug, Clone)]
pub struct Alter {
    /// What kind the statement names; `None` = INDEX.
    pub class: Option<RelationClass>,
    /// Name.
    pub name: String,
    /// IF EXISTS.
    pub if_exists: bool,
    /// What is changed, in order.
    pub actions: Vec<AlterAction>,
}

/// One change of ALTER.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the variants are the SQL names")]
pub enum AlterAction {
    Rename(String),
    RenameColumn { from: String, to: String },
    SetSchema(String),
    AddColumn { column: ColumnDefinition, keys: Vec<KeyDefinition>, checks: Vec<CheckDefinition>, if_not_exists: bool },
    AddConstraint { keys: Vec<KeyDefinition>, checks: Vec<CheckDefinition> },
    DropColumn { name: String, if_exists: bool, cascade: bool },
    DropConstraint { name: String, if_exists: bool },
    SetDefault { column: String, default: Option<String> },
    SetNotNull { column: String, not_null: bool },
}

/// What COMMENT ON is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the SQL names")]
pub enum CommentOn {
    /// A table, view, stream or sink.
    Relation(String),
    Index(String),
    Column {
        relation: String,
        column: String,
    },
    Constraint {
        relation: String,
        name: String,
    },
    Schema(String),
    Database(String),
}

/// CREATE TABLE.
#[derive(Debug, Clone)]
pub struct CreateTable {
    /// Name.
    pub name: String,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Columns.
    pub columns: Vec<ColumnDefinition>,
    /// PRIMARY KEY and UNIQUE constraints.
    pub keys: Vec<KeyDefinition>,
    /// CHECK constraints.
    pub checks: Vec<CheckDefinition>,
    /// CREATE TABLE AS: the query, new names for its columns, and whether its rows are inserted.
    pub query: Option<(Query, Vec<String>, bool)>,
}

/// CREATE \[OR REPLACE] \[MATERIALIZED] VIEW.
#[derive(Debug, Clone)]
pub struct CreateView {
    /// Name.
    pub name: String,
    /// Materialized.
    pub materialized: bool,
    /// OR REPLACE.
    pub replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Column names, if given.
    pub columns: Vec<String>,
    /// Query.
    pub query: Query,
    /// Query as written.
    pub query_text: String,
}

/// CREATE SINK name FROM relation WITH (…).
#[derive(Debug, Clone)]
pub struct CreateSink {
    /// Name.
    pub name: String,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// What is written.
    pub from: String,
    /// WITH (…); keys lower case.
    pub options: Options,
}

/// DROP.
#[derive(Debug, Clone)]
pub struct Drop {
    /// What kind the statement names.
    pub class: RelationClass,
    /// Names.
    pub names: Vec<String>,
    /// IF EXISTS.
    pub if_exists: bool,
    /// CASCADE.
    pub cascade: bool,
}

/// Kinds of relations as statements name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the SQL names")]
pub enum RelationClass {
    Stream,
    Table,
    View,
    MaterializedView,
    Sink,
}
