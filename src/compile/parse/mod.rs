//! SQL text → [`Statement`]. In: text; out: statements with their place in it. The only code that knows sqlparser: queries leave as
//! the opaque [`Query`]. Never: names looked up, types.

use std::sync::Arc;

use crate::connector::Options;
use crate::error::Result;
use crate::format::Include;
use crate::types::SqlType;

// Queries over the system catalog.
mod catalog_query;
// CREATE, DROP.
mod create;
// Names of types.
mod data_type;
// PostgreSQL's rules for sqlparser.
mod dialect;
// INSERT, UPDATE, DELETE.
mod dml;
// EXCLUDE.
mod exclude;
// A place in the tokens.
mod grammar;
// Cursors, subscriptions, COPY, prepared statements.
mod port;
// Queries.
mod query;
// Queries for DataFusion.
mod rewrite;
// Text → tokens.
mod scan;
// Settings, transactions, SHOW, EXPLAIN.
mod session;
// First words → rule.
mod statement;
#[cfg(test)]
mod tests;

pub(in crate::compile) use datafusion::sql::sqlparser::ast::{BinaryOperator, TableFactor};
pub use query::{Query, shown_name};

/// Splits a text into its statements and reads each. Statements without a word are left out: empty text is an empty vector.
///
/// Errors: 42601 with the position in the whole text (characters from 1), in PostgreSQL's words; 0A000 for what is not supported. One bad
/// statement fails the whole text, as in PostgreSQL: nothing of it runs.
pub fn parse(sql: &str) -> Result<Vec<Statement>> {
    let scan = Arc::new(scan::Scan::new(sql)?);
    scan.statements()
        .into_iter()
        .map(|range| {
            scan.refuse_deep(&range)?;
            let text = scan.text(&range);
            let offset = scan.characters(&range).start;
            let mut grammar = grammar::Grammar::new(&scan, range);
            let kind = statement::read(&mut grammar)?;
            grammar.expect_end()?;
            Ok(Statement { text, offset, kind })
        })
        .collect()
}

/// One statement of a text.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its own text, without the semicolon.
    pub text: String,
    /// Where it starts in the whole text, in characters from 0 (to place error positions).
    pub offset: usize,
    /// What it says.
    pub kind: Kind,
}

