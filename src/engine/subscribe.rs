//! SUBSCRIBE: the content of a relation or query at one tick, then every change, tick by tick.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, new_null_array};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use futures::stream;

use super::{Engine, Outcome, Session, is_kept};
use crate::catalog::{RelationId, RelationKind};
use crate::compile::analyze;
use crate::compile::parse::{Query, Subscribe, SubscribeTarget};
use crate::error::{Error, Result, code};
use crate::flow::runtime::Keep;
use crate::types::SqlType;
use crate::view::{Change, Subscription};

/// Removes the dataflow of a subscription to a stream or query when the reader is gone.
struct Ephemeral {
    engine: Engine,
    id: RelationId,
}

impl Drop for Ephemeral {
    fn drop(&mut self) {
        let (engine, id) = (self.engine.clone(), self.id);
        if let Ok(handle) = tokio::runtime::Handle::try_current() {
            handle.spawn(async move { engine.runtime().remove(id).await });
        }
    }
}

/// What a subscription reads.
enum Target {
    /// A table or materialized view.
    Kept(RelationId),
    /// A stream, plain view or query: maintained as long as somebody listens.
    Query(Query),
}

impl Session {
    /// Columns of a subscription: `tick`, with PROGRESS `progressed`, `weight`, then the relation's.
    pub(super) fn subscription_schema(&self, subscribe: &Subscribe) -> Result<SchemaRef> {
        let rows = match self.target(subscribe)? {
            (Target::Kept(_), Some(schema)) => schema,
            (Target::Query(query), _) => analyze::plan_view(&query, &self.names(), &self.plan_settings())?.1,
            (Target::Kept(_), None) => return Err(Error::internal("a relation without columns")),
        };
        Ok(change_schema(&rows, subscribe.progress))
    }

    pub(super) async fn subscribe(&mut self, subscribe: &Subscribe) -> Result<Outcome> {
        let schema = self.subscription_schema(subscribe)?;
        let runtime = self.engine.runtime();
        let (subscription, ephemeral) = match self.target(subscribe)?.0 {
            Target::Kept(id) => (runtime.subscribe(id, subscribe.snapshot, subscribe.progress).await?, None),
            Target::Query(query) => {
                let (plan, _) = analyze::plan_view(&query, &self.names(), &self.plan_settings())?;
                let id = self.engine.change_catalog(|catalog| Ok(catalog.next_id()))?;
                let ephemeral = Ephemeral { engine: self.engine.clone(), id };
                let name = format!("subscription {}", id.0);
                runtime.add_dataflow(id, &name, Arc::new(plan), Keep::Changes).await?;
                (runtime.subscribe(id, subscribe.snapshot, subscribe.progress).await?, Some(ephemeral))
            }
        };
        let rows = changes_as_rows(subscription, Arc::clone(&schema), subscribe.progress, ephemeral);
        Ok(Outcome::Rows { schema, rows: Box::pin(rows), verb: "SUBSCRIBE", live: true })
    }

    fn target(&self, subscribe: &Subscribe) -> Result<(Target, Option<SchemaRef>)> {
        match &subscribe.target {
            SubscribeTarget::Query(query) => Ok((Target::Query(query.clone()), None)),
            SubscribeTarget::Relation(name) => {
                let relation = self.relation(name)?;
                match &relation.kind {
                    kind if is_kept(kind) => Ok((Target::Kept(relation.id), Some(Arc::clone(&relation.schema)))),
                    RelationKind::Sink { .. } => {
                        Err(Error::new(code::WRONG_OBJECT_TYPE, format!("\"{name}\" is a sink: it cannot be read")))
                    }
                    _ => Ok((
                        Target::Query(Query::from_text(&format!("SELECT * FROM \"{}\"", name.replace('"', "\"\"")))?),
                        None,
                    )),
                }
            }
        }
    }
}

fn change_schema(rows: &SchemaRef, progress: bool) -> SchemaRef {
    let mut fields = vec![SqlType::BigInt.field("tick")];
    if progress {
        fields.push(SqlType::Boolean.field("progressed"));
    }
    fields.push(SqlType::BigInt.field("weight"));
    fields.extend(rows.fields().iter().map(|field| Field::clone(field).with_nullable(true)));
    Arc::new(Schema::new(fields))
}

fn changes_as_rows(
    subscription: Subscription,
    schema: SchemaRef,
    progress: bool,
    ephemeral: Option<Ephemeral>,
) -> impl futures::Stream<Item = Result<RecordBatch>> + Send {
    let state = (subscription, std::collections::VecDeque::new(), ephemeral);
    stream::unfold(state, move |(mut subscription, mut ready, ephemeral)| {
        let schema = Arc::clone(&schema);
        async move {
            loop {
                if let Some(batch) = ready.pop_front() {
                    return Some((batch, (subscription, ready, ephemeral)));
                }
                match subscription.changes.recv().await? {
                    Ok(change) => ready.extend(batches(&change, &schema, progress)),
                    Err(error) => ready.push_back(Err(error)),
                }
            }
        }
    })
}

/// The rows of one change: retractions first, and with PROGRESS a last row that says the tick is complete.
fn batches(change: &Change, schema: &SchemaRef, progress: bool) -> Vec<Result<RecordBatch>> {
    let mut batches = Vec::new();
    for delta in &change.delta {
        let rows = delta.rows.num_rows();
        let weights: Vec<i64> = (0..rows).map(|i| delta.weight(i)).collect();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![change.tick as i64; rows]))];
        if progress {
            columns.push(Arc::new(BooleanArray::from(vec![false; rows])));
        }
        columns.push(Arc::new(Int64Array::from(weights)));
        columns.extend(delta.rows.columns().iter().map(Arc::clone));
        batches.push(batch(schema, columns));
    }
    if progress {
        let head: [ArrayRef; 2] =
            [Arc::new(Int64Array::from(vec![change.tick as i64])), Arc::new(BooleanArray::from(vec![true]))];
        let tail = schema.fields().iter().skip(2).map(|field| new_null_array(field.data_type(), 1));
        batches.push(batch(schema, head.into_iter().chain(tail).collect()));
    }
    batches
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| Error::internal(error.to_string()))
}
