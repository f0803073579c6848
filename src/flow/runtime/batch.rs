//! What travels between timely operators: one delta, addressed to one worker.

use std::io::Write;

use timely::Accountable;
use timely::bytes::arc::Bytes;
use timely::communication::Push;
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::dataflow::channels::{ContainerBytes, Message};

use crate::flow::Delta;

/// A timely container of one delta.
#[derive(Debug, Clone, Default)]
pub(super) struct Batch {
    /// The rows; `None` once they were taken.
    pub(super) delta: Option<Delta>,
    /// The worker that the rows belong to. Chosen by the sender, where a failure can be caught; channels only deliver.
    pub(super) worker: usize,
}

impl Batch {
    /// Rows for `worker`.
    pub(super) fn new(delta: Delta, worker: usize) -> Batch {
        Batch { delta: Some(delta), worker }
    }
}

impl Accountable for Batch {
    fn record_count(&self) -> i64 {
        // The count is what timely's progress tracking balances, so it must not depend on anything that can change on the way.
        self.delta.as_ref().map_or(0, |delta| delta.rows.num_rows() as i64)
    }
}

/// Called only for channels between processes, and [`worker::start`](super::worker::start) asks timely for threads of one process:
/// there messages are moved, never written out.
impl ContainerBytes for Batch {
    fn from_bytes(_bytes: Bytes) -> Self {
        Batch::default()
    }

    fn length_in_bytes(&self) -> usize {
        0
    }

    fn into_bytes<W: Write>(&self, _writer: &mut W) {}
}

/// Delivers each batch whole to the worker it names.
pub(super) struct Deliver;

impl Distributor<Batch> for Deliver {
    fn partition<T: Clone, P: Push<Message<T, Batch>>>(&mut self, batch: &mut Batch, time: &T, pushers: &mut [P]) {
        // The sender computed the worker for this number of pushers; the bound only keeps a slip from losing progress counts.
        let worker = batch.worker.min(pushers.len() - 1);
        Message::push_at(batch, time.clone(), &mut pushers[worker]);
    }

    fn flush<T: Clone, P: Push<Message<T, Batch>>>(&mut self, _time: &T, _pushers: &mut [P]) {}
}
