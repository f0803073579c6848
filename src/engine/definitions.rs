//! Definitions that a transaction changes: CREATE, ALTER and DROP between BEGIN and COMMIT.
//!
//! The transaction works with a version of the catalog of its own, which COMMIT publishes. What it makes runs at once, under identities that
//! nobody else can find; what it drops goes on running until COMMIT. ROLLBACK stops what was made. One transaction at a time changes
//! definitions: it holds [`CATALOG`] until its end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::lock::Held;
use super::{Engine, Session, sink};
use crate::catalog::{Catalog, Index, Relation, RelationId, RelationKind};
use crate::error::{Error, Result};

/// What is locked while definitions change; no relation has this identity.
pub(super) const CATALOG: RelationId = RelationId(0);

/// A version of the catalog that one transaction sees.
pub(super) struct Scope {
    state: Mutex<State>,
}

struct State {
    catalog: Arc<Catalog>,
    /// All relations and indexes that were made, also those that are gone again.
    made: BTreeMap<RelationId, Arc<Relation>>,
    made_indexes: BTreeMap<RelationId, Arc<Index>>,
}

impl Scope {
    fn new(catalog: Arc<Catalog>) -> Scope {
        Scope { state: Mutex::new(State { catalog, made: BTreeMap::new(), made_indexes: BTreeMap::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transaction's version.
    pub(super) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.state().catalog)
    }

    /// Puts a version in the place of the transaction's, and notes what is new in it.
    pub(super) fn replace(&self, next: Catalog) {
        let mut state = self.state();
        for relation in next.iter() {
            if state.catalog.by_id(relation.id).is_none() {
                state.made.insert(relation.id, Arc::clone(relation));
            }
        }
        for index in next.indexes() {
            if !state.catalog.indexes().any(|before| before.id == index.id) {
                state.made_indexes.insert(index.id, Arc::clone(index));
            }
        }
        state.catalog = Arc::new(next);
    }
}

/// A table's rows before they were rewritten.
struct Rewritten {
    table: RelationId,
    schema: SchemaRef,
    rows: Vec<RecordBatch>,
}

/// The definitions that an open transaction has changed.
pub(super) struct Definitions {
    engine: Engine,
    /// The catalog that everybody else sees.
    base: Arc<Catalog>,
    scope: Arc<Scope>,
    rewritten: Vec<Rewritten>,
}

/// A place to come back to.
#[derive(Clone)]
pub(super) struct Mark {
    catalog: Arc<Catalog>,
    rewritten: usize,
}

impl Definitions {
    /// None yet. The caller holds [`CATALOG`].
    fn new(engine: &Engine) -> Definitions {
        let engine = engine.published();
        let base = engine.catalog();
        Definitions { scope: Arc::new(Scope::new(Arc::clone(&base))), base, engine, rewritten: Vec::new() }
    }

    /// Where they stand.
    pub(super) fn mark(&self) -> Mark {
        Mark { catalog: self.scope.catalog(), rewritten: self.rewritten.len() }
    }

    /// Whether others see the relation.
    fn is_published(&self, id: RelationId) -> bool {
        self.base.by_id(id).is_some()
    }

    /// Back to a mark; `None` = to the beginning. What was made since then goes on running until the end of the transaction.
    pub(super) async fn roll_back_to(&mut self, mark: Option<&Mark>) -> Result<()> {
        let catalog = mark.map_or_else(|| Arc::clone(&self.base), |mark| Arc::clone(&mark.catalog));
        self.restore(mark.map_or(0, |mark| mark.rewritten), &catalog).await?;
        self.scope.replace(Catalog::clone(&catalog));
        Ok(())
    }

    /// Gives rewritten tables their rows back, newest first, until `left` of them are left.
    async fn restore(&mut self, left: usize, catalog: &Catalog) -> Result<()> {
        while self.rewritten.len() > left {
            let Some(Rewritten { table, schema, rows }) = self.rewritten.pop() else { break };
            let kept = catalog.indexes_of(table).map(|index| (index.id, index.columns.clone())).collect();
            self.engine.runtime().alter_table(table, schema, rows, kept).await?;
        }
        Ok(())
    }

    /// Whether a relation will exist after COMMIT.
    pub(super) fn keeps(&self, id: RelationId) -> bool {
        self.scope.catalog().by_id(id).is_some()
    }

    /// Lets everybody see the definitions. What is then dropped must be [stopped](Definitions::stop_dropped).
    pub(super) fn publish(&self) {
        self.engine.publish(Catalog::clone(&self.scope.catalog()));
    }

    /// Stops what the published definitions have no more. Waits for transactions that still write what was dropped.
    pub(super) async fn stop_dropped(self) -> Result<()> {
        let last = self.scope.catalog();
        self.stop_all_but(&last, true).await
    }

    /// Undoes everything. The transaction's locks are held meanwhile.
    pub(super) async fn undo(mut self) -> Result<()> {
        let base = Arc::clone(&self.base);
        let restored = self.restore(0, &base).await;
        // Nobody else can find what was made, so nobody writes it.
        let stopped = self.stop_all_but(&base, false).await;
        restored.and(stopped)
    }

    /// `wait` tells whether others may still write tables that go.
    async fn stop_all_but(&self, last: &Catalog, wait: bool) -> Result<()> {
        let (made, made_indexes) = {
            let state = self.scope.state();
            (state.made.clone(), state.made_indexes.clone())
        };
        let mut doomed: BTreeMap<RelationId, Arc<Relation>> =
            self.base.iter().map(|relation| (relation.id, Arc::clone(relation))).collect();
        doomed.extend(made);
        doomed.retain(|id, _| last.by_id(*id).is_none());
        let mut answer = Ok(());
        // A relation only reads older ones: newest first never leaves a reader without its input.
        for relation in doomed.values().rev() {
            answer = answer.and(self.engine.stop_relation(relation, wait).await);
        }
        let indexes = self.base.indexes().chain(made_indexes.values());
        for index in indexes.filter(|index| last.by_id(index.relation).is_some()) {
            if !last.indexes().any(|kept| kept.id == index.id) {
                self.engine.runtime().store().remove_index(index.relation, index.id);
            }
        }
        answer
    }

    /// Undoes everything, in a task of its own where the transaction was given up; the locks are held until it is done.
    pub(super) fn undo_later(self, held: Held) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = self.undo().await {
                    tracing::error!("definitions were not undone: {}", error.message);
                }
                drop(held);
            });
        }
    }
}

