use crate::error::Result;
use crate::flow::Delta;

/// The changes of one relation at one tick, consolidated: no row has weight zero, equal rows are merged.
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
    pub changes: tokio::sync::mpsc::Receiver<Result<Change>>,
}
