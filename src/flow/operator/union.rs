use crate::error::Result;
use crate::flow::{Delta, Operator, Output, Step, Tick};
use datafusion::arrow::datatypes::SchemaRef;

/// See the module.
pub struct Union {}

impl Union {
    /// Parts of Plan::Union. Any number of inputs.
    pub fn new(schema: SchemaRef) -> Union {
        todo!()
    }
}

impl Operator for Union {
    fn step(&mut self, tick: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        todo!()
    }
}
