//! Why a query could not be planned, where it can be with what the failure tells: a name that may be a relation's whole row, and the
//! fields of a row that `(row).*` stands for.

use datafusion::common::{DataFusionError, SchemaError, Span};

use crate::compile::function::row::star;
use crate::compile::parse::Location;
use crate::error::Error;

/// What was not known.
pub(super) enum Unresolved {
    /// A name without a relation that is no column, and where it stands, if that is known.
    Column(String, Option<Location>),
    /// The number of a `(row).*`, and the names of the row's fields.
    Star(String, Vec<String>),
}

/// What a failure tells.
pub(super) fn of(failure: &DataFusionError) -> Option<Unresolved> {
    match failure {
        DataFusionError::Context(_, inner) => of(inner),
        DataFusionError::Diagnostic(diagnostic, inner) => match of(inner) {
            Some(Unresolved::Column(name, None)) => Some(Unresolved::Column(name, diagnostic.span.as_ref().map(start))),
            other => other,
        },
        DataFusionError::Shared(inner) => of(inner),
        DataFusionError::Collection(failures) => failures.first().and_then(of),
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, .. } if field.relation.is_none() => {
                Some(Unresolved::Column(field.name.clone(), field.spans().first().as_ref().map(start)))
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

fn start(span: &Span) -> Location {
    Location::new(span.start.line, span.start.column)
}
