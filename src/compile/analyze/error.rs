//! What DataFusion complains about → what PostgreSQL would say: SQLSTATE, message, hint, position.

use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{Column, DataFusionError, SchemaError, Span};

use crate::compile::parse::{Query, WHOLE};
use crate::error::{Error, code};
use crate::types::SqlType;

/// PostgreSQL's invalid_column_reference.
const INVALID_COLUMN_REFERENCE: &str = "42P10";

/// The error of planning or running `query`, with its place in the query where DataFusion tells it.
pub fn from_datafusion(failure: DataFusionError, query: &Query) -> Error {
    let mut span = None;
    let mut error = translate(&failure, &mut span);
    if error.position.is_none() {
        let at_span = span.map(|span: Span| query.position_at(span.start.line, span.start.column));
        error.position = at_span.or_else(|| query.position_of(subject(&error.message)?));
    }
    error
}

/// The error of running a query that was planned before.
pub fn from_execution(failure: DataFusionError) -> Error {
    translate(&failure, &mut None)
}

/// The name among `candidates` that `name` was probably meant to be.
pub fn similar<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| distance * 3 <= name.chars().count().max(candidate.chars().count()) + 1)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The name that a message is about: the one in quotes, or that of a function.
fn subject(message: &str) -> Option<&str> {
    let function = message.strip_prefix("function ").and_then(|call| call.split_once('(')).map(|(name, _)| name);
    function.or_else(|| quoted_name(message))
}

/// The name in quotes that a message is about.
fn quoted_name(message: &str) -> Option<&str> {
    message.split('"').nth(1).filter(|name| !name.is_empty())
}

fn translate(failure: &DataFusionError, span: &mut Option<Span>) -> Error {
    match failure {
        DataFusionError::Context(_, inner) => translate(inner, span),
        DataFusionError::Diagnostic(diagnostic, inner) => {
            // The innermost diagnostic is the one next to the cause, unless it has no place.
            let mut inner_span = None;
            let error = translate(inner, &mut inner_span);
            *span = inner_span.or(diagnostic.span).or(*span);
            error
        }
        DataFusionError::Collection(failures) => match failures.first() {
            Some(first) => translate(first, span),
            None => Error::internal("the planner failed without a reason"),
        },
        DataFusionError::Shared(inner) => translate(inner, span),
        DataFusionError::External(inner) => external(inner.as_ref(), span),
        DataFusionError::ArrowError(inner, _) => arrow(inner, span),
        DataFusionError::SchemaError(inner, _) => schema(inner, span),
        DataFusionError::SQL(inner, _) => Error::new(code::SYNTAX_ERROR, lower(&inner.to_string())),
        DataFusionError::NotImplemented(message) => not_implemented(message),
        DataFusionError::Plan(message) => planning(message),
        DataFusionError::Execution(message) => execution(message),
        DataFusionError::ResourcesExhausted(message) => {
            Error::new(code::OUT_OF_MEMORY, "out of memory").detail(first_line(message).to_string()).hint(
                "queries together may hold half of the machine's memory: let this one group, sort or join fewer rows",
            )
        }
        DataFusionError::Internal(message) if message.contains(IN_BETWEEN) => between(message),
        DataFusionError::Configuration(message) => Error::new(code::INVALID_PARAMETER_VALUE, lower(message)),
        other => Error::internal(lower(&other.strip_backtrace())),
    }
}

