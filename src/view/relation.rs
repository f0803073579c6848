//! What is kept of one relation: its contents at the last committed tick, and how they change.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::Overlay;
use super::changes::{Changes, Key, Keys};
use super::contents::{Contents, Log};
use super::found::Found;
use super::past::Past;
use super::store::{Availability, Read};
use crate::error::{Error, Result, code};
use crate::flow::Delta;

/// A relation.
pub(super) struct Relation {
    pub(super) name: String,
    pub(super) schema: SchemaRef,
    pub(super) keys: Arc<Keys>,
    pub(super) availability: Availability,
    /// `None`: only the changes are handed on.
    pub(super) contents: Option<Contents>,
    pub(super) append_only: bool,
    pub(super) past: Past,
}

/// What a commit does to one relation, computed before the lock is taken.
pub(super) enum Prepared {
    Log(Vec<RecordBatch>),
    /// The changes and the keys of their rows; merged where somebody wants to see them.
    Bag {
        deltas: Vec<Delta>,
        row_keys: Vec<Vec<Key>>,
    },
}

impl Relation {
    /// How to prepare changes.
    pub(super) fn shape(&self) -> Shape {
        Shape { schema: Arc::clone(&self.schema), keys: Arc::clone(&self.keys), append_only: self.append_only }
    }

    /// Applies what was prepared; answers the changes.
    pub(super) fn apply(&mut self, prepared: Prepared) -> Result<Vec<Delta>> {
        match (prepared, &mut self.contents) {
            (Prepared::Log(rows), contents) => {
                let deltas: Vec<Delta> = rows.iter().cloned().map(Delta::insert).collect();
                match contents {
                    Some(Contents::Log(log)) => log.append(&self.schema, rows)?,
                    Some(Contents::Bag(bag)) => {
                        let row_keys = rows.iter().map(|rows| self.keys.of(rows)).collect::<Result<Vec<_>>>()?;
                        bag.apply(&self.schema, &self.keys, &deltas, &row_keys)?;
                    }
                    None => {}
                }
                Ok(deltas)
            }
            (Prepared::Bag { deltas, row_keys }, contents) => {
                if let Some(Contents::Bag(bag)) = contents {
                    bag.apply(&self.schema, &self.keys, &deltas, &row_keys)?;
                }
                Ok(deltas)
            }
        }
    }

    /// The rows, if they are kept.
    pub(super) fn contents(&self) -> Result<&Contents> {
        self.contents.as_ref().ok_or_else(|| {
            Error::new(
                code::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("\"{}\" keeps no rows: only its changes can be read", self.name),
            )
        })
    }

    /// What a read finds.
    pub(super) fn find(&self, read: &Read<'_>) -> Result<Found> {
        let Some(past) = self.past_of(read)? else { return self.find_now(read) };
        let Contents::Log(log) = self.contents()? else {
            return self.find_now(&Read { overlay: Some(&past), ..*read });
        };
        Ok(Found::Without { frozen: log.freeze(), keys: Arc::clone(&self.keys), removed: past.removed() })
    }

    /// What leads from the contents to what is read as of an earlier tick; `None` if nothing does.
    fn past_of(&self, read: &Read<'_>) -> Result<Option<Overlay>> {
        let Some(tick) = read.as_of else { return Ok(None) };
        let indexes = match self.contents()? {
            Contents::Bag(bag) => bag.index_keys(),
            Contents::Log(_) => Vec::new(),
        };
        let none = Overlay::new(Arc::clone(&self.schema), Arc::clone(&self.keys), &indexes);
        self.past.overlay(tick, none, read.overlay)
    }

    fn find_now(&self, read: &Read<'_>) -> Result<Found> {
        let contents = self.contents()?;
        if let (Some(lookup), Contents::Bag(bag)) = (read.lookup, contents)
            && let Some(rows) = bag.find(&self.schema, lookup.index, &lookup.values, read.overlay)?
        {
            return Ok(Found::Rows(rows));
        }
        let Some(overlay) = read.overlay else {
            return Ok(Found::All { frozen: contents.freeze(None), added: Vec::new() });
        };
        Ok(Found::All { frozen: contents.freeze(Some(&overlay.removed())), added: overlay.added()? })
    }

    /// The error of a relation that failed.
    pub(super) fn failed(&self, why: &str) -> Error {
        Error::new(code::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("\"{}\" failed: {why}", self.name))
            .hint("drop it and create it again; everything else goes on")
    }
}

/// What must be known of a relation to prepare its changes.
pub(super) struct Shape {
    schema: SchemaRef,
    keys: Arc<Keys>,
    append_only: bool,
}

impl Shape {
    /// Does what needs no exclusive access.
    pub(super) fn prepare(&self, deltas: Vec<Delta>, wanted: bool) -> Result<Option<Prepared>> {
        let Shape { schema, keys, append_only } = self;
        if *append_only {
            // Kept as a bag once it has an index, which is only known under the lock.
            return Ok(Some(Prepared::Log(Log::prepare(schema, &deltas)?)));
        }
        if wanted {
            let changes = Changes::consolidate(schema, keys, &deltas)?;
            return Ok(
                changes.map(|changes| Prepared::Bag { deltas: vec![changes.delta()], row_keys: vec![changes.keys] })
            );
        }
        let row_keys = deltas.iter().map(|delta| keys.of(&delta.rows)).collect::<Result<_>>()?;
        Ok(Some(Prepared::Bag { deltas, row_keys }))
    }
}
