//! Whether anybody still waits for what a thread computes. Computing never waits, so it cannot be stopped from outside: it looks here
//! between its batches.

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result, code};

tokio::task_local! {
    static CURRENT: Claim;
}

thread_local! {
    static FOLDING: Cell<bool> = const { Cell::new(false) };
}

/// Runs work that computes constants of a plan, where large values have no place: each would be written out in names many times.
pub(crate) fn folding<T>(work: impl FnOnce() -> T) -> T {
    struct End(bool);
    impl Drop for End {
        fn drop(&mut self) {
            FOLDING.set(self.0);
        }
    }
    let _end = End(FOLDING.replace(true));
    work()
}

/// Whether a constant of a plan is computed here.
pub(crate) fn is_folding() -> bool {
    FOLDING.get()
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
