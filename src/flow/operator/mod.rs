//! The operators: plain structs that turn the input deltas of a tick into output deltas, testable without threads.
//!
//! One constructor per node of [`Plan`](crate::compile::plan::Plan); every operator's output has the node's schema.

mod aggregate;
mod degree_join;
mod distinct;
mod expand;
mod group_transform;
mod join;
mod keyed;
mod map;
mod ordered;
mod presence;
mod recursive;
mod row_json;
mod set_operation;
#[cfg(test)]
mod tests;
mod top_k;
mod union;
mod unnest;
mod window;

pub use aggregate::Aggregate;
pub use degree_join::DegreeJoin;
pub use distinct::Distinct;
pub use expand::Expand;
pub use group_transform::{GroupFunction, GroupTransform};
pub use join::Join;
pub use map::Map;
pub use presence::Presence;
pub use recursive::{Circuit, CircuitNode, Recursive};
pub use set_operation::SetOperation;
pub use top_k::TopK;
pub use union::Union;
pub use unnest::Unnest;
pub use window::Window;
