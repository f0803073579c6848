//! Changes of a relation, tick by tick.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use crate::error::{Error, Result, code};
use crate::flow::Delta;

/// Changes that wait for a reader at most.
const CHANGES_MAX: usize = 1024;
/// Bytes of changes that wait for a reader at most; the snapshot at the start is not counted.
const BYTES_MAX: usize = 64 << 20;

/// The changes of one relation at one tick, consolidated: no row has weight zero; equal rows are merged, except in relations that
/// never retract. Retracted rows come before inserted ones.
#[derive(Debug, Clone)]
pub struct Change {
    /// The tick after which the relation is as these changes make it.
    pub tick: u64,
    /// The changes; empty for mere progress.
    pub delta: Vec<Delta>,
}

/// A stream of changes. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    /// Changes in tick order; an error (relation dropped or quarantined, reader too slow) is the last item.
    pub changes: mpsc::Receiver<Result<Change>>,
}

/// The sending end of a [`Subscription`].
pub(crate) struct Publisher {
    sender: mpsc::Sender<Result<Change>>,
    /// Bytes of every change that the reader has not taken, oldest first.
    waiting: VecDeque<usize>,
    progress: bool,
}

impl Publisher {
    /// A new subscription; with `progress`, ticks without changes are told too.
    pub(crate) fn channel(progress: bool) -> (Publisher, Subscription) {
        // One place more than may be filled: for the error that ends the subscription.
        let (sender, changes) = mpsc::channel(CHANGES_MAX + 1);
        (Publisher { sender, waiting: VecDeque::new(), progress }, Subscription { changes })
    }

    /// Whether the reader is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends the content that the following changes change.
    pub(crate) fn publish_snapshot(&mut self, change: Change) {
        self.waiting.push_back(0);
        // Nothing was sent before, so there is room; a reader that is gone needs nothing.
        let _ = self.sender.try_send(Ok(change));
    }

    /// Hands on what a committed tick changed. Answers whether the subscription goes on: a reader that is gone or too slow ends it.
    pub(crate) fn publish(&mut self, change: &Change) -> bool {
        let waiting = self.sender.max_capacity() - self.sender.capacity();
        while self.waiting.len() > waiting {
            self.waiting.pop_front();
        }
        if change.delta.is_empty() && (!self.progress || waiting > CHANGES_MAX / 2) {
            // A reader that lags behind learns of progress by the changes that wait for it.
            return !self.is_closed();
        }
        let bytes: usize = change.delta.iter().map(|delta| delta.rows.get_array_memory_size()).sum();
        let waiting_bytes: usize = self.waiting.iter().sum();
        if waiting >= CHANGES_MAX || (waiting > 0 && waiting_bytes + bytes > BYTES_MAX) {
            self.finish(
                Error::new(code::CONFIGURATION_LIMIT_EXCEEDED, "subscription ended: its reader is too slow")
                    .hint("read faster, or subscribe to a view with fewer changes"),
            );
            return false;
        }
        self.waiting.push_back(bytes);
        self.sender.try_send(Ok(change.clone())).is_ok()
    }

    /// Ends the subscription with an error as its last item.
    pub(crate) fn finish(&self, error: Error) {
        // The last place is kept free for this; a reader that is gone needs nothing.
        let _ = self.sender.try_send(Err(error));
    }
}
