//! Functions over the system catalog, bound to one version of it and to the session.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::types::UserNames;
use super::{
    Context, PG_CATALOG, PUBLIC, TIDEWATER, answer, description, effect, index, keyword, layout, sequence, size,
};
use crate::catalog::DATABASE;
use crate::catalog::{Catalog, RelationKind};
use crate::error::{Error, code};

/// What a function answers for one row of arguments.
type Body = Arc<dyn Fn(&[ScalarValue]) -> Result<ScalarValue> + Send + Sync>;

/// A scalar function that looks things up: called row by row, on catalog-sized input.
struct CatalogFunction {
    name: String,
    signature: Signature,
    answer: DataType,
    body: Body,
}

impl fmt::Debug for CatalogFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogFunction").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for CatalogFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for CatalogFunction {}

impl Hash for CatalogFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for CatalogFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.answer.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = self.signature.volatility != Volatility::Volatile;
        if is_constant && args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_))) {
            let values: Vec<ScalarValue> = args
                .args
                .iter()
                .filter_map(|value| if let ColumnarValue::Scalar(value) = value { Some(value.clone()) } else { None })
                .collect();
            return Ok(ColumnarValue::Scalar((self.body)(&values)?));
        }
        let array = |value: &ColumnarValue| value.to_array(args.number_rows);
        let arrays = args.args.iter().map(array).collect::<Result<Vec<_>>>()?;
        let row = |i: usize| -> Result<ScalarValue> {
            let values =
                arrays.iter().map(|array| ScalarValue::try_from_array(array, i)).collect::<Result<Vec<_>>>()?;
            (self.body)(&values)
        };
        let answers = (0..args.number_rows).map(row).collect::<Result<Vec<_>>>()?;
        if answers.is_empty() {
            return Ok(ColumnarValue::Array(datafusion::arrow::array::new_empty_array(&self.answer)));
        }
        Ok(ColumnarValue::Array(ScalarValue::iter_to_array(answers)?))
    }
}

pub(super) fn function(
    name: &str,
    answer: DataType,
    body: impl Fn(&[ScalarValue]) -> Result<ScalarValue> + Send + Sync + 'static,
) -> ScalarUDF {
    let signature = Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], Volatility::Stable);
    ScalarUDF::from(CatalogFunction { name: name.to_string(), signature, answer, body: Arc::new(body) })
}

/// A function that answers anew at every call.
pub(super) fn volatile(
    name: &str,
    answer: DataType,
    body: impl Fn(&[ScalarValue]) -> Result<ScalarValue> + Send + Sync + 'static,
) -> ScalarUDF {
    let signature = Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], Volatility::Volatile);
    ScalarUDF::from(CatalogFunction { name: name.to_string(), signature, answer, body: Arc::new(body) })
}

pub(super) fn text(
    name: &str,
    body: impl Fn(&[ScalarValue]) -> Result<Option<String>> + Send + Sync + 'static,
) -> ScalarUDF {
    function(name, DataType::Utf8, move |arguments| Ok(ScalarValue::Utf8(body(arguments)?)))
}

pub(super) fn bigint(
    name: &str,
    body: impl Fn(&[ScalarValue]) -> Result<Option<i64>> + Send + Sync + 'static,
) -> ScalarUDF {
    function(name, DataType::Int64, move |arguments| Ok(ScalarValue::Int64(body(arguments)?)))
}

/// Argument `i` as an identity.
pub(super) fn number(arguments: &[ScalarValue], i: usize) -> Option<i64> {
    let value = arguments.get(i)?.cast_to(&DataType::Int64).ok()?;
    if let ScalarValue::Int64(value) = value { value } else { None }
}

/// Argument `i` as text.
pub(super) fn string(arguments: &[ScalarValue], i: usize) -> Option<String> {
    let value = arguments.get(i)?.cast_to(&DataType::Utf8).ok()?;
    if let ScalarValue::Utf8(value) = value { value } else { None }
}

