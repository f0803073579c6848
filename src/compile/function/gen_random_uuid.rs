//! `gen_random_uuid()`: a random UUID of version 4.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::logical_expr::Volatility;

use super::definition::{Argument, Call, Definition, Types};
use crate::clock::random_u64;
use crate::error::Result;
use crate::types::SqlType;

pub(super) static DEFINITION: Definition =
    Definition { name: "gen_random_uuid", aliases: &["uuid"], volatility: Volatility::Volatile, types, evaluate };

fn types(arguments: &[Argument]) -> Types {
    Ok(arguments.is_empty().then(|| (Vec::new(), SqlType::Uuid)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let random = || {
        let id = uuid::Builder::from_random_bytes(uuid::Uuid::from_u64_pair(random_u64(), random_u64()).into_bytes());
        id.into_uuid().to_string()
    };
    Ok(Arc::new((0..call.rows).map(|_| Some(random())).collect::<StringArray>()))
}
