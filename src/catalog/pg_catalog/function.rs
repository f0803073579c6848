//! Functions over the system catalog, bound to one version of it and to the session.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::{Context, PG_CATALOG, PUBLIC, TIDEWATER, index, size, types};
use crate::catalog::DATABASE;
use crate::catalog::{Catalog, RelationKind};

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
        if args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_))) {
            let values: Vec<ScalarValue> = args
                .args
                .iter()
                .filter_map(|value| if let ColumnarValue::Scalar(value) = value { Some(value.clone()) } else { None })
                .collect();
            return Ok(ColumnarValue::Scalar((self.body)(&values)?));
        }
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
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

fn function(
    name: &str,
    answer: DataType,
    body: impl Fn(&[ScalarValue]) -> Result<ScalarValue> + Send + Sync + 'static,
) -> ScalarUDF {
    let signature = Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], Volatility::Stable);
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

fn constant(name: &str, value: bool) -> ScalarUDF {
    function(name, DataType::Boolean, move |_| Ok(ScalarValue::Boolean(Some(value))))
}

/// Argument `i` as an identity.
pub(super) fn number(arguments: &[ScalarValue], i: usize) -> Option<i64> {
    let value = arguments.get(i)?.cast_to(&DataType::Int64).ok()?;
    if let ScalarValue::Int64(value) = value { value } else { None }
}

/// Argument `i` as text.
fn string(arguments: &[ScalarValue], i: usize) -> Option<String> {
    let value = arguments.get(i)?.cast_to(&DataType::Utf8).ok()?;
    if let ScalarValue::Utf8(value) = value { value } else { None }
}

/// Identities of system relations that clients compare with, PostgreSQL's own.
const SYSTEM_RELATIONS: [(&str, i64); 7] = [
    ("pg_attrdef", 2604),
    ("pg_class", 1259),
    ("pg_constraint", 2606),
    ("pg_database", 1262),
    ("pg_namespace", 2615),
    ("pg_proc", 1255),
    ("pg_type", 1247),
];

/// A name as it may stand in `'…'::regclass`: without `public.`, without quotes.
fn bare(name: &str) -> String {
    let name = name.trim();
    let name = name.strip_prefix("public.").or_else(|| name.strip_prefix("pg_catalog.")).unwrap_or(name);
    name.trim_matches('"').to_string()
}

fn text_list(values: &[&str]) -> ScalarValue {
    let values: Vec<ScalarValue> = values.iter().map(|value| ScalarValue::from(*value)).collect();
    ScalarValue::List(ScalarValue::new_list(&values, &DataType::Utf8, true))
}

/// All functions, for one statement.
pub fn functions(context: &Context<'_>) -> Vec<ScalarUDF> {
    let mut all = visibility();
    all.push(table_is_visible(context));
    all.extend(definitions(context));
    all.extend(names(context));
    all.extend(session(context));
    all.extend(size::functions());
    all
}

/// Whether there is a function of that name among [`functions`].
pub fn has_function(name: &str) -> bool {
    static NAMES: OnceLock<HashSet<String>> = OnceLock::new();
    let names = || {
        let context = Context { catalog: &Catalog::default(), system: &[], user: "", backend: 0, settings: &[] };
        functions(&context).iter().map(|function| function.name().to_string()).collect()
    };
    NAMES.get_or_init(names).contains(name)
}

fn visibility() -> Vec<ScalarUDF> {
    let yes = [
        "pg_type_is_visible",
        "pg_conversion_is_visible",
        "pg_function_is_visible",
        "pg_operator_is_visible",
        "has_table_privilege",
        "has_schema_privilege",
        "has_database_privilege",
        "has_column_privilege",
        "has_any_column_privilege",
        "has_function_privilege",
        "pg_has_role",
    ];
    let no = ["pg_relation_is_publishable", "pg_is_in_recovery", "pg_is_other_temp_schema"];
    let nothing = [
        "obj_description",
        "col_description",
        "shobj_description",
        "pg_get_serial_sequence",
        "pg_get_function_result",
        "pg_get_function_arguments",
        "pg_get_function_identity_arguments",
        "pg_get_functiondef",
        "pg_get_function_sqlbody",
        "pg_get_ruledef",
        "pg_get_triggerdef",
        "pg_tablespace_location",
    ];
    let mut all: Vec<ScalarUDF> = yes.iter().map(|name| constant(name, true)).collect();
    all.extend(no.iter().map(|name| constant(name, false)));
    all.extend(nothing.iter().map(|name| text(name, |_| Ok(None))));
    all
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
        RelationKind::MaterializedView { .. } => Some((i64::from(relation.id.0), relation.definition.clone())),
        _ => None,
    };
    let views: HashMap<i64, String> = context.catalog.iter().filter_map(|relation| view(relation)).collect();
    let look_up = |name: &str, map: HashMap<i64, String>| {
        text(name, move |arguments| Ok(number(arguments, 0).and_then(|oid| map.get(&oid).cloned())))
    };
    vec![
        look_up("pg_get_indexdef", indexes),
        look_up("pg_get_constraintdef", constraints),
        look_up("pg_get_viewdef", views),
        text("pg_get_expr", |arguments| Ok(string(arguments, 0))),
        text("format_type", |arguments| {
            let Some(oid) = number(arguments, 0) else { return Ok(None) };
            Ok(Some(types::format_type(oid, number(arguments, 1).unwrap_or(-1)).unwrap_or_else(|| "???".into())))
        }),
        text("pg_encoding_to_char", |arguments| Ok(number(arguments, 0).map(|_| "UTF8".into()))),
        text("pg_get_userbyid", |arguments| Ok(number(arguments, 0).map(|_| DATABASE.into()))),
    ]
}

