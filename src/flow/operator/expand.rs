//! GROUPING SETS: every row once per set, with the keys outside of the set as NULL and the set's id.
//!
//! | input | output for the sets (a), () |
//! |---|---|
//! | +(1) | +(1, 1, 0) +(1, NULL, 1) |

use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::datatypes::SchemaRef;

use crate::compile::plan::GroupingSet;
use crate::error::{Error, Result};
use crate::flow::delta::batch;
use crate::flow::{Delta, Operator, Output, Step, Tick};

/// See the [module](self).
pub struct Expand {
    keys: Vec<usize>,
    sets: Vec<GroupingSet>,
    schema: SchemaRef,
}

impl Expand {
    /// Copies of the rows of one input for each of `sets`, whose keys are the columns `keys`; linear.
    pub fn new(keys: Vec<usize>, sets: Vec<GroupingSet>, schema: SchemaRef) -> Expand {
        Expand { keys, sets, schema }
    }

    fn copy(&self, delta: &Delta, set: &GroupingSet) -> Result<Delta> {
        let rows = delta.rows.num_rows();
        let mut columns = delta.rows.columns().to_vec();
        for (key, kept) in self.keys.iter().zip(&set.kept) {
            let key = delta.rows.column(*key);
            columns.push(if *kept { ArrayRef::clone(key) } else { new_null_array(key.data_type(), rows) });
        }
        columns.push(set.id.to_array_of_size(rows).map_err(|error| Error::internal(error.to_string()))?);
        Ok(Delta { rows: batch(&self.schema, columns, rows)?, weights: delta.weights.clone(), hash: None })
    }
}

impl Operator for Expand {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let [input] = inputs else { return Err(Error::internal("grouping sets have one input")) };
        for delta in std::mem::take(input) {
            for set in &self.sets {
                out.rows.push(self.copy(&delta, set)?);
            }
        }
        Ok(Step::Done)
    }
}
