//! The operators: plain structs that turn the input deltas of a tick into output deltas, testable without threads.
//!
//! One constructor per node of [`Plan`](crate::compile::plan::Plan); every operator's output has the node's schema.

mod aggregate;
mod distinct;
mod expand;
mod group_transform;
mod join;
mod map;
mod row_json;
#[cfg(test)]
mod tests;
mod top_k;
mod union;

pub use aggregate::Aggregate;
pub use distinct::Distinct;
pub use expand::Expand;
pub use group_transform::{GroupFunction, GroupTransform};
pub use join::Join;
pub use map::Map;
pub use top_k::TopK;
pub use union::Union;
