//! A function that does not exist: planned like one, so that its arguments have types, to complain with them as PostgreSQL does.

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::definition::{external, undefined};
use crate::error::Error;

/// A function of this name, of which every use is error 42883; `similar` is what the name was perhaps meant to be.
pub(in crate::compile) fn unknown(name: &str, similar: Option<&str>) -> ScalarUDF {
    let signature = Signature::one_of(vec![TypeSignature::VariadicAny, TypeSignature::Nullary], Volatility::Immutable);
    let hint = similar.map(|similar| format!("did you mean {similar}?"));
    ScalarUDF::new_from_impl(Unknown { name: name.to_string(), hint, signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Unknown {
    name: String,
    hint: Option<String>,
    signature: Signature,
}

impl Unknown {
    fn error(&self, args: &ReturnFieldArgs) -> Error {
        let arguments: Vec<_> = args
            .arg_fields
            .iter()
            .zip(args.scalar_arguments)
            .map(|(field, scalar)| super::definition::argument(field, *scalar))
            .collect();
        let error = undefined(&self.name, &arguments);
        match &self.hint {
            Some(hint) => error.hint(hint.clone()),
            None => error,
        }
    }
}

impl ScalarUDFImpl for Unknown {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> PlanResult<DataType> {
        Err(external(undefined(&self.name, &[])))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> PlanResult<FieldRef> {
        Err(external(self.error(&args)))
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        Err(external(undefined(&self.name, &[])))
    }
}
