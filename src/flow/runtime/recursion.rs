//! Recursive and shared plans → fragments.

use super::render::{Fragment, Node, NodeKind, Port, Renderer, Route};
use crate::compile::plan::Plan;
use crate::error::Result;
use crate::flow::operator::{Circuit, CircuitNode, Recursive};

/// What a recursive query is made of.
pub(super) struct Recursion<'a> {
    pub(super) name: &'a str,
    pub(super) first: &'a Plan,
    pub(super) next: &'a Plan,
    pub(super) all: bool,
    pub(super) iterations_max: u64,
}

impl Renderer<'_> {
    /// A recursive query: all its rows, and those of what its recursive term reads besides, go to worker 0. Answers its node.
    pub(super) fn recursion(&mut self, plan: &Plan, recursion: &Recursion, fragment: &mut Fragment) -> Result<Node> {
        let (mut nodes, mut others) = (Vec::new(), Vec::new());
        self.circuit(recursion.next, recursion.name, &mut nodes, &mut others)?;
        let mut inputs = vec![self.exchange(recursion.first, Vec::new(), fragment)?];
        for other in others {
            inputs.push(self.exchange(other, Vec::new(), fragment)?);
        }
        let Recursion { name, all, iterations_max, .. } = recursion;
        let operator = Recursive::new((*name).to_string(), Circuit::new(nodes), *all, *iterations_max, plan.schema())?;
        Ok(Node { kind: NodeKind::Operator(Box::new(operator)), inputs })
    }

    /// Adds the nodes of a recursive term; what does not read the work table is read through a port.
    fn circuit<'a>(
        &self,
        plan: &'a Plan,
        name: &str,
        nodes: &mut Vec<CircuitNode>,
        others: &mut Vec<&'a Plan>,
    ) -> Result<usize> {
        let node = if let Plan::WorkTable { .. } = plan {
            CircuitNode::Input(0)
        } else if plan.reads_work_table(name) {
            let inputs = plan.inputs().into_iter().map(|input| self.circuit(input, name, nodes, others));
            let inputs = inputs.collect::<Result<Vec<_>>>()?;
            CircuitNode::Operator(self.operator(plan)?, inputs)
        } else {
            others.push(plan);
            CircuitNode::Input(others.len())
        };
        nodes.push(node);
        Ok(nodes.len() - 1)
    }

    /// The output of a plan that is used in several places; answers the place of the node that has it.
    pub(super) fn shared(&mut self, number: usize, plan: &Plan, fragment: &mut Fragment) -> Result<usize> {
        let known = self.shared.get(&number).copied();
        let sender = match known {
            Some(sender) => sender,
            None => {
                let sender = self.fragment(plan, Route::Stay)?;
                self.fragments.push(sender);
                self.shared.insert(number, self.fragments.len() - 1);
                self.fragments.len() - 1
            }
        };
        let port = fragment.port(Port::Fragment(sender));
        fragment.nodes.push(Node { kind: NodeKind::Port { port, columns: None }, inputs: vec![] });
        Ok(fragment.nodes.len() - 1)
    }
}