/// Identities of system relations that clients compare with, PostgreSQL's own.
const SYSTEM_RELATIONS: [(&str, i64); 9] = [
    ("pg_attribute", 1249),
    ("pg_index", 2610),
    ("pg_attrdef", 2604),
    ("pg_class", 1259),
    ("pg_constraint", 2606),
    ("pg_database", 1262),
    ("pg_namespace", 2615),
    ("pg_proc", 1255),
    ("pg_type", 1247),
];

/// Other relations of `pg_catalog` are numbered from here.
const SYSTEM_RELATIONS_FROM: i64 = 12000;

/// A name as it may stand in `'…'::regclass`: without `public.`, without quotes.
pub(super) fn bare(name: &str) -> String {
    let name = name.trim();
    let parts = name.split('.').map(|part| match part.strip_prefix('"').and_then(|part| part.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => part.to_lowercase(),
    });
    let name = parts.collect::<Vec<_>>().join(".");
    name.strip_prefix("public.").or_else(|| name.strip_prefix("pg_catalog.")).unwrap_or(&name).to_string()
}

fn text_list(values: &[&str]) -> ScalarValue {
    let values: Vec<ScalarValue> = values.iter().map(|value| ScalarValue::from(*value)).collect();
    ScalarValue::List(ScalarValue::new_list(&values, &DataType::Utf8, true))
}

/// All functions, for one statement.
pub fn functions(context: &Context<'_>) -> Vec<ScalarUDF> {
    let mut all = answer::functions(context);
    all.push(table_is_visible(context));
    all.extend(definitions(context));
    all.extend(names(context));
    all.extend(session(context));
    all.extend(size::functions());
    all.extend(keyword::functions());
    all.extend(effect::functions(context));
    all.extend(sequence::functions(context));
    all.extend(description::functions(context));
    all
}

/// Whether there is a function of that name among [`functions`].
pub fn has_function(name: &str) -> bool {
    static NAMES: OnceLock<HashSet<String>> = OnceLock::new();
    let names = || {
        let context =
            Context { catalog: &Catalog::default(), system: &[], user: "", backend: 0, settings: &[], effects: None };
        functions(&context).iter().map(|function| function.name().to_string()).collect()
    };
    NAMES.get_or_init(names).contains(name)
}

/// Whether a name without a schema means the relation.
fn table_is_visible(context: &Context<'_>) -> ScalarUDF {
    let path = super::search_path(context);
    let is_hidden = |relation: &&Arc<crate::catalog::Relation>| {
        context.catalog.find(relation.local_name(), &path).is_none_or(|found| found.id != relation.id)
    };
    let hidden: HashSet<i64> = context
        .catalog
        .iter()
        .filter(is_hidden)
        .chain(context.system)
        .map(|relation| i64::from(relation.id.0))
        .collect();
    function("pg_table_is_visible", DataType::Boolean, move |arguments| {
        Ok(ScalarValue::Boolean(number(arguments, 0).map(|oid| !hidden.contains(&oid))))
    })
}

