//! READ ONLY, ISOLATION LEVEL.

/// Modes of a transaction; what is not given is as the settings say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TransactionModes {
    /// `serializable`, `repeatable read`, `read committed`, `read uncommitted`.
    pub isolation: Option<&'static str>,
    /// READ ONLY or READ WRITE.
    pub read_only: Option<bool>,
}
