//! Why a query could not be planned, where it can be with what the failure tells: a name that may be a relation's whole row, and the
//! fields of a row that `(row).*` stands for.

use datafusion::common::{DataFusionError, SchemaError};

use crate::compile::function::row::star;
use crate::error::Error;

/// What was not known.
pub(super) enum Unresolved {
    /// A name without a relation that is no column.
    Column(String),
    /// The number of a `(row).*`, and the names of the row's fields.
    Star(String, Vec<String>),
}

/// What a failure tells.
pub(super) fn of(failure: &DataFusionError) -> Option<Unresolved> {
    match failure {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => of(inner),
        DataFusionError::Shared(inner) => of(inner),
        DataFusionError::Collection(failures) => failures.first().and_then(of),
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, .. } if field.relation.is_none() => {
                Some(Unresolved::Column(field.name.clone()))
            }
            _ => None,
        },
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(error) => star::told(error).map(|(number, fields)| Unresolved::Star(number, fields)),
            None => inner.downcast_ref::<DataFusionError>().and_then(of),
        },
        _ => None,
    }
}