fn external(failure: &(dyn std::error::Error + Send + Sync + 'static), span: &mut Option<Span>) -> Error {
    if let Some(own) = failure.downcast_ref::<Error>() {
        return own.clone();
    }
    if let Some(inner) = failure.downcast_ref::<DataFusionError>() {
        return translate(inner, span);
    }
    if let Some(inner) = failure.downcast_ref::<ArrowError>() {
        return arrow(inner, span);
    }
    Error::internal(lower(&failure.to_string()))
}

fn arrow(failure: &ArrowError, span: &mut Option<Span>) -> Error {
    match failure {
        ArrowError::DivideByZero => division_by_zero(),
        ArrowError::ArithmeticOverflow(message) => out_of_range(message),
        ArrowError::CastError(message) | ArrowError::ParseError(message) => conversion(message),
        ArrowError::ExternalError(inner) => external(inner.as_ref(), span),
        ArrowError::ComputeError(message) | ArrowError::InvalidArgumentError(message) => execution(message),
        ArrowError::NotYetImplemented(message) => not_implemented(message),
        other => Error::internal(lower(&other.to_string())),
    }
}

fn schema(failure: &SchemaError, span: &mut Option<Span>) -> Error {
    match failure {
        SchemaError::FieldNotFound { field, valid_fields } => {
            *span = span.or(field.spans.first());
            unknown_column(field, valid_fields)
        }
        SchemaError::AmbiguousReference { field } => {
            *span = span.or(field.spans.first());
            Error::new(code::AMBIGUOUS_COLUMN, format!("column reference \"{}\" is ambiguous", field.name))
                .hint("write the table's name before the column's")
        }
        SchemaError::DuplicateQualifiedField { qualifier, .. } => {
            Error::new("42712", format!("table name \"{}\" specified more than once", qualifier.table()))
                .hint("give each its own alias")
        }
        SchemaError::DuplicateUnqualifiedField { name } => {
            Error::new(code::DUPLICATE_COLUMN, format!("column \"{name}\" specified more than once"))
        }
    }
}

fn unknown_column(field: &Column, valid: &[Column]) -> Error {
    if let Some(relation) = field.relation.as_ref().and_then(|relation| relation.table().strip_prefix(WHOLE)) {
        return Error::new(code::UNDEFINED_TABLE, format!("missing FROM-clause entry for table \"{relation}\""));
    }
    let Some(relation) = &field.relation else {
        let error = Error::new(code::UNDEFINED_COLUMN, format!("column \"{}\" does not exist", field.name));
        return match similar(&field.name, valid.iter().map(|column| column.name.as_str())) {
            Some(similar) => error.hint(format!("did you mean \"{similar}\"?")),
            None => error,
        };
    };
    let same = |column: &&Column| column.relation.as_ref().is_some_and(|other| other.table() == relation.table());
    if !valid.iter().any(|column| same(&column)) {
        let error =
            Error::new(code::UNDEFINED_TABLE, format!("missing FROM-clause entry for table \"{}\"", relation.table()));
        let tables = valid.iter().filter_map(|column| column.relation.as_ref().map(|relation| relation.table()));
        return match similar(relation.table(), tables) {
            Some(similar) => error.hint(format!("did you mean \"{similar}\"?")),
            None => error,
        };
    }
    let error =
        Error::new(code::UNDEFINED_COLUMN, format!("column {}.{} does not exist", relation.table(), field.name));
    match similar(&field.name, valid.iter().filter(same).map(|column| column.name.as_str())) {
        Some(similar) => error.hint(format!("did you mean \"{similar}\"?")),
        None => error,
    }
}

fn planning(message: &str) -> Error {
    let line = first_line(message);
    if let Some(rest) = line.strip_prefix("Invalid function '") {
        let name = rest.split('\'').next().unwrap_or(rest);
        let error = Error::new(code::UNDEFINED_FUNCTION, format!("function {name} does not exist"));
        let suggested = message.split("Did you mean '").nth(1).and_then(|rest| rest.split('\'').next());
        return match suggested.and_then(|suggested| similar(name, std::iter::once(suggested))) {
            Some(suggested) => error.hint(format!("did you mean {suggested}?")),
            None => error,
        };
    }
    if line.contains("must appear in the GROUP BY clause") || line.contains("must be part of an aggregate function") {
        return grouping(line);
    }
    if line.contains("Cannot coerce arithmetic expression") || line.contains("Cannot infer common") {
        return operator(line);
    }
    if let Some(call) = line.split("argument types '").nth(1).and_then(|rest| rest.split('\'').next()) {
        return unknown_call(call);
    }
    if let Some((_, name)) = line.split_once("Function '").filter(|_| line.contains("failed to match any signature")) {
        let name = name.split('\'').next().unwrap_or(name);
        return Error::new(code::UNDEFINED_FUNCTION, format!("function {name} does not exist for these arguments"));
    }
    if let Some(kind) = line.split("non-boolean predicate").nth(1).and_then(|rest| rest.split(" returning ").nth(1)) {
        let message = format!("argument of WHERE must be type boolean, not type {}", sql_name(kind));
        return Error::new(code::DATATYPE_MISMATCH, message);
    }
    if line.contains("should only return one column") {
        return Error::new(code::SYNTAX_ERROR, "subquery must return only one column");
    }
    if let Some(error) = clause(line) {
        return error;
    }
    if line.contains("must be >= 0") || line.contains("must be >=0") {
        return match line.starts_with("OFFSET") {
            true => Error::new("2201X", "OFFSET must not be negative"),
            false => Error::new("2201W", "LIMIT must not be negative"),
        };
    }
    Error::new(planning_code(line), lower(line))
}

/// What is wrong with a clause, in PostgreSQL's words.
fn clause(line: &str) -> Option<Error> {
    let number = |after: &str| -> Option<u64> {
        let rest = line.split_once(after)?.1;
        rest.split(|letter: char| !letter.is_ascii_digit()).find(|word| !word.is_empty())?.parse().ok()
    };
    if line.contains("ggregate function calls cannot be nested") {
        return Some(Error::new(code::GROUPING_ERROR, "aggregate function calls cannot be nested"));
    }
    if line.contains("annot find column with position ") {
        let message = format!("GROUP BY position {} is not in select list", number("with position ")?);
        return Some(Error::new(INVALID_COLUMN_REFERENCE, message));
    }
    if let Some(table) = line.strip_prefix("Invalid qualifier ") {
        let message = format!("missing FROM-clause entry for table \"{table}\"");
        return Some(Error::new(code::UNDEFINED_TABLE, message));
    }
    if line.contains("rder by column out of bounds") {
        let message = format!("ORDER BY position {} is not in select list", number("specified: ")?);
        return Some(Error::new(INVALID_COLUMN_REFERENCE, message));
    }
    if line.contains("names given as column alias") {
        let (there, given) = (number("contains ")?, number("but only ")?);
        let message = format!("table has {there} columns available but {given} columns specified");
        return Some(Error::new(INVALID_COLUMN_REFERENCE, message));
    }
    for verb in ["LIMIT", "OFFSET"] {
        if let Some(rest) = line.split(&format!("xpected {verb} to be an integer or null, but got ")).nth(1) {
            let kind = sql_name(rest.trim());
            return Some(match kind.as_str() {
                "text" => invalid_text("bigint", None),
                kind => {
                    let message = format!("argument of {verb} must be type bigint, not type {kind}");
                    Error::new(code::DATATYPE_MISMATCH, message)
                }
            });
        }
    }
    None
}

/// A call as DataFusion writes it: `lower(Int64)`.
fn unknown_call(call: &str) -> Error {
    let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
    let arguments: Vec<String> = arguments.trim_end_matches(')').split(", ").map(sql_name).collect();
    let message = format!("function {name}({}) does not exist", arguments.join(", "));
    Error::new(code::UNDEFINED_FUNCTION, message).hint("no function takes these types: an explicit cast may help")
}

/// SQLSTATE of planning errors whose text is passed on.
fn planning_code(line: &str) -> &'static str {
    let has = |text: &str| line.contains(text);
    if has("No function matches")
        || has("Failed to coerce arguments")
        || has("does not exist")
        || has("does not support zero")
    {
        code::UNDEFINED_FUNCTION
    } else if has("For SELECT DISTINCT, ORDER BY") {
        INVALID_COLUMN_REFERENCE
    } else if has("unique expression names") {
        code::DUPLICATE_COLUMN
    } else if has("Cannot cast") || has("Unsupported CAST") {
        code::CANNOT_COERCE
    } else if has("Aggregate functions are not allowed") || has("aggregate function") {
        code::GROUPING_ERROR
    } else if has("boolean") || has("Boolean") || has("data type") || has("coerce") || has("type") {
        code::DATATYPE_MISMATCH
    } else if has("laceholder") {
        code::UNDEFINED_PARAMETER
    } else {
        code::SYNTAX_ERROR
    }
}

