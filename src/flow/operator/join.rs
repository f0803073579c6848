use crate::error::Result;
use crate::flow::{Delta, Operator, Output, Step, Tick};
use datafusion::arrow::datatypes::SchemaRef;
use crate::compile::expr::Expression;
/// See the module.
pub struct Join {}

impl Join {
    /// Parts of Plan::Join. inputs[0] is left, inputs[1] is right, each partitioned by the hash of its keys.
    pub fn new(left: SchemaRef, right: SchemaRef, left_keys: Vec<usize>, right_keys: Vec<usize>, null_equal: bool, residual: Option<Expression>, schema: SchemaRef) -> Result<Join> {
        todo!()
    }
}

impl Operator for Join {
    fn step(&mut self, tick: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        todo!()
    }
}
