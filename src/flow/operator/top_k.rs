use crate::error::Result;
use crate::flow::{Delta, Operator, Output, Step, Tick};
use datafusion::arrow::datatypes::SchemaRef;
use crate::compile::plan::SortColumn;
/// See the module.
pub struct TopK {}

impl TopK {
    /// Parts of Plan::TopK. Input partitioned by the hash of the partition columns.
    pub fn new(input: SchemaRef, partition: Vec<usize>, order: Vec<SortColumn>, limit: Option<u64>, offset: u64, row_number: bool, schema: SchemaRef, append_only: bool) -> Result<TopK> {
        todo!()
    }
}

impl Operator for TopK {
    fn step(&mut self, tick: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        todo!()
    }
}
