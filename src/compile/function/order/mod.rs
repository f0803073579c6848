//! Functions for comparing values whose Arrow representation does not compare as PostgreSQL compares them: jsonb, interval and arrays.
//! Queries do not name them; [`crate::compile::analyze`] puts them in where values are compared, ordered or grouped.

// Bytes that sort as numbers do.
pub(in crate::compile) mod number;
// `packed` and `unpacked`: intervals as bytes and back.
pub(in crate::compile) mod packed;
// `sort_key`.
pub(in crate::compile) mod sort_key;
// `tagged`: values with the SQL type that DataFusion lost.
pub(in crate::compile) mod tagged;
