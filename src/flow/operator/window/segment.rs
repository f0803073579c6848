//! The rows of a partition, and which of them a change touches.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};

use super::super::ordered::Key;
use crate::compile::window::{Before, Reach};
use crate::error::Result;
use crate::flow::delta::add_weights;

/// Rows around a changed one that are looked at first; a change of more rows than one in so many is one of all rows.
const NEIGHBOURS: usize = 16;

/// Rows with their weights, none of them 0, in order.
#[derive(Default)]
pub(super) struct Partition {
    rows: BTreeMap<Key, i64>,
    /// For calls that go on from row to row: what the rows before a row amount to, at some rows that are the first of their peers.
    checkpoints: BTreeMap<Key, Vec<Before>>,
}

/// Rows that follow each other in a partition, before and after a change.
pub(super) struct Segment {
    rows: Vec<Row>,
    /// What the rows before them amount to for each call; empty if nothing is known of them.
    pub(super) before: Vec<Before>,
}

struct Row {
    key: Key,
    old: i64,
    new: i64,
    /// Whether its values may have changed and can be told from the rows of the segment.
    core: bool,
}

/// A first row and a last one.
type Span = (Key, Key);

/// Rows around a changed one: those whose values it may change, and those that are looked at to tell.
struct Surroundings {
    core: Span,
    context: Span,
}

impl Partition {
    /// Different rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Memory held, in bytes (an estimate).
    pub(super) fn bytes(&self) -> usize {
        let row = |row: &Key| row.bytes().len() + 2 * size_of::<usize>() + 3 * size_of::<(Key, i64)>() / 2;
        let checkpoint = |before: &Vec<Before>| size_of::<Key>() + before.len() * size_of::<Before>();
        self.rows.keys().map(row).sum::<usize>() + self.checkpoints.values().map(checkpoint).sum::<usize>()
    }

    /// Keeps what the rows before some of the rows amount to.
    pub(super) fn keep(&mut self, checkpoints: Vec<(Key, Vec<Before>)>) {
        self.checkpoints.extend(checkpoints);
    }

    /// Changes weights. Answers what must be evaluated anew if a row's values depend on `reach` other rows; `frames` tells which
    /// of the rows that it is given each of them depends on.
    pub(super) fn change(
        &mut self,
        mut changes: BTreeMap<Key, i64>,
        reach: Reach,
        frames: impl Fn(&[&Key]) -> Result<Vec<Range<usize>>>,
    ) -> Result<Vec<Segment>> {
        changes.retain(|_, weight| *weight != 0);
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        // Rows that are new stand among the others from now on, as often as they were: never.
        for key in changes.keys() {
            self.rows.entry(key.clone()).or_insert(0);
        }
        let segments = match reach {
            Reach::Rows(before, after)
                if changes.len().saturating_mul(before.saturating_add(after).saturating_add(1)) < self.rows.len() =>
            {
                self.segments(&changes, |key| Ok(self.counted(key, &changes, before, after)))?
            }
            Reach::Range if changes.len().saturating_mul(NEIGHBOURS) < self.rows.len() => {
                self.segments(&changes, |key| self.within(key, &frames))?
            }
            Reach::Running => vec![self.rest(&changes)],
            _ => vec![self.whole(&changes)],
        };
        for (key, change) in changes {
            let weight = self.rows.entry(key.clone()).or_insert(0);
            *weight = add_weights(*weight, change)?;
            if *weight == 0 {
                self.rows.remove(&key);
            }
        }
        Ok(segments)
    }

    fn whole(&self, changes: &BTreeMap<Key, i64>) -> Segment {
        let row = |(key, old): (&Key, &i64)| Row::new(key, *old, changes, true);
        Segment { rows: self.rows.iter().map(row).collect(), before: Vec::new() }
    }

    /// The first changed row and its peers, and all behind them.
    fn rest(&mut self, changes: &BTreeMap<Key, i64>) -> Segment {
        let Some(changed) = changes.keys().next() else { return self.whole(changes) };
        let earlier = self.rows.range::<Key, _>(..=changed).rev().map(|(key, _)| key);
        let first = earlier.take_while(|key| key.is_peer(changed)).last().unwrap_or(changed).clone();
        let mut stale = self.checkpoints.split_off(&first);
        // What comes before the row itself is as it was.
        if let Some(before) = stale.remove(&first) {
            self.checkpoints.insert(first.clone(), before);
        }
        let (from, before) = match self.checkpoints.last_key_value() {
            Some((key, before)) => (Bound::Included(key), before.clone()),
            None => (Bound::Unbounded, Vec::new()),
        };
        let rows = self.rows.range::<Key, _>((from, Bound::Unbounded));
        let rows = rows.map(|(key, old)| Row::new(key, *old, changes, *key >= first)).collect();
        Segment { rows, before }
    }

