//! Regular expressions for the regex crate, which finds matches in linear time: always where a match starts, and the whole match where
//! there is only one way to match.

use super::node::{Node, Place};
use super::set::Set;

/// Bytes of a compiled expression at most.
const SIZE_MAX: usize = 4 << 20;

/// The expression for the regex crate, which matches what `node` matches, if it can be written and is not too large.
pub(super) fn compiled(node: &Node) -> Option<regex::Regex> {
    let mut pattern = String::new();
    write(node, &mut pattern).then(|| regex::RegexBuilder::new(&pattern).size_limit(SIZE_MAX).build().ok()).flatten()
}

/// Whether the node looks at where words start and end, which the regex crate sees otherwise outside of ASCII.
pub(super) fn looks_at_words(node: &Node) -> bool {
    let here = matches!(node, Node::At(Place::WordStart | Place::WordEnd | Place::WordEdge | Place::NoWordEdge));
    here || node.children().into_iter().any(looks_at_words)
}

fn write(node: &Node, out: &mut String) -> bool {
    match node {
        Node::One(set) => set.write(out),
        Node::Sequence(parts) => return parts.iter().all(|part| write(part, out)),
        Node::Alternatives(parts) => {
            out.push_str("(?:");
            for (number, part) in parts.iter().enumerate() {
                if number > 0 {
                    out.push('|');
                }
                if !write(part, out) {
                    return false;
                }
            }
            out.push(')');
        }
        Node::Repeat { node, min, max, .. } => {
            out.push_str("(?:");
            if !write(node, out) {
                return false;
            }
            let max = max.map_or(String::new(), |max| max.to_string());
            out.push_str(&format!("){{{min},{max}}}"));
        }
        Node::Group(node, _) => {
            out.push('(');
            if !write(node, out) {
                return false;
            }
            out.push(')');
        }
        Node::At(place) => out.push_str(match place {
            Place::Start => r"\A",
            Place::End => r"\z",
            Place::LineStart => "(?m:^)",
            Place::LineEnd => "(?m:$)",
            Place::WordStart => r"\b{start}",
            Place::WordEnd => r"\b{end}",
            Place::WordEdge => r"\b",
            Place::NoWordEdge => r"\B",
        }),
        Node::Back(_) | Node::Look { .. } => return false,
    }
    true
}

/// Whether every text is matched in at most one way, so that it does not matter which match is preferred.
pub(super) fn is_unambiguous(node: &Node) -> bool {
    decides(node, &Set::default())
}

/// Whether the next character always tells how `node` goes on, if a character of `follow` may come after it.
fn decides(node: &Node, follow: &Set) -> bool {
    match node {
        Node::One(_) | Node::At(_) => true,
        Node::Back(_) | Node::Look { .. } => false,
        Node::Group(inner, _) => decides(inner, follow),
        Node::Sequence(parts) => (0..parts.len()).all(|at| {
            let (mut after, passes) = first(&parts[at + 1..]);
            if passes {
                after.add(follow);
            }
            decides(&parts[at], &after)
        }),
        Node::Alternatives(parts) => {
            let firsts: Vec<(Set, bool)> = parts.iter().map(|part| first(std::slice::from_ref(part))).collect();
            let apart = |at: usize| firsts[..at].iter().all(|(other, _)| other.is_disjoint(&firsts[at].0));
            (0..parts.len()).all(|at| !firsts[at].1 && apart(at) && decides(&parts[at], follow))
        }
        Node::Repeat { node: inner, min, max, prefers } => {
            let (starts, passes) = first(std::slice::from_ref(inner));
            let mut after = follow.clone();
            after.add(&starts);
            let once = *max == Some(1);
            let exact = Some(*min) == *max;
            !passes
                && *prefers != Some(super::node::Prefers::Short)
                && (once || !inner.captures())
                && (exact || starts.is_disjoint(follow))
                && decides(inner, if once { follow } else { &after })
        }
    }
}

/// The characters that a sequence can begin with, and whether it can be empty.
fn first(parts: &[Node]) -> (Set, bool) {
    let mut starts = Set::default();
    for part in parts {
        let (set, passes) = match part {
            Node::One(set) => (set.clone(), false),
            Node::Sequence(inner) => first(inner),
            Node::Alternatives(inner) => inner.iter().fold((Set::default(), false), |(mut all, any), part| {
                let (set, passes) = first(std::slice::from_ref(part));
                all.add(&set);
                (all, any || passes)
            }),
            Node::Repeat { node, min, .. } => {
                let (set, passes) = first(std::slice::from_ref(node));
                (set, passes || *min == 0)
            }
            Node::Group(inner, _) => first(std::slice::from_ref(inner)),
            Node::At(_) | Node::Back(_) | Node::Look { .. } => (Set::default(), true),
        };
        starts.add(&set);
        if !passes {
            return (starts, false);
        }
    }
    (starts, true)
}
