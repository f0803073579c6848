//! SHOW, DESCRIBE, EXPLAIN: small results made from the catalog and the runtime.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};

use super::{Outcome, Session, ready_rows, settings};
use crate::catalog::{Catalog, ColumnValue, Relation, RelationKind};
use crate::compile::parse::{Kind, RelationClass};
use crate::compile::{analyze, explain};
use crate::error::{Error, Result, code};
use crate::format::Include;
use crate::precision::Precision;
use crate::types::SqlType;

/// Result columns of the statements of this file; `None` for others.
pub(super) fn schema(kind: &Kind) -> Option<SchemaRef> {
    Some(match kind {
        Kind::ShowRelations(class) => texts(relation_columns(*class)),
        Kind::ShowCreate { .. } => texts(&["name", "create_statement"]),
        Kind::Describe { .. } => texts(&["column", "type", "nullable", "note"]),
        Kind::ExplainQuery(_) | Kind::ExplainRelation { .. } => texts(&["QUERY PLAN"]),
        Kind::ShowSetting { name } => texts(&[name]),
        Kind::ShowAll => texts(&["name", "setting"]),
        _ => return None,
    })
}

impl Session {
    pub(super) async fn show(&mut self, kind: &Kind) -> Result<Outcome> {
        let rows = match kind {
            Kind::ShowRelations(class) => self.show_relations(*class),
            Kind::ShowCreate { name } => {
                let relation = self.relation(name)?;
                vec![vec![relation.name.clone(), relation.definition.clone()]]
            }
            Kind::Describe { name } => describe(&self.engine.catalog(), &*self.relation(name)?),
            Kind::ExplainQuery(query) => {
                let (plan, _) = analyze::plan_view(query, &self.names(), &self.plan_settings())?;
                explain::explain(&plan).into_iter().map(|line| vec![line]).collect()
            }
            Kind::ExplainRelation { name } => self.explain_relation(name)?,
            Kind::ShowSetting { name } => {
                vec![vec![self.setting(name).ok_or_else(|| settings::unknown(name))?]]
            }
            Kind::ShowAll => self.settings.all().into_iter().map(|(name, value)| vec![name, value]).collect(),
            _ => return Err(Error::internal("a statement without an implementation")),
        };
        let schema = schema(kind).ok_or_else(|| Error::internal("a statement without columns"))?;
        let verb = match kind {
            Kind::ExplainQuery(_) | Kind::ExplainRelation { .. } => "EXPLAIN",
            _ => "SHOW",
        };
        let batch = text_batch(&schema, &rows)?;
        Ok(Outcome::Rows { schema, rows: ready_rows(vec![batch]), verb, live: false })
    }

    fn show_relations(&self, class: RelationClass) -> Vec<Vec<String>> {
        let catalog = self.engine.catalog();
        let statuses = self.engine.runtime().sources();
        let state = |relation: &Relation| match &relation.kind {
            RelationKind::MaterializedView { .. } => super::system::view_state(&self.engine, relation).0,
            _ => String::new(),
        };
        let row = |relation: &Arc<Relation>| match (&relation.kind, class) {
            (RelationKind::Stream { options, source, .. }, RelationClass::Stream) => {
                let status = statuses.iter().find(|status| status.name == relation.name);
                let origin = ["topic", "path", "kind"].iter().find_map(|key| options.get(key)).unwrap_or_default();
                let state = status.map_or_else(|| "idle".to_string(), |status| status.state.clone());
                Some(vec![relation.name.clone(), source.connector().into(), origin.into(), state])
            }
            (RelationKind::Table(_), RelationClass::Table) => {
                let primary_key = catalog.primary_key(relation.id);
                let key: Vec<&str> = primary_key.iter().map(|&i| relation.schema.field(i).name().as_str()).collect();
                Some(vec![relation.name.clone(), key.join(", ")])
            }
            (RelationKind::View { .. }, RelationClass::View) => {
                Some(vec![relation.name.clone(), "view".into(), String::new()])
            }
            (kind @ RelationKind::MaterializedView { .. }, RelationClass::View | RelationClass::MaterializedView) => {
                Some(vec![relation.name.clone(), kind.noun().into(), state(relation)])
            }
            (RelationKind::Sink { options }, RelationClass::Sink) => {
                let from = relation.depends_on.first().and_then(|id| catalog.by_id(*id)).map(|from| from.name.clone());
                let topic = options.get("topic").unwrap_or_default();
                Some(vec![relation.name.clone(), from.unwrap_or_default(), topic.into()])
            }
            _ => None,
        };
        catalog.iter().filter_map(row).collect()
    }