    /// The surroundings of changed rows.
    fn segments(
        &self,
        changes: &BTreeMap<Key, i64>,
        surroundings: impl Fn(&Key) -> Result<Surroundings>,
    ) -> Result<Vec<Segment>> {
        let mut merged: Vec<(Vec<Span>, Span)> = Vec::new();
        for key in changes.keys() {
            let Surroundings { core, mut context } = surroundings(key)?;
            let mut cores = vec![core];
            // They may begin before those of earlier rows, which only their own frames surround.
            while let Some((earlier, (first, last))) = merged.pop_if(|(_, (_, last))| context.0 <= *last) {
                cores.extend(earlier);
                context = (context.0.min(first), context.1.max(last));
            }
            merged.push((cores, context));
        }
        let segment = |(cores, (first, last)): (Vec<Span>, Span)| {
            let row = |(key, old): (&Key, &i64)| {
                let core = cores.iter().any(|(first, last)| first <= key && key <= last);
                Row::new(key, *old, changes, core)
            };
            Segment { rows: self.rows.range(first..=last).map(row).collect(), before: Vec::new() }
        };
        Ok(merged.into_iter().map(segment).collect())
    }

    /// Where the values of a row depend on `before` rows before it and `after` rows after it.
    fn counted(&self, key: &Key, changes: &BTreeMap<Key, i64>, before: usize, after: usize) -> Surroundings {
        // A row sees `key` if it has at most `after` rows up to it, or at most `before` since it.
        let down = self.rows.range((Bound::Unbounded, Bound::Excluded(key.clone()))).rev();
        let (first, lowest) = walk(down, key, changes, after, before);
        let up = self.rows.range((Bound::Excluded(key.clone()), Bound::Unbounded));
        let (last, highest) = walk(up, key, changes, before, after);
        Surroundings { core: (first, last), context: (lowest, highest) }
    }
}

impl Partition {
    /// Where the values of a row depend on the rows of its frame. Frames begin and end the later, the later their rows are.
    fn within(&self, key: &Key, frames: impl Fn(&[&Key]) -> Result<Vec<Range<usize>>>) -> Result<Surroundings> {
        let mut steps = NEIGHBOURS / 2;
        loop {
            let down = self.rows.range((Bound::Unbounded, Bound::Excluded(key.clone()))).rev().take(steps);
            let mut keys: Vec<&Key> = down.map(|(key, _)| key).collect();
            let from_start = keys.len() < steps;
            keys.reverse();
            let own = keys.len();
            let up = self.rows.range((Bound::Included(key.clone()), Bound::Unbounded)).take(steps + 1);
            keys.extend(up.map(|(key, _)| key));
            let to_end = keys.len() <= own + steps;
            let frames = frames(&keys)?;
            let last = keys.len() - 1;
            // Rows that see the changed one, and what they see.
            let sees = |row: &usize| *row == own || frames[*row].contains(&own);
            let core: Vec<usize> = (0..=last).filter(sees).collect();
            let (low, high) = (core.first().copied().unwrap_or(own), core.last().copied().unwrap_or(own));
            let seen = frames[low..=high].iter();
            let start = seen.clone().map(|frame| frame.start).min().unwrap_or(own).min(low);
            let end = seen.map(|frame| frame.end).max().unwrap_or(own).max(high + 1);
            let whole_below = from_start || (start > 0 && frames[0].end <= own);
            let whole_above = to_end || (end <= last && frames[last].start > own);
            if whole_below && whole_above {
                let span = |low: usize, high: usize| (keys[low].clone(), keys[high].clone());
                return Ok(Surroundings { core: span(low, high), context: span(start, end - 1) });
            }
            steps *= 4;
        }
    }
}

/// Goes over `near` rows, then over `far` more, counted both before and after the change; answers where it got.
fn walk<'a>(
    rows: impl Iterator<Item = (&'a Key, &'a i64)>,
    from: &Key,
    changes: &BTreeMap<Key, i64>,
    near: usize,
    far: usize,
) -> (Key, Key) {
    let (mut core, mut context) = (from, from);
    let (mut old_rows, mut new_rows) = (0_usize, 0_usize);
    let far = near.saturating_add(far);
    for (key, old) in rows {
        let passed = old_rows.min(new_rows);
        if passed >= far {
            break;
        }
        if passed < near {
            core = key;
        }
        context = key;
        let new = old + changes.get(key).copied().unwrap_or(0);
        old_rows = old_rows.saturating_add(usize::try_from(*old).unwrap_or(0));
        new_rows = new_rows.saturating_add(usize::try_from(new).unwrap_or(0));
    }
    (core.clone(), context.clone())
}

impl Row {
    fn new(key: &Key, old: i64, changes: &BTreeMap<Key, i64>, core: bool) -> Row {
        Row { key: key.clone(), old, new: old + changes.get(key).copied().unwrap_or(0), core }
    }
}

impl Segment {
    /// Rows of both states.
    pub(super) fn len(&self) -> usize {
        self.rows.iter().map(|row| (row.old.max(0) + row.new.max(0)) as usize).sum()
    }

    /// Each row as often as it was there, and whether it is of the core.
    pub(super) fn as_it_was(&self) -> Vec<(&Key, bool)> {
        self.state(|row| row.old)
    }

    /// Each row as often as it is there.
    pub(super) fn as_it_is(&self) -> Vec<(&Key, bool)> {
        self.state(|row| row.new)
    }

    fn state(&self, weight: impl Fn(&Row) -> i64) -> Vec<(&Key, bool)> {
        let copies = |row: &Row| usize::try_from(weight(row)).unwrap_or(0);
        self.rows.iter().flat_map(|row| std::iter::repeat_n((&row.key, row.core), copies(row))).collect()
    }
}
