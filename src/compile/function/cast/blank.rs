//! Blanks at the end of `char(n)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};

use super::super::definition::texts;

/// The text without blanks at its end.
pub(in crate::compile::function) fn trim(text: &str) -> &str {
    text.trim_end_matches(' ')
}

/// Texts without blanks at their ends.
pub(in crate::compile::function) fn trimmed(values: &ArrayRef) -> ArrayRef {
    Arc::new(texts(values).iter().map(|text| text.map(trim)).collect::<StringArray>())
}

/// Texts filled up with blanks to a number of characters.
pub(super) fn padded(values: &ArrayRef, letters: u32) -> ArrayRef {
    let padded = |text: &str| format!("{text:width$}", width = letters as usize);
    Arc::new(texts(values).iter().map(|text| text.map(padded)).collect::<StringArray>())
}
