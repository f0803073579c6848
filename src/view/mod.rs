//! Results. In: the output deltas of every view, committed tick by tick; out: snapshots at one tick for reads, and changes for
//! subscriptions and sinks. Never: operators, SQL text.

// Deltas of a tick with equal rows merged, and the keys that tell rows apart.
mod changes;
// The rows of one relation, changed tick by tick.
mod contents;
// What a read found.
mod found;
// From values to rows.
mod index;
// What reads of streams left out.
mod left_out;
// Rows by value.
mod lookup;
// A transaction's own changes.
pub mod overlay;
// What relations were, for those who still read it.
mod past;
// What is kept of one relation.
mod relation;
// Immutable contents of a relation at one tick.
pub mod snapshot;
// Materialized contents of all relations, one committed tick at a time.
pub mod store;
// Changes of a relation, tick by tick.
pub mod subscription;
// DataFusion's view of a snapshot.
pub mod table;

pub use changes::{Key, KeyMap, KeySet};
pub use index::IndexKeys;
pub use left_out::{LeftOut, Omission};
pub use overlay::Overlay;
pub use past::Pin;
pub use snapshot::Snapshot;
pub use store::{Availability, Lookup, Read, Store};
pub use subscription::{Change, Subscription};

#[cfg(test)]
mod tests;
