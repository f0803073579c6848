//! SQL text → [`Statement`]. In: text; out: statements with their place in it. The only code that knows sqlparser: queries leave as
//! the opaque [`Query`]. Never: names looked up, types.

use std::sync::Arc;

use crate::error::Result;
use crate::types::SqlType;

// Columns with new names.
mod alias;
// COMMENT ON, GRANT, REVOKE.
mod annotation;
// Long lists of VALUES.
mod bulk;
// Definitions that say the same.
mod canonical;
// Queries over the system catalog.
mod catalog_query;
// Values on their way into columns.
mod cell;
// Options of COPY.
mod copy_option;
// CREATE, DROP.
mod create;
// What CREATE, ALTER and DROP say.
mod definition;
// Names of types.
mod data_type;
// PostgreSQL's rules for sqlparser.
mod dialect;
// UPDATE, DELETE, TRUNCATE.
mod dml;
// EXCLUDE.
mod exclude;
// `SET column.field = …`.
mod field_set;
// A place in the tokens.
mod grammar;
// BETWEEN SYMMETRIC, ANY (VALUES …).
mod infix;
// INSERT.
mod insert;
// Columns that a join makes one.
mod merged;
// Calls where they are not allowed.
mod misplaced;
// READ ONLY, ISOLATION LEVEL.
mod modes;
// Depths that are refused.
mod nesting;
// Places.
mod position;
// Cursors, subscriptions, COPY, prepared statements.
mod port;
// Queries.
mod query;
// Queries for DataFusion.
mod rewrite;
// Types with fields.
mod row_type;
// Text → tokens.
mod scan;
// Settings, transactions, SHOW, EXPLAIN.
mod session;
// Signs behind operators.
mod sign;
// `(row).*`.
mod star;
// First words → rule.
mod statement;
// CREATE TABLE, CREATE INDEX, ALTER TABLE.
mod table;
// `unnest` of rows.
mod unnested;
// CREATE, ALTER, DROP TYPE.
#[cfg(test)]
mod tests;
mod user_type;
// Whole rows of relations.
mod whole;

pub(in crate::compile) use alias::ColumnAliases;
pub use canonical::same_statement;
pub use cell::{Cell, Expressions, constant_of};
pub use copy_option::{CopyColumns, CopyFormat, CopyFrom, CopyOptions};
pub(in crate::compile) use datafusion::sql::sqlparser::ast::{BinaryOperator, TableFactor};
pub(in crate::compile) use datafusion::sql::sqlparser::tokenizer::Location;
pub use definition::{
    Alter, AlterAction, CheckDefinition, ColumnDefault, ColumnDefinition, CommentOn, CreateIndex, CreateSink,
    CreateStream, CreateTable, CreateView, Drop, KeyDefinition, RelationClass,
};
pub use insert::{InsertSource, Values};
pub(in crate::compile) use merged::{MergedColumns, is_merged, without_markers};
pub use modes::TransactionModes;
pub use query::{Query, ROWS, RowLocks, shown_name, type_key};
pub(in crate::compile) use rewrite::ARRAY;
pub(in crate::compile) use rewrite::operator::{DISTINCT, NOT_DISTINCT};
pub(in crate::compile) use unnested::UnnestedRows;
pub use user_type::{AlterType, AlterTypeAction, CreateType, DropType, TypeDefinition};
pub(in crate::compile) use whole::{WHOLE, WholeRows};

/// Splits a text into its statements and reads each. Statements without a word are left out: empty text is an empty vector.
///
/// Errors: 42601 with the position in the whole text (characters from 1), in PostgreSQL's words; 0A000 for what is not supported. One bad
/// statement fails the whole text, as in PostgreSQL: nothing of it runs.
pub fn parse(sql: &str) -> Result<Vec<Statement>> {
    match bulk::parse(sql, parse_tokens) {
        Some(statements) => statements,
        None => parse_tokens(sql),
    }
}

