//! `current_date`: the day when the statement began, in the session's zone. See [`now`](super::now).

use datafusion::logical_expr::Volatility;

use super::super::definition::Definition;
use super::now::{unknown, without_arguments};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition {
    name: "current_date",
    aliases: &["today"],
    volatility: Volatility::Stable,
    types: |arguments| Ok(without_arguments(arguments, SqlType::Date)),
    evaluate: unknown,
};
