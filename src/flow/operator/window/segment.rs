//! The rows of a partition, and which of them a change touches.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};

use super::super::ordered::Key;
use crate::compile::window::{Before, Reach};
use crate::error::Result;
use crate::flow::delta::add_weights;

/// How many rows after which it is kept what rows amount to for those that go on from there.
pub(super) const CHECKPOINT_ROWS: usize = if cfg!(test) { 8 } else { 512 };
/// Rows around a changed one that are looked at first; a change of more rows than one in so many is one of all rows.
const NEIGHBOURS: usize = 16;

/// Rows with their weights, none of them 0, in order.
#[derive(Default)]
pub(super) struct Partition {
    rows: BTreeMap<Key, i64>,
    /// Sum of the weights.
    total: i64,
    /// For calls that go on from row to row: what the rows before a row amount to, at some rows that are the first of their peers.
    checkpoints: BTreeMap<Key, Vec<Before>>,
}

/// Rows that follow each other in a partition, before and after a change.
pub(super) struct Segment {
    rows: Vec<Row>,
    /// What the rows before them amount to for each call; empty if nothing is known of them.
    pub(super) before: Vec<Before>,
    /// Rows of the partition, of which these may be a part, before the change and after it.
    pub(super) totals: [usize; 2],
    /// Whether no row of the partition comes behind them.
    is_last: bool,
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

/// The first and the last of changed rows that follow each other.
type Run<'a> = (&'a Key, &'a Key);

/// Rows around changed ones: those whose values it may change, and those that are looked at to tell.
#[derive(Clone)]
struct Surroundings {
    core: Span,
    context: Span,
}

/// Where rows change, as one piece.
#[derive(Clone)]
struct Spans {
    cores: Vec<Span>,
    context: Span,
}

/// What must be known of the calls to tell what a change touches.
pub(super) trait Calls {
    /// Which other rows a row's values depend on.
    fn reach(&self) -> Reach;

    /// For each of rows that follow each other in a partition those that its values depend on.
    fn frames(&self, keys: &[&Key]) -> Result<Vec<Range<usize>>>;

    /// What the rows amount to that were `before` and these, for each call.
    fn amounts(&self, keys: &[&Key], before: &[Before]) -> Result<Vec<Before>>;
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

    /// Changes weights. Answers what must be evaluated anew.
    pub(super) fn change(&mut self, mut changes: BTreeMap<Key, i64>, calls: &impl Calls) -> Result<Vec<Segment>> {
        changes.retain(|_, weight| *weight != 0);
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        // Rows that are new stand among the others from now on, as often as they were: never.
        for key in changes.keys() {
            self.rows.entry(key.clone()).or_insert(0);
        }
        let mut segments = self.touched(&changes, calls)?;
        let before = self.total;
        self.total = changes.values().try_fold(self.total, |total, change| add_weights(total, *change))?;
        let totals = [before, self.total].map(|total| usize::try_from(total).unwrap_or(0));
        segments.iter_mut().for_each(|segment| segment.totals = totals);
        for (key, change) in changes {
            let weight = self.rows.entry(key.clone()).or_insert(0);
            *weight = add_weights(*weight, change)?;
            if *weight == 0 {
                self.rows.remove(&key);
            }
        }
        Ok(segments)
    }

