//! Where partitions and groups of peers begin and end in sorted rows.

use std::ops::Range;

use super::Before;

/// Partitions and peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    partitions: Vec<Range<usize>>,
    /// Where each group of peers begins, and the number of rows.
    starts: Vec<usize>,
    /// The group of each row.
    groups: Vec<usize>,
    /// What comes before the rows of each partition; empty if nothing does.
    before: Vec<Before>,
}

impl Layout {
    /// Of sorted rows: `partitions` are the lengths of the partitions, none of them 0; `is_peer` tells whether a row is a peer of
    /// the row before it in its partition.
    pub fn new(partitions: impl IntoIterator<Item = usize>, is_peer: impl Fn(usize) -> bool) -> Layout {
        let mut layout = Layout { partitions: Vec::new(), starts: Vec::new(), groups: Vec::new(), before: Vec::new() };
        let mut start = 0;
        for length in partitions {
            for row in start..start + length {
                if row == start || !is_peer(row) {
                    layout.starts.push(row);
                }
                layout.groups.push(layout.starts.len() - 1);
            }
            layout.partitions.push(start..start + length);
            start += length;
        }
        layout.starts.push(start);
        layout
    }

    /// Says that partitions go on: what comes before the rows of each. Only for calls that go on from there.
    pub fn continue_from(&mut self, before: Vec<Before>) {
        self.before = before;
    }

    /// Calls `each` with the rows of each partition and what comes before them, if something may.
    pub(super) fn continued(&self, mut each: impl FnMut(Range<usize>, &Before)) {
        for (partition, before) in self.partitions.iter().zip(&self.before) {
            each(partition.clone(), before);
        }
    }

    /// The rows of each partition, what comes before them, and the number of all rows.
    pub(super) fn with_totals(&self) -> impl Iterator<Item = (Range<usize>, Before)> {
        self.partitions.iter().enumerate().map(|(number, partition)| {
            let before = self.before.get(number).cloned().unwrap_or_default();
            (partition.clone(), Before { total: before.total.max(partition.len()), ..before })
        })
    }

    /// Whether something may come before the rows of partitions.
    pub(super) fn is_continued(&self) -> bool {
        !self.before.is_empty()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.groups.len()
    }

    /// The rows of each partition.
    pub fn partitions(&self) -> impl Iterator<Item = Range<usize>> {
        self.partitions.iter().cloned()
    }

    /// The group of a row; groups are numbered through all partitions.
    pub fn group(&self, row: usize) -> usize {
        self.groups[row]
    }

    /// The rows of a group.
    pub fn group_rows(&self, group: usize) -> Range<usize> {
        self.starts[group]..self.starts[group + 1]
    }

    /// A row and its peers.
    pub fn peers(&self, row: usize) -> Range<usize> {
        self.group_rows(self.groups[row])
    }
}