fn parse_tokens(sql: &str) -> Result<Vec<Statement>> {
    let scan = Arc::new(scan::Scan::new(sql)?);
    scan.statements()
        .into_iter()
        .map(|range| {
            scan.refuse_deep(&range)?;
            nesting::refuse(&scan, &range)?;
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

/// What a statement says. Names are folded as PostgreSQL folds them; a schema stays in front.
#[derive(Debug, Clone)]
pub enum Kind {
    /// SELECT, VALUES, TABLE, WITH.
    Query(Query),
    /// INSERT.
    Insert(Insert),
    /// UPDATE.
    Update(Update),
    /// DELETE.
    Delete(Change),
    /// LOCK TABLE.
    Lock {
        /// Tables.
        tables: Vec<String>,
        /// Whether the mode keeps others from writing; those that do not are about readers only.
        writers: bool,
    },
    /// TRUNCATE.
    Truncate {
        /// Tables.
        tables: Vec<String>,
        /// RESTART IDENTITY: sequences begin again.
        restart: bool,
    },
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
    /// CREATE \[UNIQUE] INDEX.
    CreateIndex(CreateIndex),
    /// DROP INDEX.
    DropIndex {
        /// Names.
        names: Vec<String>,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// CREATE SCHEMA.
    CreateSchema {
        /// Name.
        name: String,
        /// IF NOT EXISTS.
        if_not_exists: bool,
    },
    /// DROP SCHEMA.
    DropSchema {
        /// Names.
        names: Vec<String>,
        /// IF EXISTS.
        if_exists: bool,
        /// CASCADE.
        cascade: bool,
    },
    /// CREATE TYPE.
    CreateType(CreateType),
    /// ALTER TYPE.
    AlterType(AlterType),
    /// DROP TYPE.
    DropType(DropType),
    /// ALTER TABLE, VIEW, …, INDEX.
    Alter(Alter),
    /// COMMENT ON … IS ….
    Comment {
        /// What it is about.
        on: CommentOn,
        /// NULL takes it away.
        text: Option<String>,
    },
    /// A statement of PostgreSQL's that changes nothing here: GRANT, REVOKE, UNLISTEN.
    NoEffect {
        /// Command tag.
        tag: &'static str,
        /// What the client is told.
        notice: Option<&'static str>,
    },
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
    /// RESET of one setting.
    Reset(String),
    /// RESET ALL.
    ResetAll,
    /// SHOW x.
    ShowSetting {
        /// Setting, lower case.
        name: String,
    },
    /// SHOW ALL.
    ShowAll,
    /// BEGIN, START TRANSACTION, with its command tag.
    Begin(TransactionModes, &'static str),
    /// SET TRANSACTION, or with `session` SET SESSION CHARACTERISTICS AS TRANSACTION.
    SetTransaction {
        /// What is set.
        modes: TransactionModes,
        /// Whether it is for the transactions to come.
        session: bool,
    },
    /// COMMIT, END.
    Commit,
    /// ROLLBACK, ABORT.
    Rollback,
    /// SAVEPOINT x.
    Savepoint(String),
    /// `RELEASE [SAVEPOINT] x`.
    Release(String),
    /// `ROLLBACK TO [SAVEPOINT] x`.
    RollbackTo(String),
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
    /// COPY x FROM STDIN [WITH (…)]. Handled by the Postgres port.
    CopyFrom(CopyFrom),
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
        /// Which of them are string constants: they have no type yet.
        literals: Vec<usize>,
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

impl Kind {
    /// Whether it makes, changes or drops something of the catalog.
    pub fn is_definition(&self) -> bool {
        matches!(
            self,
            Kind::CreateStream(_)
                | Kind::CreateTable(_)
                | Kind::CreateView(_)
                | Kind::CreateSink(_)
                | Kind::CreateIndex(_)
                | Kind::DropIndex { .. }
                | Kind::CreateSchema { .. }
                | Kind::DropSchema { .. }
                | Kind::CreateType(_)
                | Kind::AlterType(_)
                | Kind::DropType(_)
                | Kind::Alter(_)
                | Kind::Drop(_)
        )
    }
}

/// INSERT INTO table [AS alias] [(columns)] [OVERRIDING …] source [ON CONFLICT …] [RETURNING …].
#[derive(Debug, Clone)]
pub struct Insert {
    /// Table.
    pub table: String,
    /// What RETURNING and ON CONFLICT call it.
    pub alias: String,
    /// Columns; `None` = all in order.
    pub columns: Option<Vec<String>>,
    /// OVERRIDING.
    pub overriding: Overriding,
    /// Rows.
    pub source: InsertSource,
    /// ON CONFLICT.
    pub on_conflict: OnConflict,
    /// RETURNING expressions, over [`ROWS`].
    pub returning: Option<Query>,
}

/// What happens to values that are given for identity columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overriding {
    /// Columns GENERATED ALWAYS refuse them.
    No,
    /// SYSTEM VALUE: they are taken.
    System,
    /// USER VALUE: they are ignored.
    User,
}

/// ON CONFLICT clause of an INSERT.
#[derive(Debug, Clone)]
pub enum OnConflict {
    /// None given: a conflict is an error.
    Error,
    /// DO NOTHING.
    Nothing(Conflict),
    /// DO UPDATE SET ….
    Update {
        /// Which conflicts.
        target: Conflict,
        /// Columns that are set.
        columns: Vec<String>,
        /// Their values; expression n is output column n of `query`.
        values: Vec<Cell>,
        /// Over [`ROWS`], which holds the row that is there and `excluded`: whether to update it, then the expressions.
        query: Query,
    },
}

/// Which conflicts ON CONFLICT is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// With any unique constraint or index.
    Any,
    /// With one over exactly these columns.
    Columns(Vec<String>),
    /// With a constraint of this name.
    Constraint(String),
}

/// What UPDATE and DELETE have in common.
#[derive(Debug, Clone)]
pub struct Change {
    /// Table.
    pub table: String,
    /// What the statement calls it.
    pub alias: String,
    /// `SELECT [expressions,] <table>.* [, <other>.*, …] FROM <table> [, FROM items] [WHERE …]`.
    pub query: Query,
    /// Whether there are FROM or USING items, so that a row can match several times.
    pub has_from: bool,
    /// With RETURNING: the names of the FROM items and a query for the columns of each.
    pub others: Vec<(String, Query)>,
    /// RETURNING expressions, over [`ROWS`], which holds the table's columns and those of `others`.
    pub returning: Option<Query>,
}

/// UPDATE.
#[derive(Debug, Clone)]
pub struct Update {
    /// Table, rows and RETURNING.
    pub change: Change,
    /// Columns that are set, in order.
    pub columns: Vec<String>,
    /// Their values; expression n is output column n of the query.
    pub values: Vec<Cell>,
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