    fn touched(&mut self, changes: &BTreeMap<Key, i64>, calls: &impl Calls) -> Result<Vec<Segment>> {
        let reach = calls.reach();
        let near = |(before, after): (usize, usize)| before.saturating_add(after).saturating_add(1);
        let looked_at = reach.rows.map_or(1, near).max(reach.groups.map_or(1, near));
        let looked_at = looked_at.max(if reach.range { NEIGHBOURS } else { 1 });
        let resized = reach.total && changes.values().fold(0, |sum: i64, change| sum.wrapping_add(*change)) != 0;
        if resized {
            let whole = self.whole(changes);
            self.forget(&whole);
            return Ok(vec![whole]);
        }
        if reach.all || changes.len().saturating_mul(looked_at) >= self.rows.len() && !reach.running {
            return Ok(vec![self.whole(changes)]);
        }
        if !reach.running {
            let spans = self.spans(changes, self.runs(changes, calls), calls)?;
            return Ok(spans.iter().map(|span| self.segment(span, changes)).collect());
        }
        // Where many rows change, those behind the first of them are hardly more.
        let many = changes.len().saturating_mul(looked_at.max(CHECKPOINT_ROWS)) >= self.rows.len();
        if many && reach.range {
            let whole = self.whole(changes);
            self.forget(&whole);
            return Ok(vec![whole]);
        }
        let first = || changes.keys().take(1).map(|key| (key, key)).collect();
        let runs = if many { first() } else { self.runs(changes, calls) };
        let spans = self.spans(changes, runs, calls)?;
        let mut segments = Vec::new();
        for (number, span) in spans.iter().enumerate() {
            let segment = self.segment(span, changes);
            if !many && segment.amounts_to_the_same(calls)? {
                segments.push(segment);
                continue;
            }
            // What rows amount to differs from here on, perhaps only up to the last change.
            let until = &spans[spans.len() - 1];
            let end = until.cores[until.cores.len() - 1].1.clone();
            let cores = vec![(span.cores[0].0.clone(), end)];
            let context = (span.context.0.clone(), until.context.1.clone());
            let up_to_last = self.segment(&Spans { cores, context }, changes);
            let ends = !many && number + 1 < spans.len() && up_to_last.amounts_to_the_same(calls)?;
            segments.push(if ends { up_to_last } else { self.rest(span, changes) });
            break;
        }
        for segment in &segments {
            self.forget(segment);
        }
        Ok(segments)
    }

    /// Forgets what rows behind the first that changes amount to, up to the segment's end.
    fn forget(&mut self, segment: &Segment) {
        let (Some(first), Some(last)) = (segment.rows.iter().find(|row| row.core), segment.rows.last()) else { return };
        let end = if segment.is_last { Bound::Unbounded } else { Bound::Included(&last.key) };
        // What comes before the first row itself is as it was.
        let forgotten =
            self.checkpoints.range::<Key, _>((Bound::Excluded(&first.key), end)).map(|(key, _)| key.clone());
        for key in forgotten.collect::<Vec<_>>() {
            self.checkpoints.remove(&key);
        }
    }

    fn whole(&self, changes: &BTreeMap<Key, i64>) -> Segment {
        let row = |(key, old): (&Key, &i64)| Row::new(key, *old, changes, true);
        Segment { rows: self.rows.iter().map(row).collect(), before: Vec::new(), totals: [0; 2], is_last: true }
    }

