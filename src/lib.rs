//! Tidewater: streaming SQL over Kafka topics, read over the Postgres wire protocol.

/// The embedded Kafka broker, for trying things out and for tests.
pub mod broker;
/// What exists.
pub mod catalog;
/// Time and randomness.
pub mod clock;
/// SQL text → incremental plan.
pub mod compile;
/// Options of the command line, the environment and the configuration file.
pub mod config;
/// 1. Bytes in and out.
pub mod connector;
/// The façade.
pub mod engine;
/// What users see when something is wrong.
pub mod error;
/// 3. Incremental execution.
pub mod flow;
/// 2. Bytes ⇄ Arrow.
pub mod format;
/// SQL types ⇄ Arrow types.
pub mod types;
/// 4. Results.
pub mod view;
/// 5. Postgres rows out.
pub mod wire;
