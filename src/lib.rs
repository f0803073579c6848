//! Tidewater: streaming SQL over Kafka topics, read over the Postgres wire protocol. Think "PostgreSQL whose materialized views are
//! always fresh and whose tables can be Kafka topics".
//!
//! # Bird's eye
//! One process. Users talk SQL to the Postgres port ([`wire`]); a session ([`engine::Session`]) parses and plans it ([`compile`]) against
//! what exists ([`catalog`]). A materialized view becomes an incremental plan ([`compile::plan::Plan`]) that runs as a dataflow
//! ([`flow`]) on worker threads; its result is kept in the store ([`view`]), which ad-hoc SELECTs read as snapshots and subscriptions as
//! changes. Rows come from outside through connectors ([`connector`]) and formats ([`mod@format`]), and from INSERT, UPDATE and DELETE.
//!
//! **The one idea:** all inputs share one clock. The coordinator seals a [`flow::Tick`], the input that belongs to it and nothing else. Every
//! dataflow turns the input changes of tick t into output changes of tick t. A view at t is exactly its SQL over the input up to t. So
//! reads, subscriptions and sinks agree with each other for free, a transaction is a tick, and results do not depend on how many
//! workers run.
//!
//! # The life of a record
//! 1. A [`connector::Reader`] on the stream's own thread takes records from a partition into one arena: [`connector::RawBatch`].
//! 2. A [`format::Decoder`] writes them straight into Arrow columns. What it cannot decode is a [`format::Rejected`]: a row of
//!    `tidewater.rejected_records`.
//! 3. The coordinator queues the rows with their positions (bounded by bytes; the reader pauses behind it) and seals a tick when rows have
//!    waited a millisecond, or later and bigger while the engine is busy.
//! 4. The tick's rows reach the workers as [`flow::Delta`]s: rows with weights, +1 for an insert, −1 for a delete.
//! 5. Each dataflow that reads the stream takes them through its operators ([`flow::operator`]). Where equal keys must meet, rows are
//!    exchanged between workers by a fixed hash. A row for which an expression fails becomes a [`flow::RowError`]: a row of
//!    `tidewater.row_errors`.
//! 6. When every dataflow that the tick touches has finished it, the tick is committed: the changes of all views enter the
//!    [`view::Store`] at once, and subscribers and sinks get them.
//!
//! # The life of a statement
//! 1. [`wire`] reads the message and asks its session to parse the text: [`compile::parse`], PostgreSQL's grammar and ours.
//! 2. `CREATE` resolves the parts (connector, format, query), starts what runs ([`flow::runtime::Runtime`]) and enters the catalog.
//! 3. A query goes to [`compile::analyze`]: names, types, PostgreSQL's semantics, with DataFusion's planner. For a view, [`compile::lower`]
//!    turns the logical plan into operators and refuses what is not maintained. For a SELECT, the plan runs over snapshots of one tick,
//!    not before the session's own last write; a stream is read from its origin.
//! 4. `INSERT`, `UPDATE`, `DELETE` compute their rows against the current content under the writer's lock; `COMMIT` hands all changes to
//!    the coordinator as one tick.
//! 5. Results leave batch by batch; [`wire`] encodes them row by row and flushes when nothing more is ready.
//!
//! # Invariants
//! - rdkafka is known to [`connector::kafka`] only, timely to [`flow::runtime`], pgwire to [`wire`], kafka-protocol to [`broker`],
//!   sqlparser to [`compile::parse`]; `tests/tidy.rs` checks it.
//! - [`mod@format`] does no IO; [`flow`] sees no SQL text and no sockets; async ends at [`engine`]; time and randomness come from [`clock`].
//! - Negative weights come from inputs only; a view never shows one.
//! - Nothing is lost silently: what cannot be decoded or computed is a row that can be queried.

// Record batches.
pub mod batch;
// The embedded Kafka broker, for trying things out and for tests.
pub mod broker;
// When values are equal.
pub mod canonical;
// What exists.
pub mod catalog;
// Whether anybody waits for a work.
mod claim;
// Time and randomness.
pub mod clock;
// SQL text → incremental plan.
pub mod compile;
// Options of the command line, the environment and the configuration file.
pub mod config;
// 1. Bytes in and out.
pub mod connector;
// Decimal numbers of any length.
pub mod decimal;
// The façade.
pub mod engine;
// Enum types.
pub mod enumeration;
// What users see when something is wrong.
pub mod error;
// 3. Incremental execution.
pub mod flow;
// 2. Bytes ⇄ Arrow.
pub mod format;
// Digits and fields that columns of times keep.
pub mod precision;
// SQL types ⇄ Arrow types.
pub mod types;
// 4. Results.
pub mod view;
// 5. Postgres rows out.
pub mod wire;