impl Engine {
    /// The engine with the catalog that everybody sees.
    pub(super) fn published(&self) -> Engine {
        Engine { scope: None, ..self.clone() }
    }

    /// Stops what runs for a relation that is in no catalog any more.
    async fn stop_relation(&self, relation: &Relation, wait: bool) -> Result<()> {
        match &relation.kind {
            RelationKind::View { .. } => Ok(()),
            RelationKind::Sink { .. } => sink::stop_one(self, relation.id).await,
            RelationKind::Table(_) => {
                // Waits for an open transaction that writes.
                let held = self.inner.locks.hold();
                if wait {
                    held.lock(relation.id).await?;
                }
                self.runtime().remove(relation.id).await
            }
            RelationKind::Stream { .. } | RelationKind::MaterializedView { .. } => {
                self.runtime().remove(relation.id).await
            }
        }
    }
}

impl Session {
    /// Makes the transaction one that changes definitions: waits for the one that does.
    pub(super) async fn change_catalog(&mut self) -> Result<()> {
        if self.engine.scope.is_some() {
            return Ok(());
        }
        self.lock(CATALOG).await?;
        let definitions = Definitions::new(&self.engine);
        self.engine.scope = Some(Arc::clone(&definitions.scope));
        match &mut self.open {
            Some(open) => open.definitions = Some(definitions),
            None => return Err(Error::internal("no transaction")),
        }
        Ok(())
    }

    /// Refuses to rewrite a table in a way that others would see before COMMIT, or that would commit rows before it.
    /// `drops` tells whether columns go.
    pub(super) async fn before_rewrite(&mut self, relation: &Relation, drops: bool) -> Result<()> {
        let name = relation.local_name();
        self.refuse_changed(relation)?;
        let Some(open) = &self.open else { return Ok(()) };
        let published = open.definitions.as_ref().is_some_and(|definitions| definitions.is_published(relation.id));
        if drops && published && open.is_block {
            let message = format!("dropping a column of table \"{name}\" inside a transaction block is not supported");
            return Err(Error::unsupported(message).hint("COMMIT first: others read the table"));
        }
        let rows = self.current_rows(relation.id).await?;
        let before = self.engine.catalog();
        let schema =
            before.by_id(relation.id).map_or_else(|| Arc::clone(&relation.schema), |one| Arc::clone(&one.schema));
        if let Some(definitions) = self.open.as_mut().and_then(|open| open.definitions.as_mut()) {
            definitions.rewritten.push(Rewritten { table: relation.id, schema, rows });
        }
        Ok(())
    }

    /// Refuses what is not kept up to date with a transaction's own changes of a table.
    pub(super) fn refuse_changed(&self, relation: &Relation) -> Result<()> {
        if self.open.as_ref().is_some_and(|open| open.overlay(relation.id).is_some()) {
            let message = format!("table \"{}\" was changed by this transaction", relation.local_name());
            return Err(Error::unsupported(format!("cannot alter it: {message}"))
                .hint("COMMIT first, or define it before its rows are written"));
        }
        Ok(())
    }
}