    /// Changed rows that have no others between them but peers that change with them, as one: many rows that come at one place
    /// have one surroundings.
    fn runs<'a>(&self, changes: &'a BTreeMap<Key, i64>, calls: &impl Calls) -> Vec<Run<'a>> {
        let by_peers = calls.reach().groups.is_some() || calls.reach().running;
        let mut runs: Vec<Run> = Vec::new();
        for key in changes.keys() {
            let follows = |last: &Key| {
                let next = self.rows.range::<Key, _>((Bound::Excluded(last), Bound::Unbounded)).next();
                by_peers && last.is_peer(key) || next.is_some_and(|(next, _)| next == key)
            };
            match runs.last_mut().filter(|(_, last)| follows(last)) {
                Some((_, last)) => *last = key,
                None => runs.push((key, key)),
            }
        }
        runs
    }

    /// The surroundings of changed rows, those that meet as one.
    fn spans(&self, changes: &BTreeMap<Key, i64>, runs: Vec<Run>, calls: &impl Calls) -> Result<Vec<Spans>> {
        let mut merged: Vec<Spans> = Vec::new();
        for run in runs {
            let Surroundings { core, mut context } = self.surroundings(run, changes, calls)?;
            let mut cores = vec![core];
            // They may begin before those of earlier rows, which only their own frames surround.
            while let Some(mut earlier) = merged.pop_if(|earlier| context.0 <= earlier.context.1) {
                earlier.cores.append(&mut cores);
                cores = earlier.cores;
                context = hull(earlier.context, context);
            }
            // What goes on from one change may reach the next one.
            if calls.reach().running {
                cores = cores.into_iter().reduce(hull).into_iter().collect();
            }
            merged.push(Spans { cores, context });
        }
        Ok(merged)
    }

    fn surroundings(&self, run: Run, changes: &BTreeMap<Key, i64>, calls: &impl Calls) -> Result<Surroundings> {
        let reach = calls.reach();
        let mut found = self.near(run, changes, calls)?;
        if reach.running {
            found.core = (self.first_peer(&found.core.0), self.last_peer(&found.core.1));
        }
        // The outermost rows are of one call's doing, and what the others need of them is around them.
        for edge in [found.core.0.clone(), found.core.1.clone()] {
            let is_own = edge == *run.0 || edge == *run.1;
            let around = if is_own { continue } else { self.near((&edge, &edge), changes, calls)? };
            found.context = around.and(found.clone()).context;
        }
        if reach.running {
            let known = self.checkpoints.range::<Key, _>(..=&found.context.0).next_back().map(|(key, _)| key);
            let first = known.or_else(|| self.rows.first_key_value().map(|(key, _)| key));
            found.context = (first.unwrap_or(run.0).clone(), self.last_peer(&found.context.1));
        }
        Ok(found)
    }

    /// The rows whose values depend on those of a run, each call by itself.
    fn near(&self, run: Run, changes: &BTreeMap<Key, i64>, calls: &impl Calls) -> Result<Surroundings> {
        let reach = calls.reach();
        let own = (run.0.clone(), run.1.clone());
        let mut found = Surroundings { core: own.clone(), context: own };
        if let Some(near) = reach.rows {
            found = found.and(self.counted(run, changes, near, false));
        }
        if let Some(near) = reach.groups {
            found = found.and(self.counted(run, changes, near, true));
        }
        if reach.range {
            found = found.and(self.within(run, |keys| calls.frames(keys))?);
        }
        Ok(found)
    }

    fn first_peer(&self, of: &Key) -> Key {
        let earlier = self.rows.range::<Key, _>(..=of).rev().map(|(key, _)| key);
        earlier.take_while(|key| key.is_peer(of)).last().unwrap_or(of).clone()
    }

    fn last_peer(&self, of: &Key) -> Key {
        let later = self.rows.range::<Key, _>(of..).map(|(key, _)| key);
        later.take_while(|key| key.is_peer(of)).last().unwrap_or(of).clone()
    }

    fn segment(&self, spans: &Spans, changes: &BTreeMap<Key, i64>) -> Segment {
        let (first, last) = &spans.context;
        // Cores begin and end the later, the later their rows are.
        let last_core = |key: &Key| spans.cores[..spans.cores.partition_point(|(first, _)| first <= key)].last();
        let is_core = |key: &Key| last_core(key).is_some_and(|(_, last)| key <= last);
        let row = |(key, old): (&Key, &i64)| Row::new(key, *old, changes, is_core(key));
        let rows = self.rows.range::<Key, _>(first..=last).map(row).collect();
        Segment { rows, before: self.before(first), totals: [0; 2], is_last: false }
    }

    /// The rows of the first core and all behind.
    fn rest(&self, spans: &Spans, changes: &BTreeMap<Key, i64>) -> Segment {
        let first = &spans.context.0;
        let row = |(key, old): (&Key, &i64)| Row::new(key, *old, changes, *key >= spans.cores[0].0);
        let rows = self.rows.range::<Key, _>(first..).map(row).collect();
        Segment { rows, before: self.before(first), totals: [0; 2], is_last: true }
    }

    fn before(&self, first: &Key) -> Vec<Before> {
        self.checkpoints.get(first).cloned().unwrap_or_default()
    }

    /// Where the values of a row depend on so many rows, or groups of peers, before it and after it.
    fn counted(
        &self,
        (first, last): Run,
        changes: &BTreeMap<Key, i64>,
        (before, after): (usize, usize),
        by_groups: bool,
    ) -> Surroundings {
        let walk = if by_groups { walk_groups } else { walk };
        // A row sees another one if it has at most `after` rows up to it, or at most `before` since it.
        let mut down = self.rows.range::<Key, _>((Bound::Unbounded, Bound::Excluded(first))).rev();
        let (first, lowest) = walk(&mut down, first, changes, after, before);
        let mut up = self.rows.range::<Key, _>((Bound::Excluded(last), Bound::Unbounded));
        let (last, highest) = walk(&mut up, last, changes, before, after);
        Surroundings { core: (first, last), context: (lowest, highest) }
    }
}

