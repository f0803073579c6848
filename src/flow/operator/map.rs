use crate::error::Result;
use crate::flow::{Delta, Operator, Output, Step, Tick};
use datafusion::arrow::datatypes::SchemaRef;
use crate::compile::expr::Expression;
/// See the module.
pub struct Map {}

impl Map {
    /// Parts of Plan::Map. One input.
    pub fn new(input: SchemaRef, filter: Option<Expression>, columns: Option<Vec<Expression>>, schema: SchemaRef) -> Result<Map> {
        todo!()
    }
}

impl Operator for Map {
    fn step(&mut self, tick: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        todo!()
    }
}
