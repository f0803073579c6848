//! PostgreSQL's advanced regular expressions → [`Node`].

use super::Flags;
use super::node::{Node, Place, Prefers};
use super::set::Set;
use crate::error::{Error, Result};

/// SQLSTATE of a pattern that is none.
const INVALID_REGULAR_EXPRESSION: &str = "2201B";
/// Repetitions at most.
const REPEAT_MAX: u32 = 255;
/// Groups inside each other at most.
const DEPTH_MAX: usize = 200;

/// A pattern as it was understood.
pub(super) struct Parsed {
    pub(super) node: Node,
    /// How many groups capture.
    pub(super) groups: usize,
    pub(super) flags: Flags,
}

/// Reads a pattern. Errors: 2201B with PostgreSQL's words, 0A000 for basic regular expressions.
pub(super) fn parse(pattern: &str, flags: Flags) -> Result<Parsed> {
    let mut parser =
        Parser { letters: pattern.chars().collect(), at: 0, flags, groups: 0, closed: Vec::new(), depth: 0 };
    parser.prefix()?;
    let node = match parser.flags.literal {
        true => parser.literal(),
        false => parser.alternatives()?,
    };
    if parser.at < parser.letters.len() {
        return Err(invalid("parentheses () not balanced"));
    }
    Ok(Parsed { node, groups: parser.groups, flags: parser.flags })
}

fn invalid(what: &str) -> Error {
    Error::new(INVALID_REGULAR_EXPRESSION, format!("invalid regular expression: {what}"))
}

