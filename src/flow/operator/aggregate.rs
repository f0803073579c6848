use crate::error::Result;
use crate::flow::{Delta, Operator, Output, Step, Tick};
use datafusion::arrow::datatypes::SchemaRef;
use crate::compile::plan::AggregateCall;
/// See the module.
pub struct Aggregate {}

impl Aggregate {
    /// Parts of Plan::Aggregate. Input partitioned by the hash of the keys (no keys: hash 0, so worker 0). append_only: the input never retracts. emits_empty: only without keys, on the one worker that gets the rows (worker 0); it must be stepped at its first tick even without input.
    pub fn new(input: SchemaRef, keys: Vec<usize>, calls: Vec<AggregateCall>, schema: SchemaRef, append_only: bool, emits_empty: bool) -> Result<Aggregate> {
        todo!()
    }
}

impl Operator for Aggregate {
    fn step(&mut self, tick: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        todo!()
    }
}
