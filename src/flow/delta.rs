//! Batches of rows with weights: the Z-sets that flow between operators.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, UInt32Array, UInt64Array};
use datafusion::arrow::compute::{concat_batches, take, take_arrays};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use hashbrown::HashTable;

use super::hash::hash_columns;
pub use super::hash::hash_rows;
pub use crate::batch::{arrow_error, batch};
use crate::canonical::rows_equal;
use crate::error::{Error, Result, code};

/// Rows with weights: +1 is an insert, −1 a delete.
#[derive(Debug, Clone)]
pub struct Delta {
    /// The rows.
    pub rows: RecordBatch,
    /// Weight of each row; `None` means +1 for all, the append-only fast path.
    pub weights: Option<Int64Array>,
    /// Hash of the key columns that the receiver asked for, where the sender computed it.
    pub hash: Option<UInt64Array>,
}

impl Delta {
    /// Rows that are all inserted.
    pub fn insert(rows: RecordBatch) -> Self {
        Delta { rows, weights: None, hash: None }
    }

    /// Rows with weights.
    pub fn weighted(rows: RecordBatch, weights: Int64Array) -> Self {
        Delta { rows, weights: Some(weights), hash: None }
    }

    /// Weight of row `i`.
    pub fn weight(&self, i: usize) -> i64 {
        self.weights.as_ref().map_or(1, |weights| weights.value(i))
    }

    /// The weights as a slice; `None` means +1 for all.
    pub fn weight_values(&self) -> Option<&[i64]> {
        self.weights.as_ref().map(|weights| weights.values().as_ref())
    }

    /// Whether some row is deleted.
    pub fn retracts(&self) -> bool {
        self.weight_values().is_some_and(|weights| weights.iter().any(|weight| *weight < 0))
    }
}

/// The worker among `workers` that owns `hash`: contiguous ranges, (hash · workers) >> 64.
pub fn worker_of(hash: u64, workers: usize) -> usize {
    ((u128::from(hash) * workers as u128) >> 64) as usize
}

/// Splits by the owner of each row's hash; element w is for worker w and may have no rows.
pub fn partition(delta: &Delta, hashes: &UInt64Array, workers: usize) -> Result<Vec<Delta>> {
    if workers <= 1 {
        return Ok(vec![delta.clone()]);
    }
    let mut rows: Vec<Vec<u32>> = vec![Vec::with_capacity(2 * hashes.len() / workers); workers];
    for (i, hash) in hashes.values().iter().enumerate() {
        rows[worker_of(*hash, workers)].push(i as u32);
    }
    rows.into_iter().map(|rows| take_rows(delta, rows)).collect()
}

/// The rows of `delta` at `positions`, in that order.
pub fn take_rows(delta: &Delta, positions: Vec<u32>) -> Result<Delta> {
    if positions.len() == delta.rows.num_rows() && positions.iter().enumerate().all(|(i, p)| i == *p as usize) {
        return Ok(delta.clone());
    }
    let positions = UInt32Array::from(positions);
    let columns = take_arrays(delta.rows.columns(), &positions, None).map_err(arrow_error)?;
    let rows = batch(&delta.rows.schema(), columns, positions.len())?;
    let weights = match &delta.weights {
        Some(weights) => Some(Int64Array::from(take(weights, &positions, None).map_err(arrow_error)?.to_data())),
        None => None,
    };
    Ok(Delta { rows, weights, hash: None })
}

/// All rows in one delta of `schema`, nothing merged. `None` if there are none.
pub fn concat(deltas: Vec<Delta>, schema: &SchemaRef) -> Result<Option<Delta>> {
    let mut deltas: Vec<Delta> = deltas.into_iter().filter(|delta| delta.rows.num_rows() > 0).collect();
    if deltas.len() <= 1 {
        return deltas.pop().map(|delta| with_schema(delta, schema)).transpose();
    }
    let rows = concat_batches(schema, deltas.iter().map(|delta| &delta.rows)).map_err(arrow_error)?;
    if deltas.iter().all(|delta| delta.weights.is_none()) {
        return Ok(Some(Delta::insert(rows)));
    }
    let mut weights = Vec::with_capacity(rows.num_rows());
    for delta in &deltas {
        match delta.weight_values() {
            Some(values) => weights.extend_from_slice(values),
            None => weights.resize(weights.len() + delta.rows.num_rows(), 1),
        }
    }
    Ok(Some(Delta::weighted(rows, weights.into())))
}