struct Parser {
    letters: Vec<char>,
    at: usize,
    flags: Flags,
    groups: usize,
    closed: Vec<usize>,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn looks_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(offset, letter)| self.letters.get(self.at + offset) == Some(&letter))
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.looks_at(text);
        self.at += if found { text.chars().count() } else { 0 };
        found
    }

    /// `***=`, `***:` and `(?flags)`.
    fn prefix(&mut self) -> Result<()> {
        if self.flags.literal {
            return Ok(());
        }
        if self.take("***=") {
            self.flags.literal = true;
            return Ok(());
        }
        if !self.take("***:") && self.looks_at("***") {
            return Err(invalid("quantifier operand invalid"));
        }
        if self.looks_at("(?") && self.letters.get(self.at + 2).is_some_and(char::is_ascii_alphabetic) {
            self.at += 2;
            while let Some(letter) = self.peek().filter(char::is_ascii_alphabetic) {
                self.flags.set(letter).map_err(|_| invalid("invalid embedded option"))?;
                self.at += 1;
            }
            if !self.take(")") {
                return Err(invalid("invalid embedded option"));
            }
        }
        Ok(())
    }

    fn literal(&mut self) -> Node {
        let letters = self.letters[self.at..].to_vec();
        self.at = self.letters.len();
        Node::Sequence(letters.into_iter().map(|letter| self.one(Set::of(letter))).collect())
    }

    fn one(&self, set: Set) -> Node {
        Node::One(if self.flags.any_case { set.any_case() } else { set })
    }

    fn alternatives(&mut self) -> Result<Node> {
        let mut branches = vec![self.branch()?];
        while self.take("|") {
            branches.push(self.branch()?);
        }
        Ok(if branches.len() == 1 { branches.remove(0) } else { Node::Alternatives(branches) })
    }

    fn branch(&mut self) -> Result<Node> {
        let mut parts = Vec::new();
        loop {
            self.skip();
            match self.peek() {
                None | Some('|') => break,
                Some(')') if self.depth > 0 => break,
                Some(_) => parts.push(self.quantified()?),
            }
        }
        Ok(Node::sequence(parts))
    }

    /// Comments, and blanks in expanded syntax.
    fn skip(&mut self) {
        loop {
            if self.take("(?#") {
                while self.peek().is_some_and(|letter| letter != ')') {
                    self.at += 1;
                }
                self.take(")");
            } else if self.flags.expanded && self.peek().is_some_and(char::is_whitespace) {
                self.at += 1;
            } else if self.flags.expanded && self.peek() == Some('#') {
                while self.peek().is_some_and(|letter| letter != '\n') {
                    self.at += 1;
                }
            } else {
                return;
            }
        }
    }

    fn quantified(&mut self) -> Result<Node> {
        let atom = self.atom()?;
        self.skip();
        let exact = self.is_exact();
        let Some((min, max)) = self.quantifier()? else { return Ok(atom) };
        let lazy = self.take("?");
        self.skip();
        // A quantifier cannot follow another one, or what matches no characters.
        let is_place = matches!(atom, Node::At(_) | Node::Look { .. });
        if is_place || self.quantifier()?.is_some() {
            return Err(invalid("quantifier operand invalid"));
        }
        let prefers = match (exact, lazy) {
            (true, _) => None,
            (false, true) => Some(Prefers::Short),
            (false, false) => Some(Prefers::Long),
        };
        Ok(atom.repeated(min, max, prefers))
    }

    /// Whether a quantifier `{m}` comes next.
    fn is_exact(&self) -> bool {
        let Some(rest) = self.letters.get(self.at..).and_then(|rest| rest.strip_prefix(&['{'])) else { return false };
        rest.iter().find(|letter| !letter.is_ascii_digit()) == Some(&'}')
    }

    fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>> {
        Ok(match self.peek() {
            Some('*') => self.next((0, None)),
            Some('+') => self.next((1, None)),
            Some('?') => self.next((0, Some(1))),
            Some('{') if self.letters.get(self.at + 1).is_some_and(char::is_ascii_digit) => {
                self.at += 1;
                let min = self.number()?;
                let max = match self.take(",") {
                    false => Some(min),
                    true if self.peek().is_some_and(|letter| letter.is_ascii_digit()) => Some(self.number()?),
                    true => None,
                };
                if !self.take("}") {
                    return Err(match self.peek() {
                        None => invalid("braces {} not balanced"),
                        Some(_) => invalid("invalid repetition count(s)"),
                    });
                }
                if max.is_some_and(|max| max < min) {
                    return Err(invalid("invalid repetition count(s)"));
                }
                Some((min, max))
            }
            _ => None,
        })
    }

    fn next<T>(&mut self, value: T) -> Option<T> {
        self.at += 1;
        Some(value)
    }

    fn number(&mut self) -> Result<u32> {
        let mut number = 0u32;
        while let Some(digit) = self.peek().and_then(|letter| letter.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit);
            self.at += 1;
        }
        if number > REPEAT_MAX { Err(invalid("invalid repetition count(s)")) } else { Ok(number) }
    }

    fn atom(&mut self) -> Result<Node> {
        let Some(letter) = self.peek() else { return Err(invalid("unexpected end")) };
        self.at += 1;
        match letter {
            '(' => self.group(),
            '[' => self.bracket(),
            '\\' => self.escape(),
            '.' => Ok(Node::One(self.any())),
            '^' => Ok(Node::At(if self.flags.line_anchors { Place::LineStart } else { Place::Start })),
            '$' => Ok(Node::At(if self.flags.line_anchors { Place::LineEnd } else { Place::End })),
            '*' | '+' | '?' => Err(invalid("quantifier operand invalid")),
            '{' if self.peek().is_some_and(|next| next.is_ascii_digit()) => Err(invalid("quantifier operand invalid")),
            ')' => Err(invalid("parentheses () not balanced")),
            letter => Ok(self.one(Set::of(letter))),
        }
    }

    fn any(&self) -> Set {
        if self.flags.line_classes { Set::all().without('\n') } else { Set::all() }
    }

    fn group(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(invalid("regular expression is too complex"));
        }
        let looks = [("?=", true, false), ("?!", true, true), ("?<=", false, false), ("?<!", false, true)];
        let look = looks.into_iter().find(|(sign, ..)| self.take(sign));
        let node = if let Some((_, ahead, negated)) = look {
            // What is captured inside cannot be seen outside.
            let groups = self.groups;
            let node = Box::new(self.alternatives()?.without_groups());
            self.groups = groups;
            Node::Look { node, ahead, negated }
        } else if self.take("?:") {
            self.alternatives()?
        } else if self.looks_at("?") {
            return Err(invalid("quantifier operand invalid"));
        } else {
            self.groups += 1;
            let number = self.groups;
            let node = Node::Group(Box::new(self.alternatives()?), number);
            self.closed.push(number);
            node
        };
        if !self.take(")") {
            return Err(invalid("parentheses () not balanced"));
        }
        self.depth -= 1;
        Ok(node)
    }

    fn escape(&mut self) -> Result<Node> {
        let Some(letter) = self.peek() else { return Err(invalid("invalid escape \\ sequence")) };
        let place = match letter {
            'A' => Some(Place::Start),
            'Z' => Some(Place::End),
            'm' => Some(Place::WordStart),
            'M' => Some(Place::WordEnd),
            'y' => Some(Place::WordEdge),
            'Y' => Some(Place::NoWordEdge),
            _ => None,
        };
        if let Some(place) = place {
            self.at += 1;
            return Ok(Node::At(place));
        }
        if let Some(number) = self.back_reference()? {
            return Ok(Node::Back(number));
        }
        match self.class_escape() {
            Some(set) => Ok(Node::One(set)),
            None => {
                let letter = self.letter_escape()?;
                Ok(self.one(Set::of(letter)))
            }
        }
    }

    fn back_reference(&mut self) -> Result<Option<usize>> {
        let Some(first @ '1'..='9') = self.peek() else { return Ok(None) };
        let digits: String = self.letters[self.at..].iter().take_while(|letter| letter.is_ascii_digit()).collect();
        let (number, length) = match digits.parse::<usize>() {
            Ok(number) if number <= self.groups => (number, digits.len()),
            // More digits than groups: octal, if it is.
            _ if digits.len() > 1 && digits.bytes().take(2).all(|digit| digit < b'8') => return Ok(None),
            _ => (first as usize - '0' as usize, 1),
        };
        if !self.closed.contains(&number) {
            return Err(invalid("invalid backreference number"));
        }
        self.at += length;
        Ok(Some(number))
    }

    /// `\d`, `\s`, `\w` and their opposites.
    fn class_escape(&mut self) -> Option<Set> {
        let letter = self.peek()?;
        let name = match letter.to_ascii_lowercase() {
            'd' => "digit",
            's' => "space",
            'w' => "word",
            _ => return None,
        };
        self.at += 1;
        let set = Set::class(name)?;
        Some(if letter.is_ascii_uppercase() { set.complement() } else { set })
    }

    fn letter_escape(&mut self) -> Result<char> {
        let Some(letter) = self.peek() else { return Err(invalid("invalid escape \\ sequence")) };
        self.at += 1;
        Ok(match letter {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'B' => '\\',
            'e' => '\u{1b}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'c' => match self.peek() {
                Some(control) => {
                    self.at += 1;
                    char::from_u32(control as u32 & 31).unwrap_or_default()
                }
                None => return Err(invalid("invalid escape \\ sequence")),
            },
            'u' => self.coded(16, 4, 4)?,
            'U' => self.coded(16, 8, 8)?,
            'x' => self.coded(16, 1, 255)?,
            '0'..='7' => {
                self.at -= 1;
                self.coded(8, 1, 3)?
            }
            letter if letter.is_ascii_alphanumeric() => return Err(invalid("invalid escape \\ sequence")),
            letter => letter,
        })
    }

    fn coded(&mut self, base: u32, least: usize, most: usize) -> Result<char> {
        let digits: Vec<u32> =
            self.letters[self.at..].iter().take(most).map_while(|letter| letter.to_digit(base)).collect();
        self.at += digits.len();
        let point = digits.iter().fold(0u32, |point, digit| point.saturating_mul(base).saturating_add(*digit));
        char::from_u32(point).filter(|_| digits.len() >= least).ok_or_else(|| invalid("invalid escape \\ sequence"))
    }

    fn bracket(&mut self) -> Result<Node> {
        // `[[:<:]]` and `[[:>:]]`, as in BSD.
        for (sign, place) in [("[:<:]]", Place::WordStart), ("[:>:]]", Place::WordEnd)] {
            if self.take(sign) {
                return Ok(Node::At(place));
            }
        }
        let negated = self.take("^");
        let mut set = Set::default();
        let mut first = true;
        while first || self.peek() != Some(']') {
            let item = self.item(first)?;
            set.add(&item);
            first = false;
        }
        self.at += 1;
        let set = if self.flags.any_case { set.any_case() } else { set };
        if !negated {
            return Ok(Node::One(set));
        }
        let set = set.complement();
        Ok(Node::One(if self.flags.line_classes { set.without('\n') } else { set }))
    }

    /// A character, a range or a class inside brackets.
    fn item(&mut self, first: bool) -> Result<Set> {
        if self.take("[:") {
            let name = self.until(":]")?;
            return Set::class(&name).ok_or_else(|| invalid("invalid character class"));
        }
        if self.take("[=") {
            let name = self.until("=]")?;
            return Ok(Set::of(element(&name)?));
        }
        if self.looks_at("\\") {
            self.at += 1;
            if let Some(set) = self.class_escape() {
                return Ok(set);
            }
            self.at -= 1;
        }
        let start = self.endpoint(first)?;
        let is_range = self.looks_at("-") && self.letters.get(self.at + 1).is_some_and(|next| *next != ']');
        if !is_range {
            return Ok(Set::of(start));
        }
        self.at += 1;
        if self.looks_at("[:") || self.looks_at("[=") {
            return Err(invalid("invalid character range"));
        }
        let end = self.endpoint(true)?;
        if end < start { Err(invalid("invalid character range")) } else { Ok(Set::range(start, end)) }
    }

    fn endpoint(&mut self, bracket_is_plain: bool) -> Result<char> {
        if self.take("[.") {
            let name = self.until(".]")?;
            return element(&name);
        }
        let Some(letter) = self.peek() else { return Err(invalid("brackets [] not balanced")) };
        if letter == ']' && !bracket_is_plain {
            return Err(invalid("brackets [] not balanced"));
        }
        self.at += 1;
        if letter == '\\' { self.letter_escape() } else { Ok(letter) }
    }

    fn until(&mut self, end: &str) -> Result<String> {
        let start = self.at;
        while !self.looks_at(end) {
            if self.at >= self.letters.len() {
                return Err(invalid("brackets [] not balanced"));
            }
            self.at += 1;
        }
        let name = self.letters[start..self.at].iter().collect();
        self.at += end.len();
        Ok(name)
    }
}

/// A collating element: a character, or the name of one of ASCII's signs.
fn element(name: &str) -> Result<char> {
    let mut letters = name.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        return Ok(letter);
    }
    let known = [
        ("hyphen", '-'),
        ("hyphen-minus", '-'),
        ("period", '.'),
        ("full-stop", '.'),
        ("comma", ','),
        ("space", ' '),
        ("tab", '\t'),
        ("newline", '\n'),
        ("left-square-bracket", '['),
        ("right-square-bracket", ']'),
        ("circumflex", '^'),
        ("backslash", '\\'),
        ("slash", '/'),
        ("underscore", '_'),
        ("colon", ':'),
        ("semicolon", ';'),
    ];
    known
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, letter)| letter)
        .ok_or_else(|| invalid("invalid collating element"))
}
