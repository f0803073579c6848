//! What a regular expression consists of, and what it prefers.

use super::set::Set;

/// A part of a regular expression.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// A character of a set.
    One(Set),
    /// One after the other.
    Sequence(Vec<Node>),
    /// One of several.
    Alternatives(Vec<Node>),
    /// Several times; without a preference for `{m}`, which is written without one.
    Repeat { node: Box<Node>, min: u32, max: Option<u32>, prefers: Option<Prefers> },
    /// The group of a number.
    Group(Box<Node>, usize),
    /// What the group of a number matched.
    Back(usize),
    /// No character, but a place.
    At(Place),
    /// No character, but something ahead or behind, or nothing of that kind.
    Look { node: Box<Node>, ahead: bool, negated: bool },
}

/// Places between characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Start,
    End,
    LineStart,
    LineEnd,
    WordStart,
    WordEnd,
    WordEdge,
    NoWordEdge,
}

/// Which of several matches at one place is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefers {
    Long,
    Short,
}

impl Node {
    /// A sequence. Parts that capture nothing and prefer the same are one part, which as a whole is as long (or short) as it can be.
    pub(super) fn sequence(parts: Vec<Node>) -> Node {
        let mut units: Vec<Node> = Vec::new();
        let mut run: Vec<Node> = Vec::new();
        let flush = |run: &mut Vec<Node>, units: &mut Vec<Node>| match run.len() {
            0 => {}
            1 => units.append(run),
            _ => units.push(Node::Sequence(std::mem::take(run))),
        };
        for part in parts {
            let mixes = run.iter().chain([&part]).any(|node| node.has(Some(Prefers::Short)))
                && run.iter().chain([&part]).any(|node| node.has(Some(Prefers::Long)));
            if mixes || part.has(None) {
                flush(&mut run, &mut units);
                units.push(part);
            } else {
                run.push(part);
            }
        }
        flush(&mut run, &mut units);
        if units.len() == 1 { units.remove(0) } else { Node::Sequence(units) }
    }

    /// A node several times. Only what the last time captures can be seen, so the others are matched without captures.
    pub(super) fn repeated(self, min: u32, max: Option<u32>, prefers: Option<Prefers>) -> Node {
        if (min, max) == (1, Some(1)) && (prefers.is_none() || self.prefers().is_none() || prefers == self.prefers()) {
            return self;
        }
        if min == 0 || !self.has(None) || self.has_back() {
            return Node::Repeat { node: Box::new(self), min, max, prefers };
        }
        let prefers = prefers.or(self.prefers());
        let before = self.clone().without_groups();
        let before = Node::Repeat { node: Box::new(before), min: min - 1, max: max.map(|max| max - 1), prefers };
        Node::Sequence(vec![before, self])
    }

    /// What a match of the node prefers: as its first part that prefers anything.
    pub(super) fn prefers(&self) -> Option<Prefers> {
        match self {
            Node::Sequence(parts) => parts.iter().find_map(Node::prefers),
            Node::Alternatives(_) => Some(Prefers::Long),
            Node::Repeat { node, prefers, .. } => prefers.or_else(|| node.prefers()),
            Node::Group(node, _) => node.prefers(),
            _ => None,
        }
    }

    /// Whether a part has a preference, or with `None` whether it captures or refers to what was captured.
    fn has(&self, wanted: Option<Prefers>) -> bool {
        let here = match (self, wanted) {
            (Node::Group(..) | Node::Back(_), None) => true,
            (Node::Repeat { prefers: Some(prefers), .. }, Some(wanted)) => *prefers == wanted,
            (Node::Alternatives(_), Some(wanted)) => wanted == Prefers::Long,
            _ => false,
        };
        here || self.children().iter().any(|child| child.has(wanted))
    }

    /// Whether a part captures or refers to what was captured.
    pub(super) fn captures(&self) -> bool {
        self.has(None)
    }

    pub(super) fn has_back(&self) -> bool {
        matches!(self, Node::Back(_)) || self.children().iter().any(|child| child.has_back())
    }

    /// The parts.
    pub(super) fn children(&self) -> Vec<&Node> {
        match self {
            Node::Sequence(parts) | Node::Alternatives(parts) => parts.iter().collect(),
            Node::Repeat { node, .. } | Node::Group(node, _) | Node::Look { node, .. } => vec![node],
            Node::One(_) | Node::Back(_) | Node::At(_) => Vec::new(),
        }
    }

    /// The same without captures.
    pub(super) fn without_groups(self) -> Node {
        let all = |parts: Vec<Node>| parts.into_iter().map(Node::without_groups).collect();
        match self {
            Node::Group(node, _) => node.without_groups(),
            Node::Sequence(parts) => Node::Sequence(all(parts)),
            Node::Alternatives(parts) => Node::Alternatives(all(parts)),
            Node::Repeat { node, min, max, prefers } => {
                Node::Repeat { node: Box::new(node.without_groups()), min, max, prefers }
            }
            Node::Look { node, ahead, negated } => Node::Look { node: Box::new(node.without_groups()), ahead, negated },
            other => other,
        }
    }

    /// The group of a number.
    pub(super) fn group(&self, number: usize) -> Option<&Node> {
        match self {
            Node::Group(node, own) if *own == number => Some(node),
            _ => self.children().into_iter().find_map(|child| child.group(number)),
        }
    }
}
