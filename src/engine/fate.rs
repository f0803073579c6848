//! Whether a statement may still be canceled. What was canceled is never committed, and what commits is never said to be canceled:
//! whoever comes first wins.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::{Error, Result, code};

const OPEN: u8 = 0;
const COMMITS: u8 = 1;
const CANCELED: u8 = 2;

/// The fate of the statement that a session runs.
#[derive(Debug, Default)]
pub struct Fate(AtomicU8);

impl Fate {
    /// A statement begins.
    pub fn begin(&self) {
        self.0.store(OPEN, Ordering::Release);
    }

    /// Cancels the statement; whether it was early enough. Otherwise its changes are being committed: it must be waited for.
    pub fn cancel(&self) -> bool {
        self.decide(CANCELED) != COMMITS
    }

    /// The statement's point of no return; 57014 if it was canceled before.
    pub(super) fn commit(&self) -> Result<()> {
        match self.decide(COMMITS) {
            CANCELED => Err(Error::new(code::QUERY_CANCELED, "canceling statement due to user request")),
            _ => Ok(()),
        }
    }

    /// What it was before; the first decision stays.
    fn decide(&self, decision: u8) -> u8 {
        let before = self.0.compare_exchange(OPEN, decision, Ordering::AcqRel, Ordering::Acquire);
        before.unwrap_or_else(|decided| decided)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_decision_stays() {
        let fate = Fate::default();
        assert!(fate.cancel());
        assert_eq!(fate.commit().unwrap_err().code, code::QUERY_CANCELED);
        assert!(fate.cancel());
        fate.begin();
        fate.commit().unwrap();
        assert!(!fate.cancel());
        fate.commit().unwrap();
    }
}
