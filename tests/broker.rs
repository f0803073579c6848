//! The embedded broker, as librdkafka and raw requests see it. Every test has a broker of its own.

#[path = "broker/admin.rs"]
mod admin;
#[path = "broker/group.rs"]
mod group;
#[path = "broker/harness.rs"]
mod harness;
#[path = "broker/offset.rs"]
mod offset;
#[path = "broker/outage.rs"]
mod outage;
#[path = "broker/record.rs"]
mod record;
#[path = "broker/transaction.rs"]
mod transaction;
#[path = "broker/version.rs"]
mod version;