fn definitions(context: &Context<'_>) -> Vec<ScalarUDF> {
    let indexes: HashMap<i64, String> = index::index_definitions(context).into_iter().collect();
    let constraints: HashMap<i64, String> = index::constraint_definitions(context).into_iter().collect();
    let view = |relation: &crate::catalog::Relation| match &relation.kind {
        RelationKind::View { query, .. } => Some((i64::from(relation.id.0), query.clone())),
        RelationKind::MaterializedView { .. } => {
            Some((i64::from(relation.id.0), query_of(&relation.definition).into()))
        }
        _ => None,
    };
    let views: HashMap<i64, String> = context.catalog.iter().filter_map(|relation| view(relation)).collect();
    let types = UserNames::new(context);
    let view_names: HashMap<String, i64> =
        context.catalog.iter().map(|relation| (relation.name.clone(), i64::from(relation.id.0))).collect();
    let index_columns: HashMap<i64, Vec<String>> = index::index_columns(context).into_iter().collect();
    vec![
        text("pg_get_indexdef", move |arguments| {
            let Some(oid) = number(arguments, 0) else { return Ok(None) };
            Ok(match number(arguments, 1) {
                None | Some(0) => indexes.get(&oid).cloned(),
                Some(column) => usize::try_from(column - 1)
                    .ok()
                    .and_then(|at| index_columns.get(&oid)?.get(at).cloned())
                    .or_else(|| indexes.contains_key(&oid).then(String::new)),
            })
        }),
        text("pg_get_constraintdef", move |arguments| {
            let found = number(arguments, 0).and_then(|oid| constraints.get(&oid).cloned());
            let is_pretty = matches!(arguments.get(1), Some(ScalarValue::Boolean(Some(true))));
            Ok(found.map(|text| match text.strip_prefix("CHECK ((").and_then(|text| text.strip_suffix("))")) {
                Some(condition) if is_pretty => format!("CHECK ({condition})"),
                _ => text,
            }))
        }),
        text("pg_get_viewdef", move |arguments| {
            let by_name = || view_names.get(&bare(&string(arguments, 0)?)).copied();
            Ok(number(arguments, 0).or_else(by_name).and_then(|oid| views.get(&oid).cloned()))
        }),
        text("pg_get_expr", |arguments| Ok(string(arguments, 0))),
        text("format_type", move |arguments| {
            let Some(oid) = number(arguments, 0) else { return Ok(None) };
            Ok(Some(types.format_type(oid, number(arguments, 1).unwrap_or(-1)).unwrap_or_else(|| "???".into())))
        }),
        text("pg_client_encoding", |_| Ok(Some("UTF8".into()))),
        text("getdatabaseencoding", |_| Ok(Some("UTF8".into()))),
        bigint("pg_char_to_encoding", |arguments| Ok(string(arguments, 0).map(|_| 6))),
        text("pg_encoding_to_char", |arguments| Ok(number(arguments, 0).map(|_| "UTF8".into()))),
        text("pg_get_userbyid", |arguments| Ok(number(arguments, 0).map(|_| DATABASE.into()))),
    ]
}

/// The query of `CREATE … AS query`: what follows the first AS outside of quotes and parentheses.
pub(super) fn query_of(definition: &str) -> &str {
    let (mut depth, mut quoted) = (0, false);
    for (at, character) in definition.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        let rest = &definition[at..];
        let is_as = depth == 0
            && !quoted
            && character.is_whitespace()
            && rest.get(1..3).is_some_and(|word| word.eq_ignore_ascii_case("as"))
            && rest[3..].starts_with(char::is_whitespace);
        if is_as {
            return rest[3..].trim_start();
        }
    }
    definition
}

