//! UNION ALL: all rows of all inputs.
//!
//! | input 0 | input 1 | output |
//! |---|---|---|
//! | +(1) | −(1) | +(1) −(1) |

use datafusion::arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::flow::delta::batch;
use crate::flow::{Delta, Operator, Output, Step, Tick};

/// See the [module](self).
pub struct Union {
    schema: SchemaRef,
}

impl Union {
    /// UNION ALL of any number of inputs with the column types of `schema`.
    pub fn new(schema: SchemaRef) -> Union {
        Union { schema }
    }
}

impl Operator for Union {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        for delta in inputs.iter_mut().flat_map(|input| input.drain(..)) {
            let rows = batch(&self.schema, delta.rows.columns().to_vec(), delta.rows.num_rows())?;
            out.rows.push(Delta { rows, ..delta });
        }
        Ok(Step::Done)
    }
}