/// `Column in SELECT must be in GROUP BY or an aggregate function: While expanding wildcard, column "t.b" must appear …`.
fn grouping(line: &str) -> Error {
    let column = line.split("column \"").nth(1).and_then(|rest| rest.split('"').next());
    let subject = column.map_or_else(|| "expression".to_string(), |column| format!("column \"{column}\""));
    Error::new(
        code::GROUPING_ERROR,
        format!("{subject} must appear in the GROUP BY clause or be used in an aggregate function"),
    )
}

/// `Cannot coerce arithmetic expression Utf8 + Int64 to valid types`,
/// `Cannot infer common argument type for comparison operation Int64 = Boolean`.
fn operator(line: &str) -> Error {
    let words = line.split(" expression ").nth(1).or_else(|| line.split(" operation ").nth(1)).unwrap_or(line);
    let words = words.split(" to valid types").next().unwrap_or(words);
    Error::new(code::UNDEFINED_FUNCTION, format!("operator does not exist: {}", sql_names(words)))
        .hint("no operator takes these types: an explicit cast may help")
}

/// How DataFusion ends what it says about `x BETWEEN y AND z` with types that cannot be compared.
const IN_BETWEEN: &str = " in BETWEEN expression";

fn between(message: &str) -> Error {
    let types = message.split("coerce types ").nth(1).and_then(|rest| rest.split(IN_BETWEEN).next());
    let (value, bound) = types.and_then(|types| types.split_once(" and ")).unwrap_or_default();
    let message = format!("operator does not exist: {} >= {}", sql_name(value), sql_name(bound));
    Error::new(code::UNDEFINED_FUNCTION, message).hint("no operator takes these types: an explicit cast may help")
}

