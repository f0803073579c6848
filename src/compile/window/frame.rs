//! Frames: the rows of its partition that a row's function sees.

use std::ops::Range;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;

use super::offset::Distances;
use super::{Layout, Reach, WindowCall};
use crate::compile::literal::literal;
use crate::compile::plan::SortColumn;
use crate::error::{Error, Result};
use crate::format::text::TimeZone;

/// `units BETWEEN start AND end exclusion`; `T` is what offsets are: expressions while planning, values when running. Values are
/// bigint for ROWS and GROUPS; for RANGE what [`Distances`] takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame<T> {
    /// What is counted.
    pub units: Units,
    /// Where it begins.
    pub start: Bound<T>,
    /// Where it ends.
    pub end: Bound<T>,
    /// Rows near the current one that it does not have.
    pub exclusion: Exclusion,
    /// Zone in which RANGE adds intervals to instants.
    pub zone: Zone,
}

/// What the offsets of a frame count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants are SQL's words")]
pub enum Units {
    Rows,
    Range,
    Groups,
}

/// One end of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants are SQL's words")]
pub enum Bound<T> {
    UnboundedPreceding,
    Preceding(T),
    CurrentRow,
    Following(T),
    UnboundedFollowing,
}

/// EXCLUDE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants are SQL's words")]
pub enum Exclusion {
    NoOthers,
    CurrentRow,
    Group,
    Ties,
}

/// The name of a time zone.
pub(in crate::compile) type Zone = std::sync::Arc<str>;

impl<T> Frame<T> {
    /// What a window without a frame clause has: from the partition's start to the row and its peers.
    pub fn default_in(zone: &str) -> Self {
        Frame {
            units: Units::Range,
            start: Bound::UnboundedPreceding,
            end: Bound::CurrentRow,
            exclusion: Exclusion::NoOthers,
            zone: zone.into(),
        }
    }

    /// The offsets, the start's first.
    pub(in crate::compile) fn offsets(&self) -> impl Iterator<Item = &T> {
        [&self.start, &self.end].into_iter().filter_map(Bound::offset)
    }

    /// The same frame with other offsets.
    pub(in crate::compile) fn map<U, E>(&self, mut convert: impl FnMut(&T) -> Result<U, E>) -> Result<Frame<U>, E> {
        Ok(Frame {
            units: self.units,
            start: self.start.map(&mut convert)?,
            end: self.end.map(&mut convert)?,
            exclusion: self.exclusion,
            zone: Zone::clone(&self.zone),
        })
    }
}

impl<T> Bound<T> {
    pub(super) fn offset(&self) -> Option<&T> {
        match self {
            Bound::Preceding(offset) | Bound::Following(offset) => Some(offset),
            _ => None,
        }
    }

    fn map<U, E>(&self, convert: &mut impl FnMut(&T) -> Result<U, E>) -> Result<Bound<U>, E> {
        Ok(match self {
            Bound::UnboundedPreceding => Bound::UnboundedPreceding,
            Bound::Preceding(offset) => Bound::Preceding(convert(offset)?),
            Bound::CurrentRow => Bound::CurrentRow,
            Bound::Following(offset) => Bound::Following(convert(offset)?),
            Bound::UnboundedFollowing => Bound::UnboundedFollowing,
        })
    }
}

impl Frame<ScalarValue> {
    /// As SQL, if it is not the default.
    pub fn shown(&self) -> Option<String> {
        let default = Frame { zone: Zone::clone(&self.zone), ..Frame::default_in("") };
        if *self == default {
            return None;
        }
        let units = match self.units {
            Units::Rows => "rows",
            Units::Range => "range",
            Units::Groups => "groups",
        };
        let exclusion = match self.exclusion {
            Exclusion::NoOthers => "",
            Exclusion::CurrentRow => " exclude current row",
            Exclusion::Group => " exclude group",
            Exclusion::Ties => " exclude ties",
        };
        Some(format!("{units} between {} and {}{exclusion}", self.start.shown(), self.end.shown()))
    }

    /// Which rows a frame can have.
    pub(super) fn reach(&self) -> Reach {
        self.reach_of([&self.start, &self.end])
    }

    /// Which rows tell where a frame begins.
    pub(super) fn start_reach(&self) -> Reach {
        // A frame that ends before it begins is empty.
        match (&self.end, &self.start) {
            (Bound::UnboundedFollowing, start) if self.is_counted(start) => self.reach_of([start, start]),
            _ => self.reach(),
        }
    }

    /// Which rows tell where a frame ends.
    pub(super) fn end_reach(&self) -> Reach {
        match (&self.start, &self.end) {
            (Bound::UnboundedPreceding, end) if self.is_counted(end) => self.reach_of([end, end]),
            _ => self.reach(),
        }
    }

    /// Whether a bound is told by counting.
    fn is_counted(&self, bound: &Bound<ScalarValue>) -> bool {
        self.units != Units::Range || *bound == Bound::CurrentRow
    }

