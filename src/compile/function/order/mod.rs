//! Functions for comparing values whose Arrow representation does not compare as PostgreSQL compares them: jsonb, interval and arrays.
//! Queries do not name them; [`crate::compile::analyze`] puts them in where values are compared, ordered or grouped.

use datafusion::arrow::datatypes::IntervalMonthDayNano;

// `constant[]`: constants that DataFusion must not compare.
pub(in crate::compile) mod constant;
// Bytes that sort as numbers do.
pub(in crate::compile) mod number;
// `packed` and `unpacked`: intervals as bytes and back.
pub(in crate::compile) mod packed;
// `sort_key`.
pub(in crate::compile) mod sort_key;
// `tagged`: values with the SQL type that DataFusion lost.
pub(in crate::compile) mod tagged;

/// Length of an interval in ns with months of 30 days and days of 24 hours: what PostgreSQL compares.
fn length(span: IntervalMonthDayNano) -> i128 {
    const DAY: i128 = 86_400_000_000_000;
    i128::from(span.months) * 30 * DAY + i128::from(span.days) * DAY + i128::from(span.nanoseconds)
}
