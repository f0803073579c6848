//! The recursive term of a WITH RECURSIVE as operators that run inside of one: they keep their state between iterations and ticks.

use crate::error::{Error, Result};
use crate::flow::{Delta, Operator, Output, RowError, Step, Tick};

/// Operators in the order in which they run; the last one makes the result.
pub struct Circuit {
    nodes: Vec<CircuitNode>,
}

/// What a node of a [`Circuit`] does.
pub enum CircuitNode {
    /// Hands on the rows of a port: 0 is the work table, the others are what the term reads besides.
    Input(usize),
    /// Runs over the output of earlier nodes, each of which is read once.
    Operator(Box<dyn Operator>, Vec<usize>),
}

impl Circuit {
    /// Nodes that read earlier ones only.
    pub fn new(nodes: Vec<CircuitNode>) -> Circuit {
        Circuit { nodes }
    }

    /// What changes in the result if these rows come to the ports. Operators without input do not run.
    pub(super) fn run(
        &mut self,
        tick: &Tick,
        mut ports: Vec<Vec<Delta>>,
        errors: &mut Vec<RowError>,
    ) -> Result<Vec<Delta>> {
        let mut outputs: Vec<Vec<Delta>> = Vec::with_capacity(self.nodes.len());
        for node in &mut self.nodes {
            let output = match node {
                CircuitNode::Input(port) => ports.get_mut(*port).map(std::mem::take).unwrap_or_default(),
                CircuitNode::Operator(operator, inputs) => {
                    let mut inputs: Vec<Vec<Delta>> =
                        inputs.iter().map(|input| std::mem::take(&mut outputs[*input])).collect();
                    let mut out = Output::default();
                    if inputs.iter().any(|input| !input.is_empty()) {
                        while operator.step(tick, &mut inputs, &mut out)? == Step::Yield {}
                    }
                    errors.append(&mut out.errors);
                    out.rows.iter_mut().for_each(|delta| delta.hash = None);
                    out.rows
                }
            };
            outputs.push(output);
        }
        outputs.pop().ok_or_else(|| Error::internal("a recursive term without operators"))
    }

    /// Memory that the operators hold, in bytes (an estimate).
    pub(super) fn bytes(&self) -> usize {
        let bytes = |node: &CircuitNode| match node {
            CircuitNode::Input(_) => 0,
            CircuitNode::Operator(operator, _) => operator.bytes(),
        };
        self.nodes.iter().map(bytes).sum()
    }

    /// Rows that the operators hold.
    pub(super) fn state_rows(&self) -> u64 {
        let rows = |node: &CircuitNode| match node {
            CircuitNode::Input(_) => 0,
            CircuitNode::Operator(operator, _) => operator.state_rows(),
        };
        self.nodes.iter().map(rows).sum()
    }
}
