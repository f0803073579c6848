//! Tests of the whole engine over the Postgres wire. One binary: every test binary links DataFusion.

#[path = "bulk/mod.rs"]
mod bulk;
#[path = "consistency/mod.rs"]
mod consistency;
#[path = "harness/mod.rs"]
mod harness;
#[path = "noise/mod.rs"]
mod noise;
#[path = "oracle/mod.rs"]
mod oracle;
#[path = "slt/runner.rs"]
mod slt;
#[path = "wire/mod.rs"]
mod wire;