    fn explain_relation(&self, name: &str) -> Result<Vec<Vec<String>>> {
        let relation = self.relation(name)?;
        match &relation.kind {
            RelationKind::MaterializedView { plan } => {
                Ok(explain::explain(plan).into_iter().map(|line| vec![line]).collect())
            }
            kind => Err(Error::new(code::WRONG_OBJECT_TYPE, format!("{} \"{name}\" has no plan", kind.noun()))
                .hint("EXPLAIN shows the plan of a materialized view or of a query")),
        }
    }
}

fn describe(catalog: &Catalog, relation: &Relation) -> Vec<Vec<String>> {
    let row = |(i, field): (usize, &Arc<Field>)| {
        let (nullable, note) = column_note(catalog, relation, i, field);
        let sql_type = SqlType::of(field);
        let shown = Precision::of(field).map_or_else(|| sql_type.described(), |precision| precision.shown(&sql_type));
        vec![field.name().clone(), shown, if nullable { "yes" } else { "no" }.into(), note]
    };
    relation.schema.fields().iter().enumerate().map(row).collect()
}

fn column_note(catalog: &Catalog, relation: &Relation, i: usize, field: &Field) -> (bool, String) {
    match &relation.kind {
        RelationKind::Table(table) => {
            let mut notes = Vec::new();
            if catalog.primary_key(relation.id).contains(&i) {
                notes.push("primary key".to_string());
            }
            match &table.columns[i].value {
                ColumnValue::Generated(text) => notes.push(format!("generated always as ({text}) stored")),
                ColumnValue::Identity { always: true, .. } => notes.push("generated always as identity".to_string()),
                ColumnValue::Identity { .. } => notes.push("generated by default as identity".to_string()),
                value => notes.extend(value.default_text().map(|default| format!("default {default}"))),
            }
            (!table.columns[i].not_null, notes.join(", "))
        }
        RelationKind::Stream { layout, .. } if i >= layout.value_columns() => {
            let include = match layout.includes[i - layout.value_columns()] {
                Include::Key => "record key",
                Include::Partition => "partition",
                Include::Offset => "offset",
                Include::Timestamp => "record timestamp",
                Include::Headers => "record headers",
            };
            (field.is_nullable(), include.to_string())
        }
        _ => (field.is_nullable(), String::new()),
    }
}

fn relation_columns(class: RelationClass) -> &'static [&'static str] {
    match class {
        RelationClass::Stream => &["name", "connector", "origin", "state"],
        RelationClass::Table => &["name", "primary_key"],
        RelationClass::View | RelationClass::MaterializedView => &["name", "kind", "state"],
        RelationClass::Sink => &["name", "from", "topic"],
    }
}

fn texts(names: &[impl AsRef<str>]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|name| SqlType::Text.field(name.as_ref())).collect::<Vec<_>>()))
}

fn text_batch(schema: &SchemaRef, rows: &[Vec<String>]) -> Result<RecordBatch> {
    let column =
        |i: usize| Arc::new(rows.iter().map(|row| row.get(i).map(String::as_str)).collect::<StringArray>()) as ArrayRef;
    let columns = (0..schema.fields().len()).map(column).collect();
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| Error::internal(error.to_string()))
}