fn not_implemented(message: &str) -> Error {
    let line = first_line(message);
    if line.contains("does not support logical expression") {
        return Error::unsupported("this kind of subquery is not supported at this place")
            .hint("write it as a join, or make the subquery depend on the outer query by equalities only");
    }
    if let Some(parts) = line.split("ompound identifier: [").nth(1) {
        let parts: Vec<&str> = parts.split('"').skip(1).step_by(2).collect();
        let message = format!("improper qualified name (too many dotted names): {}", parts.join("."));
        return Error::new(code::SYNTAX_ERROR, message);
    }
    if line.contains("nnest should be rewritten") {
        return Error::unsupported("set-returning functions are not allowed at this place");
    }
    Error::unsupported(format!("this is not supported: {}", lower(line.trim_start_matches("Unsupported ast node "))))
}

fn execution(message: &str) -> Error {
    let line = first_line(message);
    if line.contains("argument types '") || line.contains("must be >= 0") {
        return planning(line);
    }
    if line.contains("ivide by zero") {
        return division_by_zero();
    }
    if line.contains("verflow") || line.contains("out of range") {
        return out_of_range(line);
    }
    if line.contains(" to store in ") {
        return conversion(line);
    }
    if line.contains("more than one row") || line.contains("more than 1 row") {
        return Error::new(
            code::CARDINALITY_VIOLATION,
            "more than one row returned by a subquery used as an expression",
        );
    }
    if line.contains("Cannot cast") || line.contains("parsing") || line.contains("parse") {
        return conversion(line);
    }
    Error::new(code::INVALID_PARAMETER_VALUE, lower(line))
}

/// `Cannot cast string 'x' to value of Int64 type`, `Parser error: Error parsing timestamp from 'x': …`,
/// `Can't cast value 300 to type Int8`.
fn conversion(message: &str) -> Error {
    let line = first_line(message);
    let quoted = line.split('\'').nth(1);
    if let Some(rest) = line.split(" to value of ").nth(1) {
        let kind = sql_name(rest.split(" type").next().unwrap_or(rest).trim());
        // A number that is too large for the type fails as its text would: PostgreSQL tells the two apart.
        let number = quoted.is_some_and(|text| text.trim().parse::<i128>().is_ok());
        if let Some(text) = quoted.filter(|_| number && matches!(kind.as_str(), "smallint" | "integer" | "bigint")) {
            let message = format!("value \"{text}\" is out of range for type {kind}");
            return Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, message);
        }
        return invalid_text(&kind, quoted);
    }
    if let Some(rest) = line.split(" to type ").nth(1) {
        return Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, format!("{} out of range", sql_name(rest.trim())));
    }
    if line.contains(" to store in ") {
        return Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow").detail(line.to_string());
    }
    for kind in ["timestamp", "date", "interval"] {
        if line.to_lowercase().contains(kind) {
            let text = quoted.map_or_else(String::new, |text| format!(": \"{text}\""));
            let message = format!("invalid input syntax for type {kind}{text}");
            return Error::new(code::INVALID_DATETIME_FORMAT, message);
        }
    }
    Error::new(code::INVALID_TEXT_REPRESENTATION, lower(line))
}

fn invalid_text(kind: &str, text: Option<&str>) -> Error {
    let text = text.map_or_else(String::new, |text| format!(": \"{text}\""));
    let code = match kind.split(' ').next() {
        Some("timestamp" | "date" | "interval") => code::INVALID_DATETIME_FORMAT,
        _ => code::INVALID_TEXT_REPRESENTATION,
    };
    Error::new(code, format!("invalid input syntax for type {kind}{text}"))
}

fn division_by_zero() -> Error {
    Error::new(code::DIVISION_BY_ZERO, "division by zero")
}

fn out_of_range(message: &str) -> Error {
    Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range").detail(first_line(message).to_string())
}

/// A text of DataFusion with the names of Arrow types replaced by those of SQL.
fn sql_names(text: &str) -> String {
    text.split(' ').map(sql_name).collect::<Vec<_>>().join(" ")
}

/// PostgreSQL's name of an Arrow type that is written as Arrow does; anything else unchanged.
fn sql_name(word: &str) -> String {
    match word.parse::<DataType>() {
        Ok(kind) => SqlType::of(&datafusion::arrow::datatypes::Field::new("", kind, true)).to_string(),
        Err(_) => word.to_string(),
    }
}

/// The first line of a text, without DataFusion's prefixes.
fn first_line(text: &str) -> &str {
    let line = text.lines().next().unwrap_or(text);
    let line = line.strip_prefix("Error during planning: ").unwrap_or(line);
    line.strip_prefix("Arrow error: ").unwrap_or(line).trim_end_matches('.')
}

/// Lower case at the start, as messages are; words in capitals stay.
fn lower(text: &str) -> String {
    let line = first_line(text);
    let mut letters = line.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(line.chars().skip(1)).collect()
        }
        _ => line.to_string(),
    }
}