fn names(context: &Context<'_>) -> Vec<ScalarUDF> {
    let by_oid: HashMap<i64, String> =
        context.catalog.iter().map(|relation| (i64::from(relation.id.0), relation.name.clone())).collect();
    let mut by_name = system_names();
    let mut by_oid = by_oid;
    by_oid.extend(by_name.iter().map(|(name, oid)| (*oid, name.clone())));
    by_oid.extend(
        index::indexes(context)
            .iter()
            .map(|(index, relation)| (index::oid(index), crate::catalog::full_name(relation.namespace(), &index.name))),
    );
    by_oid.extend(sequence::rows(context).iter().map(|row| (row.oid, row.full_name())));
    by_name.extend(by_oid.iter().map(|(oid, name)| (name.clone(), *oid)));
    let (to_regclass, of_casts, of_regclass, names_of_casts) =
        (by_name.clone(), by_name.clone(), by_name.clone(), by_oid.clone());
    let mut namespaces: Vec<(i64, String)> = [(PG_CATALOG, "pg_catalog"), (PUBLIC, "public"), (TIDEWATER, "tidewater")]
        .map(|(oid, name)| (oid, name.into()))
        .into();
    namespaces.extend(context.catalog.schemas().map(|(name, oid)| (i64::from(oid), name.to_string())));
    let by_oid_namespaces = namespaces.clone();
    let [of_regtype, to_regtype, name_of_regtype, regtype] = std::array::from_fn(|_| UserNames::new(context));
    vec![
        bigint("oid_of_regclass", move |arguments| {
            let Some(name) = string(arguments, 0) else { return Ok(None) };
            match (by_name.get(&bare(&name)), name.parse::<i64>()) {
                (Some(oid), _) => Ok(Some(*oid)),
                (None, Ok(oid)) => Ok(Some(oid)),
                (None, Err(_)) => Err(undefined_table(&bare(&name))),
            }
        }),
        bigint("to_regclass", move |arguments| {
            Ok(string(arguments, 0).and_then(|name| to_regclass.get(&bare(&name)).copied()))
        }),
        text("name_of_regclass", move |arguments| {
            let named = |oid: i64| by_oid.get(&oid).cloned().unwrap_or_else(|| oid.to_string());
            Ok(number(arguments, 0).map(named).or_else(|| string(arguments, 0).map(|name| bare(&name))))
        }),
        bigint("oid_of_regtype", move |arguments| {
            let Some(name) = string(arguments, 0) else { return Ok(None) };
            match of_regtype.by_name(&name).or_else(|| name.parse().ok()) {
                Some(oid) => Ok(Some(oid)),
                None => Err(undefined_type(&name)),
            }
        }),
        bigint("to_regtype", move |arguments| Ok(string(arguments, 0).and_then(|name| to_regtype.by_name(&name)))),
        text("name_of_regtype", move |arguments| {
            let name = |oid: i64| name_of_regtype.format_type(oid, -1).unwrap_or_else(|| oid.to_string());
            let given = || name_of_regtype.format_type(name_of_regtype.by_name(&string(arguments, 0)?)?, -1);
            Ok(number(arguments, 0).map(name).or_else(given))
        }),
        text("regtype", move |arguments| {
            let Some(name) = string(arguments, 0) else { return Ok(None) };
            match regtype.by_name(&name).or_else(|| name.parse().ok()) {
                Some(oid) => Ok(Some(regtype.format_type(oid, -1).unwrap_or(name))),
                None => Err(undefined_type(&name)),
            }
        }),
        bigint("oid_of_regnamespace", move |arguments| {
            let found = |name: String| namespaces.iter().find(|row| row.1 == name.trim_matches('"')).map(|row| row.0);
            Ok(number(arguments, 0).or_else(|| string(arguments, 0).and_then(found)))
        }),
        text("name_of_regnamespace", move |arguments| {
            let found = |oid: i64| by_oid_namespaces.iter().find(|row| row.0 == oid).map(|row| row.1.clone());
            Ok(number(arguments, 0).and_then(found).or_else(|| string(arguments, 0)))
        }),
        text("regnamespace", |arguments| Ok(string(arguments, 0))),
        bigint("oid", move |arguments| {
            let Some(name) = string(arguments, 0) else { return Ok(None) };
            match (name.trim().parse().ok(), of_casts.get(&bare(&name))) {
                (Some(oid), _) => Ok(Some(oid)),
                (None, Some(oid)) => Ok(Some(*oid)),
                (None, None) => {
                    let message = format!("invalid input syntax for type oid: \"{name}\"");
                    Err(DataFusionError::External(Box::new(Error::new(code::INVALID_TEXT_REPRESENTATION, message))))
                }
            }
        }),
        text("regclass", move |arguments| {
            let Some(name) = string(arguments, 0) else { return Ok(None) };
            let known = |oid: i64| names_of_casts.get(&oid).cloned().unwrap_or_else(|| oid.to_string());
            match name.trim().parse().ok() {
                Some(oid) => Ok(Some(known(oid))),
                None if of_regclass.contains_key(&bare(&name)) => Ok(Some(bare(&name))),
                None => Err(undefined_table(&bare(&name))),
            }
        }),
        text("name_of_regproc", |arguments| Ok(string(arguments, 0).map(|name| bare(&name)))),
        text("oid_of_regproc", |arguments| Ok(string(arguments, 0).map(|name| bare(&name)))),
        text("regproc", |arguments| Ok(string(arguments, 0).map(|name| bare(&name)))),
        text("regprocedure", |arguments| Ok(string(arguments, 0).map(|name| bare(&name)))),
        text("name_of_regrole", |arguments| Ok(string(arguments, 0).map(|_| DATABASE.into()))),
        bigint("oid_of_regrole", |arguments| Ok(string(arguments, 0).map(|_| super::OWNER))),
        text("regrole", |arguments| Ok(string(arguments, 0))),
        bigint("xid", |arguments| Ok(number(arguments, 0))),
        text("char", |arguments| Ok(string(arguments, 0).map(|text| text.chars().take(1).collect()))),
    ]
}