impl Partition {
    /// Where the values of a row depend on the rows of its frame. Frames begin and end the later, the later their rows are.
    fn within(&self, run: Run, frames: impl Fn(&[&Key]) -> Result<Vec<Range<usize>>>) -> Result<Surroundings> {
        let mut steps = NEIGHBOURS / 2;
        loop {
            let down = self.rows.range::<Key, _>((Bound::Unbounded, Bound::Excluded(run.0))).rev().take(steps);
            let mut keys: Vec<&Key> = down.map(|(key, _)| key).collect();
            let from_start = keys.len() < steps;
            keys.reverse();
            let first = keys.len();
            keys.extend(self.rows.range::<Key, _>(run.0..=run.1).map(|(key, _)| key));
            let own = first..keys.len();
            let up = self.rows.range::<Key, _>((Bound::Excluded(run.1), Bound::Unbounded)).take(steps);
            keys.extend(up.map(|(key, _)| key));
            let to_end = keys.len() < own.end + steps;
            let frames = frames(&keys)?;
            let last = keys.len() - 1;
            // Rows that see a changed one, and what they see.
            let meets = |frame: &Range<usize>| frame.start < own.end && own.start < frame.end;
            let low = (0..own.start).find(|row| meets(&frames[*row])).unwrap_or(own.start);
            let high = (own.end..=last).rev().find(|row| meets(&frames[*row])).unwrap_or(own.end - 1);
            let seen = frames[low..=high].iter();
            let start = seen.clone().map(|frame| frame.start).min().unwrap_or(low).min(low);
            let end = seen.map(|frame| frame.end).max().unwrap_or(high).max(high + 1);
            let whole_below = from_start || (start > 0 && frames[0].end <= own.start);
            let whole_above = to_end || (end <= last && frames[last].start >= own.end);
            if whole_below && whole_above {
                let span = |low: usize, high: usize| (keys[low].clone(), keys[high].clone());
                return Ok(Surroundings { core: span(low, high), context: span(start, end - 1) });
            }
            steps *= 4;
        }
    }
}

/// Rows with their weights, in the order in which they are gone over.
type Walked<'a> = &'a mut dyn Iterator<Item = (&'a Key, &'a i64)>;

/// Goes over `near` rows, then over `far` more, counted both before and after the change; answers where it got.
fn walk<'a>(rows: Walked<'a>, from: &Key, changes: &BTreeMap<Key, i64>, near: usize, far: usize) -> (Key, Key) {
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

/// The same for groups of peers besides the own one: of each that is reached all rows.
fn walk_groups<'a>(rows: Walked<'a>, from: &Key, changes: &BTreeMap<Key, i64>, near: usize, far: usize) -> (Key, Key) {
    let (mut core, mut context) = (from, from);
    // Groups that were gone over, before and after the change, and whether the one that is being gone over has rows.
    let (mut passed, mut has_rows) = ((0_usize, 0_usize), (false, false));
    let far = near.saturating_add(far);
    for (key, old) in rows {
        if !key.is_peer(context) {
            if !context.is_peer(from) {
                passed = (passed.0 + usize::from(has_rows.0), passed.1 + usize::from(has_rows.1));
            }
            has_rows = (false, false);
            if passed.0.min(passed.1) >= far {
                break;
            }
        }
        if key.is_peer(from) || passed.0.min(passed.1) < near {
            core = key;
        }
        context = key;
        has_rows.0 |= *old > 0;
        has_rows.1 |= old + changes.get(key).copied().unwrap_or(0) > 0;
    }
    (core.clone(), context.clone())
}

impl Surroundings {
    /// The least that has both.
    fn and(self, other: Surroundings) -> Surroundings {
        Surroundings { core: hull(self.core, other.core), context: hull(self.context, other.context) }
    }
}

/// From the first row of both to the last.
fn hull(one: Span, other: Span) -> Span {
    (one.0.min(other.0), one.1.max(other.1))
}

impl Row {
    fn new(key: &Key, old: i64, changes: &BTreeMap<Key, i64>, core: bool) -> Row {
        Row { key: key.clone(), old, new: old + changes.get(key).copied().unwrap_or(0), core }
    }
}

impl Segment {
    /// Whether the rows amount to what they were before the change.
    fn amounts_to_the_same(&self, calls: &impl Calls) -> Result<bool> {
        let amounts = |rows: Vec<(&Key, bool)>| {
            let keys: Vec<&Key> = rows.into_iter().map(|(key, _)| key).collect();
            calls.amounts(&keys, &self.before)
        };
        Ok(amounts(self.as_it_was())? == amounts(self.as_it_is())?)
    }

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