    fn reach_of(&self, bounds: [&Bound<ScalarValue>; 2]) -> Reach {
        let counted = |bound: &Bound<ScalarValue>| match bound {
            Bound::Preceding(offset) => count(offset).ok().map(|rows| (rows, 0)),
            Bound::Following(offset) => count(offset).ok().map(|rows| (0, rows)),
            Bound::CurrentRow => Some((0, 0)),
            _ => None,
        };
        let is_near =
            |bound: &Bound<ScalarValue>| !matches!(bound, Bound::UnboundedPreceding | Bound::UnboundedFollowing);
        if self.units == Units::Range && bounds != [&Bound::CurrentRow; 2] {
            let range = bounds.into_iter().all(is_near);
            return Reach { range, all: !range, ..Reach::default() };
        }
        let [Some(start), Some(end)] = bounds.map(counted) else { return Reach::ALL };
        let near = Some((start.0.max(end.0), start.1.max(end.1)));
        match self.units {
            Units::Groups | Units::Range => Reach { groups: near, ..Reach::default() },
            Units::Rows => Reach { rows: near, ..Reach::default() },
        }
    }
}

impl Bound<ScalarValue> {
    fn shown(&self) -> String {
        match self {
            Bound::UnboundedPreceding => "unbounded preceding".to_string(),
            Bound::Preceding(offset) => format!("{} preceding", literal(offset, None)),
            Bound::CurrentRow => "current row".to_string(),
            Bound::Following(offset) => format!("{} following", literal(offset, None)),
            Bound::UnboundedFollowing => "unbounded following".to_string(),
        }
    }
}

/// The frames of all rows.
pub(super) struct Frames<'a> {
    /// Without exclusion.
    bounds: Vec<Range<usize>>,
    exclusion: Exclusion,
    layout: &'a Layout,
}

impl<'a> Frames<'a> {
    pub(super) fn new(
        frame: &Frame<ScalarValue>,
        rows: &RecordBatch,
        order: &[SortColumn],
        layout: &'a Layout,
    ) -> Result<Frames<'a>> {
        let bounds = match frame.units {
            Units::Rows => by_rows(frame, layout)?,
            Units::Groups => by_groups(frame, layout)?,
            Units::Range => by_range(frame, rows, order, layout)?,
        };
        Ok(Frames { bounds, exclusion: frame.exclusion, layout })
    }

    /// Number of rows that have a frame.
    pub(super) fn len(&self) -> usize {
        self.bounds.len()
    }

    /// Whether no frame leaves out rows between its ends.
    pub(super) fn is_whole(&self) -> bool {
        self.exclusion == Exclusion::NoOthers
    }

    /// The rows of a row's frame: up to three ranges, in order, some of them empty.
    pub(super) fn pieces(&self, row: usize) -> [Range<usize>; 3] {
        let Range { start, end } = self.bounds[row].clone();
        let none = end..end;
        let hole = match self.exclusion {
            Exclusion::NoOthers => return [start..end, none.clone(), none],
            Exclusion::CurrentRow => row..row + 1,
            Exclusion::Group | Exclusion::Ties => self.layout.peers(row),
        };
        let own = self.exclusion == Exclusion::Ties && start <= row && row < end;
        let before = start..hole.start.clamp(start, end);
        let after = hole.end.clamp(start, end)..end;
        [before, if own { row..row + 1 } else { none }, after]
    }

    /// The row at a place of a row's frame, from 0.
    pub(super) fn nth(&self, row: usize, mut place: usize) -> Option<usize> {
        for piece in self.pieces(row) {
            if place < piece.len() {
                return Some(piece.start + place);
            }
            place -= piece.len();
        }
        None
    }

    /// The last row of a row's frame.
    pub(super) fn last(&self, row: usize) -> Option<usize> {
        self.pieces(row).into_iter().rev().find(|piece| !piece.is_empty()).map(|piece| piece.end - 1)
    }

    /// Rows of the longest frame.
    pub(super) fn longest(&self) -> usize {
        self.bounds.iter().map(Range::len).max().unwrap_or(0)
    }
}

/// For each row of one partition the rows between the first and the last of all calls' frames. `rows` are sorted by `order`.
pub fn frames<'a>(
    calls: impl Iterator<Item = &'a WindowCall>,
    rows: &RecordBatch,
    order: &[SortColumn],
    layout: &Layout,
) -> Result<Vec<Range<usize>>> {
    let mut all: Option<Vec<Range<usize>>> = None;
    for call in calls {
        let bounds = Frames::new(&call.frame, rows, order, layout)?.bounds;
        all = Some(match all {
            None => bounds,
            Some(all) => all.into_iter().zip(bounds).map(|(a, b)| a.start.min(b.start)..a.end.max(b.end)).collect(),
        });
    }
    Ok(all.unwrap_or_default())
}