/// Identities of the relations of `pg_catalog`: PostgreSQL's own for those that clients compare with.
fn system_names() -> HashMap<String, i64> {
    let mut names: Vec<&str> = layout::names("pg_catalog").collect();
    names.sort_unstable();
    let mut all: HashMap<String, i64> =
        names.into_iter().zip(SYSTEM_RELATIONS_FROM..).map(|(name, oid)| (name.to_string(), oid)).collect();
    all.extend(SYSTEM_RELATIONS.iter().map(|(name, oid)| (name.to_string(), *oid)));
    all
}

fn undefined_table(name: &str) -> DataFusionError {
    let error = Error::new(code::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"));
    DataFusionError::External(Box::new(error))
}

fn undefined_type(name: &str) -> DataFusionError {
    let error = Error::new(code::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"));
    DataFusionError::External(Box::new(error))
}

fn session(context: &Context<'_>) -> Vec<ScalarUDF> {
    let settings: HashMap<String, String> =
        context.settings.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    let (user, backend) = (context.user.to_string(), context.backend);
    let named = |name: &str, value: String| text(name, move |_| Ok(Some(value.clone())));
    let path: Vec<String> =
        super::search_path(context).into_iter().filter(|schema| context.catalog.has_schema(schema)).collect();
    let current = path.first().cloned();
    let version = format!("PostgreSQL {} (Tidewater {})", crate::catalog::SERVER_VERSION, env!("CARGO_PKG_VERSION"));
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    vec![
        named("version", version),
        named("current_database", DATABASE.into()),
        named("current_catalog", DATABASE.into()),
        text("current_schema", move |_| Ok(current.clone())),
        named("current_user", user.clone()),
        named("session_user", user.clone()),
        named("current_role", user.clone()),
        named("user", user),
        function("pg_backend_pid", DataType::Int32, move |_| Ok(ScalarValue::Int32(Some(backend)))),
        function("current_schemas", list, move |arguments| {
            let implicit = matches!(arguments.first(), Some(ScalarValue::Boolean(Some(true))));
            let mut schemas: Vec<&str> = if implicit { vec!["pg_catalog"] } else { Vec::new() };
            schemas.extend(path.iter().map(String::as_str));
            Ok(text_list(&schemas))
        }),
        text("current_setting", move |arguments| {
            let Some(name) = string(arguments, 0) else { return Ok(None) };
            match settings.get(&name.to_ascii_lowercase()) {
                Some(value) => Ok(Some(value.clone())),
                None if matches!(arguments.get(1), Some(ScalarValue::Boolean(Some(true)))) => Ok(None),
                None => exec_err!("unrecognized configuration parameter \"{name}\""),
            }
        }),
    ]
}
