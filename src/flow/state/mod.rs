//! Operator state.
//!
//! [`StateTable`] keeps a bag of rows by key: a mutable memtable over immutable Arrow runs that are sorted by the hash
//! of the key, each with a radix directory, so that a run is probed as fast as a hash table and is merged, sliced and
//! stored as plain Arrow. [`GroupIndex`] numbers the groups of an operator that keeps one mutable entry per key in
//! columns of its own.

mod codec;
mod group_index;
mod memtable;
mod run;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use codec::decode_fixed;
pub use codec::{Codec, Encoded};
pub use group_index::GroupIndex;
pub use table::{Matches, StateTable, Version};