/// What a statement says. Names are folded as PostgreSQL folds them; `public.` is dropped from the names of user relations.
#[derive(Debug, Clone)]
pub enum Kind {
    /// SELECT, VALUES, TABLE, WITH.
    Query(Query),
    /// INSERT.
    Insert(Insert),
    /// UPDATE.
    Update(Update),
    /// DELETE.
    Delete(Delete),
    /// CREATE STREAM or SOURCE.
    CreateStream(CreateStream),
    /// CREATE TABLE.
    CreateTable(CreateTable),
    /// CREATE \[MATERIALIZED] VIEW.
    CreateView(CreateView),
    /// CREATE SINK.
    CreateSink(CreateSink),
    /// DROP, one or more names.
    Drop(Drop),
    /// SHOW STREAMS | SOURCES | TABLES | VIEWS | MATERIALIZED VIEWS | SINKS.
    ShowRelations(RelationClass),
    /// SHOW CREATE [STREAM | TABLE | VIEW | …] x.
    ShowCreate {
        /// Relation.
        name: String,
    },
    /// DESCRIBE x.
    Describe {
        /// Relation.
        name: String,
    },
    /// EXPLAIN SELECT …: the incremental plan the query would have as a view.
    ExplainQuery(Query),
    /// EXPLAIN x: the plan of a view that runs.
    ExplainRelation {
        /// Relation.
        name: String,
    },
    /// FLUSH.
    Flush,
    /// SET [SESSION | LOCAL] x = …; `None` = DEFAULT, or RESET x.
    Set {
        /// Setting, lower case; `SET TIME ZONE` is `timezone`.
        name: String,
        /// New value.
        value: Option<String>,
        /// Until the end of the transaction.
        local: bool,
    },
    /// RESET ALL.
    ResetAll,
    /// SHOW x.
    ShowSetting {
        /// Setting, lower case.
        name: String,
    },
    /// SHOW ALL.
    ShowAll,
    /// BEGIN, START TRANSACTION.
    Begin,
    /// COMMIT, END.
    Commit,
    /// ROLLBACK, ABORT.
    Rollback,
    /// SAVEPOINT, RELEASE, ROLLBACK TO: refused with 0A000 by the engine.
    Savepoint(&'static str),
    /// SUBSCRIBE TO x.
    Subscribe(Subscribe),
    /// DECLARE c CURSOR FOR …: a query or a subscription. Handled by the Postgres port.
    Declare {
        /// Cursor.
        cursor: String,
        /// What it reads.
        statement: Box<Statement>,
        /// WITH HOLD.
        hold: bool,
    },
    /// FETCH [n | ALL | NEXT] \[FROM] c \[WITH (timeout = '1s')]. Handled by the Postgres port.
    Fetch {
        /// Cursor.
        cursor: String,
        /// Rows at most; `None` = ALL.
        count: Option<u64>,
        /// How long to wait for the first row: `None` = for ever.
        timeout_ms: Option<u64>,
    },
    /// CLOSE c; `None` = ALL. Handled by the Postgres port.
    Close {
        /// Cursor.
        cursor: Option<String>,
    },
    /// COPY (query or subscription) | x TO STDOUT [WITH (…)]. Handled by the Postgres port.
    CopyTo {
        /// What is copied.
        statement: Box<Statement>,
        /// How.
        options: CopyOptions,
    },
    /// PREPARE name AS …. Handled by the Postgres port.
    Prepare {
        /// Name.
        name: String,
        /// Declared parameter types.
        types: Vec<SqlType>,
        /// Statement.
        statement: Box<Statement>,
    },
    /// EXECUTE name (…). Handled by the Postgres port.
    Execute {
        /// Name.
        name: String,
        /// A query of one row whose columns are the arguments; `None` without arguments.
        arguments: Option<Query>,
    },
    /// DEALLOCATE name; `None` = ALL. Handled by the Postgres port.
    Deallocate {
        /// Name.
        name: Option<String>,
    },
    /// DISCARD ALL | PLANS | SEQUENCES | TEMP.
    Discard {
        /// ALL.
        all: bool,
    },
}

/// INSERT INTO table (columns) query [ON CONFLICT …].
#[derive(Debug, Clone)]
pub struct Insert {
    /// Table.
    pub table: String,
    /// Columns; `None` = all in order.
    pub columns: Option<Vec<String>>,
    /// Rows; `DEFAULT` inside VALUES is the default's expression already where the parser can tell, else refused.
    pub source: Option<Query>,
    /// ON CONFLICT.
    pub on_conflict: OnConflict,
    /// RETURNING expressions, as a query over one relation named like the table.
    pub returning: Option<Query>,
}

/// ON CONFLICT clause of an INSERT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnConflict {
    /// None given: a conflict is an error.
    Error,
    /// DO NOTHING.
    Nothing,
    /// DO UPDATE SET columns to excluded's. Other forms are refused.
    Update {
        /// Columns of the conflict target.
        target: Vec<String>,
        /// Columns that are set.
        columns: Vec<String>,
    },
}

/// UPDATE.
#[derive(Debug, Clone)]
pub struct Update {
    /// Table.
    pub table: String,
    /// Columns that are set, in order.
    pub columns: Vec<String>,
    /// `SELECT <new values in order>, <table>.* FROM <table> [, FROM items] [WHERE …]`.
    pub query: Query,
}

/// DELETE.
#[derive(Debug, Clone)]
pub struct Delete {
    /// Table.
    pub table: String,
    /// `SELECT <table>.* FROM <table> [, USING items] [WHERE …]`.
    pub query: Query,
}

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
    /// NOT NULL.
    pub not_null: bool,
    /// DEFAULT, as SQL text.
    pub default: Option<String>,
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
    /// Column names of the primary key; empty without one.
    pub primary_key: Vec<String>,
}

/// CREATE \[OR REPLACE] \[MATERIALIZED] VIEW.
#[derive(Debug, Clone)]
pub struct CreateView {
    /// Name.
    pub name: String,
    /// Materialized.
    pub materialized: bool,
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

/// SUBSCRIBE \[TO] x | (query) \[WITH (snapshot = true, progress = false)].
#[derive(Debug, Clone)]
pub struct Subscribe {
    /// Relation, or a query.
    pub target: SubscribeTarget,
    /// Whether the content comes first (default true).
    pub snapshot: bool,
    /// Whether ticks without changes are told (default false).
    pub progress: bool,
}

/// What is subscribed to.
#[derive(Debug, Clone)]
pub enum SubscribeTarget {
    /// A relation.
    Relation(String),
    /// A query, maintained as long as the subscription lives.
    Query(Query),
}

/// Options of COPY … TO STDOUT.
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
