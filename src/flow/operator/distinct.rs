//! DISTINCT: each row once, as long as its weights sum to more than 0. NULLs are equal.
//!
//! | tick | input | output |
//! |---|---|---|
//! | 1 | +(a) +(a) | +(a) |
//! | 2 | −(a) | |
//! | 3 | −(a) | −(a) |
//!
//! It is GROUP BY all columns without a call.

use datafusion::arrow::datatypes::SchemaRef;

use super::Aggregate;
use crate::error::Result;
use crate::flow::{Delta, Operator, Output, Step, Tick};

/// See the [module](self).
pub struct Distinct {
    groups: Aggregate,
}

impl Distinct {
    /// The distinct rows of one input of `schema`, partitioned by the hash of all columns.
    pub fn new(schema: SchemaRef) -> Result<Distinct> {
        let keys = (0..schema.fields().len()).collect();
        Ok(Distinct { groups: Aggregate::new(schema.clone(), keys, Vec::new(), schema, false, false)? })
    }
}

impl Operator for Distinct {
    fn step(&mut self, tick: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        self.groups.step(tick, inputs, out)
    }

    fn bytes(&self) -> usize {
        self.groups.bytes()
    }

    fn state_rows(&self) -> u64 {
        self.groups.state_rows()
    }
}