fn names(context: &Context<'_>) -> Vec<ScalarUDF> {
    let by_oid: HashMap<i64, String> =
        context.catalog.iter().map(|relation| (i64::from(relation.id.0), relation.name.clone())).collect();
    let mut by_name: HashMap<String, i64> =
        SYSTEM_RELATIONS.iter().map(|(name, oid)| (name.to_string(), *oid)).collect();
    by_name.extend(by_oid.iter().map(|(oid, name)| (name.clone(), *oid)));
    let (to_regclass, of_casts, of_regclass, names_of_casts) =
        (by_name.clone(), by_name.clone(), by_name.clone(), by_oid.clone());
    let mut namespaces: Vec<(i64, String)> = [(PG_CATALOG, "pg_catalog"), (PUBLIC, "public"), (TIDEWATER, "tidewater")]
        .map(|(oid, name)| (oid, name.into()))
        .into();
    namespaces.extend(context.catalog.schemas().map(|(name, oid)| (i64::from(oid), name.to_string())));
    let by_oid_namespaces = namespaces.clone();
    vec![
        bigint("oid_of_regclass", move |arguments| {
            let Some(name) = string(arguments, 0) else { return Ok(None) };
            match (by_name.get(&bare(&name)), name.parse::<i64>()) {
                (Some(oid), _) => Ok(Some(*oid)),
                (None, Ok(oid)) => Ok(Some(oid)),
                (None, Err(_)) => plan_err!("relation \"{}\" does not exist", bare(&name)),
            }
        }),
        bigint("to_regclass", move |arguments| {
            Ok(string(arguments, 0).and_then(|name| to_regclass.get(&bare(&name)).copied()))
        }),
        text("name_of_regclass", move |arguments| {
            Ok(number(arguments, 0).map(|oid| by_oid.get(&oid).cloned().unwrap_or_else(|| oid.to_string())))
        }),
        bigint("oid_of_regtype", |arguments| {
            let Some(name) = string(arguments, 0) else { return Ok(None) };
            match types::by_name(&name) {
                Some(oid) => Ok(Some(oid)),
                None => exec_err!("type \"{name}\" does not exist"),
            }
        }),
        bigint("to_regtype", |arguments| Ok(string(arguments, 0).and_then(|name| types::by_name(&name)))),
        text("name_of_regtype", |arguments| {
            let name = |oid: i64| types::format_type(oid, -1).unwrap_or_else(|| oid.to_string());
            Ok(number(arguments, 0).map(name))
        }),
        bigint("oid_of_regnamespace", move |arguments| {
            let found = |name: String| namespaces.iter().find(|row| row.1 == name).map(|row| row.0);
            Ok(string(arguments, 0).and_then(found))
        }),
        text("name_of_regnamespace", move |arguments| {
            let found = |oid: i64| by_oid_namespaces.iter().find(|row| row.0 == oid).map(|row| row.1.clone());
            Ok(number(arguments, 0).and_then(found))
        }),
        bigint("oid", move |arguments| {
            let Some(name) = string(arguments, 0) else { return Ok(None) };
            match (name.trim().parse().ok(), of_casts.get(&bare(&name))) {
                (Some(oid), _) => Ok(Some(oid)),
                (None, Some(oid)) => Ok(Some(*oid)),
                (None, None) => exec_err!("Cannot cast string '{name}' to value of UInt32 type"),
            }
        }),
        text("regclass", move |arguments| {
            let Some(name) = string(arguments, 0) else { return Ok(None) };
            let known = |oid: i64| names_of_casts.get(&oid).cloned().unwrap_or_else(|| oid.to_string());
            match name.trim().parse().ok() {
                Some(oid) => Ok(Some(known(oid))),
                None if of_regclass.contains_key(&bare(&name)) => Ok(Some(bare(&name))),
                None => plan_err!("relation \"{}\" does not exist", bare(&name)),
            }
        }),
        text("name_of_regproc", |arguments| Ok(string(arguments, 0))),
        text("oid_of_regproc", |arguments| Ok(string(arguments, 0))),
        text("name_of_regrole", |arguments| Ok(number(arguments, 0).map(|_| DATABASE.into()))),
    ]
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
