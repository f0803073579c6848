//! Which match PostgreSQL takes: of all matches the first; of those that start there the longest, or the shortest where that is
//! preferred; and inside it every part from the left as long (or short) as it can be so that the rest still fits.
//!
//! For every part and start the places where it can end are computed at most once, so the cost is bounded by a polynomial in the text's
//! length. A match that costs more than [`STEPS_MAX`] is an error.

use std::collections::HashMap;
use std::rc::Rc;

use super::node::{Node, Place, Prefers};
use super::set::is_word;
use crate::error::{Error, Result};

/// Places looked at in one search.
const STEPS_MAX: usize = 10_000_000;

/// The groups of a match as ranges of characters; the first is the whole.
pub(super) type Groups = Vec<Option<(usize, usize)>>;

/// A search in one text.
pub(super) struct Matcher<'a> {
    root: &'a Node,
    groups: usize,
    letters: &'a [char],
    any_case: bool,
    /// Ends by node, start, and whether it is the node alone or all from it to the end of its sequence.
    ends: HashMap<(usize, usize, bool), Rc<Vec<usize>>>,
    steps: usize,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(root: &'a Node, groups: usize, letters: &'a [char], any_case: bool) -> Self {
        Matcher { root, groups, letters, any_case, ends: HashMap::new(), steps: 0 }
    }

    /// The match that starts at one of `starts`. Errors: 54001 for a search that takes too long.
    pub(super) fn find(&mut self, starts: std::ops::RangeInclusive<usize>) -> Result<Option<Groups>> {
        for start in starts {
            let ends = self.ends(self.root, start);
            for end in ordered(&ends, self.root.prefers()) {
                let mut groups = vec![None; self.groups + 1];
                groups[0] = Some((start, end));
                if self.dissect(self.root, start, end, &mut groups) {
                    return Ok(Some(groups));
                }
            }
            if self.steps > STEPS_MAX {
                return Err(Error::new("54001", "regular expression is too complex for a text of this length"));
            }
        }
        Ok(None)
    }

    /// Where a match of `node` that starts at `start` can end, in ascending order.
    fn ends(&mut self, node: &'a Node, start: usize) -> Rc<Vec<usize>> {
        let key = (std::ptr::from_ref(node) as usize, start, false);
        if let Some(known) = self.ends.get(&key) {
            return Rc::clone(known);
        }
        let found = match self.steps > STEPS_MAX {
            true => Vec::new(),
            false => self.compute(node, start),
        };
        self.steps += found.len() + 1;
        let found = Rc::new(found);
        self.ends.insert(key, Rc::clone(&found));
        found
    }

    fn compute(&mut self, node: &'a Node, start: usize) -> Vec<usize> {
        let stay = |holds: bool| if holds { vec![start] } else { Vec::new() };
        match node {
            Node::One(set) => match self.letters.get(start) {
                Some(letter) if set.contains(*letter) => vec![start + 1],
                _ => Vec::new(),
            },
            Node::Sequence(parts) => self.tail(parts, start).to_vec(),
            Node::Alternatives(parts) => {
                let mut found: Vec<usize> = Vec::new();
                for part in parts {
                    found.extend_from_slice(&self.ends(part, start));
                }
                sorted(found)
            }
            Node::Group(inner, _) => self.ends(inner, start).to_vec(),
            Node::Back(number) => match self.root.group(*number) {
                Some(group) => self.ends(group, start).to_vec(),
                None => Vec::new(),
            },
            Node::At(place) => stay(self.is_at(*place, start)),
            Node::Look { node, ahead: true, negated } => stay(self.ends(node, start).is_empty() == *negated),
            Node::Look { node, ahead: false, negated } => {
                let found = (0..=start).rev().any(|from| self.ends(node, from).binary_search(&start).is_ok());
                stay(found != *negated)
            }
            Node::Repeat { node, min, max, .. } => self.repeated(node, *min, *max, start),
        }
    }

    fn repeated(&mut self, node: &'a Node, min: u32, max: Option<u32>, start: usize) -> Vec<usize> {
        let most = max.map_or(usize::MAX, |max| max as usize);
        if let Node::One(set) = node {
            let run = self.letters[start..].iter().take(most).take_while(|letter| set.contains(**letter)).count();
            return (start + min as usize..=start + run).collect();
        }
        let mut found = if min == 0 { vec![start] } else { Vec::new() };
        let mut seen = std::collections::HashSet::from([start]);
        let mut level = vec![start];
        for round in 1..=most {
            let mut next = Vec::new();
            for at in level {
                next.extend_from_slice(&self.ends(node, at));
            }
            next = sorted(next);
            // Once the least number is reached, only new places lead to new ones.
            if round > min as usize {
                next.retain(|at| !seen.contains(at));
            }
            if next.is_empty() || self.steps > STEPS_MAX {
                break;
            }
            if round >= min as usize {
                found.extend_from_slice(&next);
                seen.extend(next.iter().copied());
            }
            level = next;
        }
        sorted(found)
    }

    /// Where a sequence of parts can end.
    fn tail(&mut self, parts: &'a [Node], start: usize) -> Rc<Vec<usize>> {
        let Some((first, rest)) = parts.split_first() else { return Rc::new(vec![start]) };
        if rest.is_empty() {
            return self.ends(first, start);
        }
        let key = (std::ptr::from_ref(first) as usize, start, true);
        if let Some(known) = self.ends.get(&key) {
            return Rc::clone(known);
        }
        let mut found: Vec<usize> = Vec::new();
        for middle in self.ends(first, start).iter() {
            found.extend_from_slice(&self.tail(rest, *middle));
        }
        self.steps += found.len() + 1;
        let found = Rc::new(sorted(found));
        self.ends.insert(key, Rc::clone(&found));
        found
    }

    fn is_at(&self, place: Place, at: usize) -> bool {
        let before = at.checked_sub(1).map(|at| self.letters[at]);
        let after = self.letters.get(at).copied();
        let (word_before, word_after) = (before.is_some_and(is_word), after.is_some_and(is_word));
        match place {
            Place::Start => before.is_none(),
            Place::End => after.is_none(),
            Place::LineStart => before.is_none_or(|letter| letter == '\n'),
            Place::LineEnd => after.is_none_or(|letter| letter == '\n'),
            Place::WordStart => !word_before && word_after,
            Place::WordEnd => word_before && !word_after,
            Place::WordEdge => word_before != word_after,
            Place::NoWordEdge => word_before == word_after,
        }
    }

    /// Fills in the groups of a match of `node` from `start` to `end`, which exists unless it refers back to other groups.
    fn dissect(&mut self, node: &'a Node, start: usize, end: usize, groups: &mut Groups) -> bool {
        if !node.captures() {
            return true;
        }
        match node {
            Node::Sequence(parts) => self.dissect_sequence(parts, start, end, groups),
            Node::Alternatives(parts) => parts.iter().any(|part| {
                self.ends(part, start).binary_search(&end).is_ok() && {
                    let before = groups.clone();
                    let fits = self.dissect(part, start, end, groups);
                    if !fits {
                        *groups = before;
                    }
                    fits
                }
            }),
            Node::Group(inner, number) => {
                let fits = self.dissect(inner, start, end, groups);
                if fits {
                    groups[*number] = Some((start, end));
                }
                fits
            }
            Node::Back(number) => match groups[*number] {
                Some((from, to)) => self.same(from..to, start..end),
                None => false,
            },
            Node::Repeat { node: inner, min, max, .. } => {
                if start == end && *min == 0 {
                    return true;
                }
                let most = max.unwrap_or(u32::MAX);
                self.iterate(node, inner, (start, end), ((*min).max(1), most), groups)
            }
            Node::One(_) | Node::At(_) | Node::Look { .. } => true,
        }
    }

    fn same(&self, one: std::ops::Range<usize>, other: std::ops::Range<usize>) -> bool {
        let (one, other) = (&self.letters[one], &self.letters[other]);
        match self.any_case {
            true => {
                let lower =
                    |letters: &[char]| letters.iter().map(|letter| super::super::lower(*letter)).collect::<Vec<_>>();
                lower(one) == lower(other)
            }
            false => one == other,
        }
    }

    fn dissect_sequence(&mut self, parts: &'a [Node], start: usize, end: usize, groups: &mut Groups) -> bool {
        let Some((first, rest)) = parts.split_first() else { return start == end };
        if rest.is_empty() {
            return self.dissect(first, start, end, groups);
        }
        let middles = self.ends(first, start);
        for middle in ordered(&middles, first.prefers()) {
            if middle > end || self.tail(rest, middle).binary_search(&end).is_err() {
                continue;
            }
            let before = groups.clone();
            if self.dissect(first, start, middle, groups) && self.dissect_sequence(rest, middle, end, groups) {
                return true;
            }
            *groups = before;
        }
        false
    }

    /// Divides a range among at least `least` and at most `most` matches of `inner`.
    fn iterate(
        &mut self,
        node: &'a Node,
        inner: &'a Node,
        (start, end): (usize, usize),
        (least, most): (u32, u32),
        groups: &mut Groups,
    ) -> bool {
        if most == 0 {
            return false;
        }
        let middles = self.ends(inner, start);
        for middle in ordered(&middles, node.prefers()) {
            if middle > end || middle == start && middle != end {
                continue;
            }
            let before = groups.clone();
            forget(inner, groups);
            let is_last = middle == end && least <= 1;
            let fits = self.dissect(inner, start, middle, groups)
                && (is_last
                    || middle < end
                        && self.iterate(node, inner, (middle, end), (least.saturating_sub(1), most - 1), groups));
            if fits {
                return true;
            }
            *groups = before;
        }
        false
    }
}

/// Forgets what the groups inside of a node captured.
fn forget(node: &Node, groups: &mut Groups) {
    if let Node::Group(_, number) = node {
        groups[*number] = None;
    }
    node.children().into_iter().for_each(|child| forget(child, groups));
}

fn ordered(ends: &[usize], prefers: Option<Prefers>) -> Vec<usize> {
    match prefers {
        Some(Prefers::Short) => ends.to_vec(),
        _ => ends.iter().rev().copied().collect(),
    }
}

fn sorted(mut places: Vec<usize>) -> Vec<usize> {
    places.sort_unstable();
    places.dedup();
    places
}