/// One delta without rows that cancel each other; `None` if nothing remains. Deltas without a delete cannot cancel:
/// they are only concatenated, so that equal rows may remain apart (see [`merge`]).
pub fn consolidate(deltas: Vec<Delta>, schema: &SchemaRef) -> Result<Option<Delta>> {
    if deltas.iter().any(Delta::retracts) { merge(deltas, schema) } else { concat(deltas, schema) }
}

/// One delta in which every row stands once, with the sum of its weights, and no weight is 0. `None` if nothing
/// remains. The first of equal rows is the one that stays.
pub fn merge(deltas: Vec<Delta>, schema: &SchemaRef) -> Result<Option<Delta>> {
    let Some(delta) = concat(deltas, schema)? else { return Ok(None) };
    let rows = delta.rows.num_rows();
    let hashes = hash_columns(delta.rows.columns(), rows);
    let mut table: HashTable<u32> = HashTable::with_capacity(rows);
    let mut firsts: Vec<u32> = Vec::with_capacity(rows);
    let mut weights: Vec<i64> = Vec::with_capacity(rows);
    for (i, hash) in hashes.iter().enumerate() {
        let equal = |at: &u32| {
            let first = firsts[*at as usize] as usize;
            hashes[first] == *hash && rows_equal(&delta.rows, first, &delta.rows, i)
        };
        match table.find(*hash, equal) {
            Some(at) => {
                let sum = &mut weights[*at as usize];
                *sum = add_weights(*sum, delta.weight(i))?;
            }
            None => {
                table.insert_unique(*hash, firsts.len() as u32, |at| hashes[firsts[*at as usize] as usize]);
                firsts.push(i as u32);
                weights.push(delta.weight(i));
            }
        }
    }
    let (kept, weights): (Vec<u32>, Vec<i64>) =
        firsts.into_iter().zip(weights).filter(|(_, weight)| *weight != 0).unzip();
    if kept.is_empty() {
        return Ok(None);
    }
    let unweighted = Delta::insert(delta.rows);
    let mut merged = take_rows(&unweighted, kept)?;
    merged.weights = weights.iter().any(|weight| *weight != 1).then(|| weights.into());
    Ok(Some(merged))
}

/// Sum of two weights; more than 2⁶³ equal rows are an error.
pub fn add_weights(a: i64, b: i64) -> Result<i64> {
    a.checked_add(b).ok_or_else(weight_overflow)
}

/// Product of two weights; more than 2⁶³ equal rows are an error.
pub fn multiply_weights(a: i64, b: i64) -> Result<i64> {
    a.checked_mul(b).ok_or_else(weight_overflow)
}

fn weight_overflow() -> Error {
    Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "more than 9223372036854775807 equal rows")
}

