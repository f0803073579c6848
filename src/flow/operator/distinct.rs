use crate::error::Result;
use crate::flow::{Delta, Operator, Output, Step, Tick};
use datafusion::arrow::datatypes::SchemaRef;

/// See the module.
pub struct Distinct {}

impl Distinct {
    /// Parts of Plan::Distinct. Input partitioned by the hash of all columns.
    pub fn new(schema: SchemaRef) -> Result<Distinct> {
        todo!()
    }
}

impl Operator for Distinct {
    fn step(&mut self, tick: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        todo!()
    }
}
