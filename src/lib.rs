//! Tidewater: streaming SQL over Kafka topics, read over the Postgres wire protocol.

/// What exists.
pub mod catalog;
/// SQL text → incremental plan.
pub mod compile;
/// 1. Bytes in and out.
pub mod connector;
/// 2. Bytes ⇄ Arrow.
pub mod format;
/// 3. Incremental execution.
pub mod flow;
/// 4. Results.
pub mod view;
/// 5. Postgres rows out.
pub mod wire;
/// The embedded Kafka broker, for trying things out and for tests.
pub mod broker;
/// Time and randomness.
pub mod clock;
/// Options of the command line, the environment and the configuration file.
pub mod config;
/// The façade.
pub mod engine;
/// What users see when something is wrong.
pub mod error;
/// SQL types ⇄ Arrow types.
pub mod types;