/// Gives the rows the names and metadata of `schema`; the types are the same.
fn with_schema(delta: Delta, schema: &SchemaRef) -> Result<Delta> {
    if Arc::ptr_eq(&delta.rows.schema(), schema) {
        return Ok(delta);
    }
    let rows = batch(schema, delta.rows.columns().to_vec(), delta.rows.num_rows())?;
    Ok(Delta { rows, ..delta })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Array, AsArray, Float64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Schema};

    use super::*;

    fn delta(rows: &[(&str, f64, i64)]) -> Delta {
        let schema = Schema::new(vec![Field::new("s", DataType::Utf8, true), Field::new("x", DataType::Float64, true)]);
        let texts = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0)));
        let numbers = Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.1)));
        let batch = RecordBatch::try_new(schema.into(), vec![texts, numbers]).unwrap();
        Delta::weighted(batch, rows.iter().map(|row| row.2).collect::<Vec<_>>().into())
    }

    fn rows(delta: &Delta) -> Vec<(&str, f64, i64)> {
        let (texts, numbers) =
            (delta.rows.column(0).as_string::<i32>(), delta.rows.column(1).as_primitive::<Float64Type>());
        (0..delta.rows.num_rows()).map(|i| (texts.value(i), numbers.value(i), delta.weight(i))).collect()
    }

    #[test]
    fn merge_sums_weights_of_equal_rows() {
        let (a, b) = (
            delta(&[("a", 1.0, 1), ("b", 0.0, 2), ("a", 2.0, 1)]),
            delta(&[("a", 1.0, -1), ("b", -0.0, -1), ("c", 3.0, 0)]),
        );
        let schema = a.rows.schema();
        let merged = consolidate(vec![a, b], &schema).unwrap().unwrap();
        assert_eq!(rows(&merged), [("b", 0.0, 1), ("a", 2.0, 1)]);
        assert!(merged.weights.is_none(), "all +1 needs no weights");
        let nan = delta(&[("a", f64::NAN, 1), ("a", -f64::NAN, -1)]);
        assert!(consolidate(vec![nan], &schema).unwrap().is_none());
    }

    #[test]
    fn inserts_are_only_put_together() {
        let (a, b) = (delta(&[("a", 1.0, 1)]), delta(&[("a", 1.0, 1)]));
        let schema = a.rows.schema();
        let insert = |delta: &Delta| Delta::insert(delta.rows.clone());
        let all = consolidate(vec![insert(&a), insert(&b)], &schema).unwrap().unwrap();
        assert_eq!(rows(&all), [("a", 1.0, 1), ("a", 1.0, 1)]);
        assert!(consolidate(vec![], &schema).unwrap().is_none());
        let merged = merge(vec![insert(&a), insert(&b)], &schema).unwrap().unwrap();
        assert_eq!(rows(&merged), [("a", 1.0, 2)]);
    }

    #[test]
    fn weights_are_checked() {
        let (a, b) = (delta(&[("a", 1.0, i64::MAX)]), delta(&[("a", 1.0, 1)]));
        let schema = a.rows.schema();
        assert_eq!(merge(vec![a, b], &schema).unwrap_err().code, code::NUMERIC_VALUE_OUT_OF_RANGE);
        assert!(multiply_weights(i64::MIN, -1).is_err());
    }

    #[test]
    fn partition_keeps_every_row_with_its_owner() {
        let all: Vec<(String, i64)> = (0..1000).map(|i| (format!("k{}", i % 90), i % 5 - 2)).collect();
        let delta = delta(&all.iter().map(|(key, weight)| (key.as_str(), 0.5, *weight)).collect::<Vec<_>>());
        let hashes = hash_rows(&delta.rows, &[0]);
        for workers in [1, 2, 5] {
            let parts = partition(&delta, &hashes, workers).unwrap();
            assert_eq!(parts.len(), workers);
            assert_eq!(parts.iter().map(|part| part.rows.num_rows()).sum::<usize>(), 1000);
            for (worker, part) in parts.iter().enumerate() {
                let owners = hash_rows(&part.rows, &[0]);
                assert!(owners.values().iter().all(|hash| worker_of(*hash, workers) == worker));
            }
            let schema = delta.rows.schema();
            let sum = |deltas| merge(deltas, &schema).unwrap().map(|d| d.weights.unwrap().values().iter().sum::<i64>());
            assert_eq!(sum(parts), sum(vec![delta.clone()]));
        }
        let none = hash_rows(&delta.rows, &[]);
        assert_eq!(
            partition(&delta, &none, 3).unwrap()[0].rows.num_rows(),
            1000,
            "without keys all rows go to worker 0"
        );
        assert_eq!(none.null_count(), 0);
    }

    #[test]
    fn rows_without_columns_count() {
        let schema: SchemaRef = Schema::empty().into();
        let three = Delta::insert(batch(&schema, vec![], 3).unwrap());
        let merged = merge(vec![three.clone(), three], &schema).unwrap().unwrap();
        assert_eq!((merged.rows.num_rows(), merged.weight(0)), (1, 6));
    }
}
