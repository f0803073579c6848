//! Conditional expressions: `coalesce`, `nullif`, `greatest`, `least`, `num_nulls`, `num_nonnulls`.

// One type for several values.
pub(in crate::compile) mod common_type;
// `coalesce`.
pub(super) mod coalesce;
// `greatest`, `least`.
mod extreme;
// `num_nulls`, `num_nonnulls`.
mod null_count;
// `nullif`.
mod nullif;
// Cells of VALUES.
mod row_value;

use super::definition::Definition;

pub(super) static DEFINITIONS: &[&Definition] = &[
    &coalesce::DEFINITION,
    &extreme::GREATEST,
    &extreme::LEAST,
    &null_count::NONNULLS,
    &null_count::NULLS,
    &nullif::DEFINITION,
    &row_value::DEFINITION,
];
