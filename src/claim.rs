//! Whether anybody still waits for what a thread computes. Computing never waits, so it cannot be stopped from outside: it looks here
//! between its batches.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result, code};

tokio::task_local! {
    static CURRENT: Claim;
}

/// 57014 if nobody waits for the work that runs here.
pub(crate) fn check() -> Result<()> {
    match CURRENT.try_with(Claim::is_given_up) {
        Ok(true) => Err(Error::new(code::QUERY_CANCELED, "canceling statement due to user request")),
        _ => Ok(()),
    }
}

/// Somebody's wait for a work. Clones are the same wait.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Nobody waits any more.
    pub(crate) fn give_up(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether nobody waits any more.
    pub(crate) fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Runs the work that is waited for.
    pub(crate) async fn work<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    /// The wait for the work that runs here, if anybody ever waits.
    pub(crate) fn current() -> Option<Claim> {
        CURRENT.try_with(Claim::clone).ok()
    }
}