/// Rows or groups that an offset counts.
fn count(offset: &ScalarValue) -> Result<usize> {
    match offset {
        ScalarValue::Int64(Some(count)) if *count >= 0 => Ok(usize::try_from(*count).unwrap_or(usize::MAX)),
        other => Err(Error::internal(format!("a frame counts {other} rows"))),
    }
}

fn count_of(bound: &Bound<ScalarValue>) -> Result<usize> {
    bound.offset().map_or(Ok(0), count)
}

fn by_rows(frame: &Frame<ScalarValue>, layout: &Layout) -> Result<Vec<Range<usize>>> {
    let (first, last) = (count_of(&frame.start)?, count_of(&frame.end)?);
    let mut bounds = Vec::with_capacity(layout.rows());
    for partition in layout.partitions() {
        for row in partition.clone() {
            let start = match frame.start {
                Bound::UnboundedPreceding => partition.start,
                Bound::Preceding(_) => row.saturating_sub(first).max(partition.start),
                Bound::CurrentRow => row,
                Bound::Following(_) => row.saturating_add(first).min(partition.end),
                Bound::UnboundedFollowing => partition.end,
            };
            let end = match frame.end {
                Bound::UnboundedPreceding => partition.start,
                Bound::Preceding(_) => (row + 1).saturating_sub(last).max(partition.start),
                Bound::CurrentRow => row + 1,
                Bound::Following(_) => (row + 1).saturating_add(last).min(partition.end),
                Bound::UnboundedFollowing => partition.end,
            };
            bounds.push(start..end.max(start));
        }
    }
    Ok(bounds)
}

fn by_groups(frame: &Frame<ScalarValue>, layout: &Layout) -> Result<Vec<Range<usize>>> {
    let (first, last) = (count_of(&frame.start)?, count_of(&frame.end)?);
    let mut bounds = Vec::with_capacity(layout.rows());
    for partition in layout.partitions() {
        let groups = layout.group(partition.start)..layout.group(partition.end - 1) + 1;
        for row in partition.clone() {
            let group = layout.group(row);
            let start = match frame.start {
                Bound::UnboundedPreceding => partition.start,
                Bound::Preceding(_) => layout.group_rows(group.saturating_sub(first).max(groups.start)).start,
                Bound::CurrentRow => layout.peers(row).start,
                Bound::Following(_) => match group.checked_add(first).filter(|group| groups.contains(group)) {
                    Some(group) => layout.group_rows(group).start,
                    None => partition.end,
                },
                Bound::UnboundedFollowing => partition.end,
            };
            let end = match frame.end {
                Bound::UnboundedPreceding => partition.start,
                Bound::Preceding(_) => match group.checked_sub(last).filter(|group| groups.contains(group)) {
                    Some(group) => layout.group_rows(group).end,
                    None => partition.start,
                },
                Bound::CurrentRow => layout.peers(row).end,
                Bound::Following(_) => layout.group_rows(group.saturating_add(last).min(groups.end - 1)).end,
                Bound::UnboundedFollowing => partition.end,
            };
            bounds.push(start..end.max(start));
        }
    }
    Ok(bounds)
}

fn by_range(
    frame: &Frame<ScalarValue>,
    rows: &RecordBatch,
    order: &[SortColumn],
    layout: &Layout,
) -> Result<Vec<Range<usize>>> {
    let distances = match (frame.offsets().next(), order) {
        (None, _) => None,
        (Some(_), [sort]) => {
            let zone = TimeZone::parse(&frame.zone)?;
            Some(Distances::new(
                rows.column(sort.column),
                sort.descending,
                zone,
                frame.start.offset(),
                frame.end.offset(),
            )?)
        }
        _ => return Err(Error::internal("RANGE with an offset has one column to order by")),
    };
    let mut bounds = Vec::with_capacity(layout.rows());
    for partition in layout.partitions() {
        let known = distances.as_ref().map_or(partition.clone(), |distances| distances.known(&partition));
        for row in partition.clone() {
            let peers = layout.peers(row);
            // NULL is at no distance from anything but NULL.
            let distances = distances.as_ref().filter(|_| known.contains(&row));
            let start = match (&frame.start, distances) {
                (Bound::UnboundedPreceding, _) => partition.start,
                (Bound::UnboundedFollowing, _) => partition.end,
                (Bound::Preceding(_), Some(distances)) => distances.start(row, true, &known),
                (Bound::Following(_), Some(distances)) => distances.start(row, false, &known),
                _ => peers.start,
            };
            let end = match (&frame.end, distances) {
                (Bound::UnboundedPreceding, _) => partition.start,
                (Bound::UnboundedFollowing, _) => partition.end,
                (Bound::Preceding(_), Some(distances)) => distances.end(row, true, &known),
                (Bound::Following(_), Some(distances)) => distances.end(row, false, &known),
                _ => peers.end,
            };
            bounds.push(start..end.max(start));
        }
    }
    Ok(bounds)
}
