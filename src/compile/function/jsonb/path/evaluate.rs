//! Paths applied to documents. In lax mode arrays are opened where a path asks for what is in objects or compares, and what is not there is
//! passed over; in strict mode both are errors. A condition that fails is unknown.

use super::super::super::order::number as sortable;
use super::super::value::{Json, find};
use super::number::Decimal;
use super::tree::{Condition, Expression, Method, Path, Step};
use crate::error::{Error, code};

/// Why a path leads nowhere.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether a silent call answers NULL instead.
    pub(super) can_be_silent: bool,
}

impl Failure {
    /// A failure that can be silenced.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { error: Error::new(code, message), can_be_silent: true }
    }
}

type Outcome<T> = Result<T, Failure>;

/// What holds for a whole path.
pub(super) struct Run<'a> {
    strict: bool,
    root: &'a Json,
    variables: &'a [(String, Json)],
}

/// What holds at one place of it.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// `@`
    current: &'a Json,
    /// Length of the array that is subscripted.
    length: Option<usize>,
}

impl<'a> Run<'a> {
    /// For a path over a document with variables.
    pub(super) fn new(path: &Path, root: &'a Json, variables: &'a [(String, Json)]) -> Run<'a> {
        Run { strict: path.strict, root, variables }
    }

    fn expression(&self, expression: &Expression, place: Place) -> Outcome<Vec<Json>> {
        Ok(match expression {
            Expression::Root => vec![self.root.clone()],
            Expression::Current => vec![place.current.clone()],
            Expression::Last => match place.length {
                Some(length) => vec![Json::Number((length as i64 - 1).to_string())],
                None => return Err(fatal(code::SYNTAX_ERROR, "LAST is allowed only in array subscripts")),
            },
            Expression::Variable(name) => match self.variables.iter().find(|(known, _)| known == name) {
                Some((_, value)) => vec![value.clone()],
                None => {
                    let message = format!("could not find jsonpath variable \"{name}\"");
                    return Err(fatal(code::UNDEFINED_OBJECT, message));
                }
            },
            Expression::Constant(value) => vec![value.clone()],
            Expression::Steps(start, steps) => {
                let mut items = self.expression(start, place)?;
                let mut strict = self.strict;
                for step in steps {
                    items = self.step(step, items, place, strict)?;
                    // Below a wildcard of any depth, things differ in shape.
                    strict &= !matches!(step, Step::AnyDepth(..));
                }
                items
            }
            Expression::Negative(inner) => self.signed(inner, place, '-', Decimal::negated)?,
            Expression::Positive(inner) => self.signed(inner, place, '+', |number| number)?,
            Expression::Arithmetic(left, operator, right) => {
                let left = self.operand(left, place, *operator, "left")?;
                let right = self.operand(right, place, *operator, "right")?;
                vec![Json::Number(left.apply(*operator, right)?.text())]
            }
            Expression::Condition(condition) => {
                vec![self.condition(condition, place)?.map_or(Json::Null, Json::Boolean)]
            }
        })
    }

    /// The items of an expression, with arrays opened in lax mode.
    fn opened(&self, expression: &Expression, place: Place) -> Outcome<Vec<Json>> {
        let items = self.expression(expression, place)?;
        Ok(if self.strict { items } else { open(items) })
    }

    fn signed(
        &self,
        inner: &Expression,
        place: Place,
        sign: char,
        apply: fn(Decimal) -> Decimal,
    ) -> Outcome<Vec<Json>> {
        let number = |item: Json| match item {
            Json::Number(digits) => Ok(Json::Number(apply(Decimal::parse(&digits)?).text())),
            _ => {
                let message = format!("operand of unary jsonpath operator {sign} is not a numeric value");
                Err(Failure::new("2203B", message))
            }
        };
        self.opened(inner, place)?.into_iter().map(number).collect()
    }

    fn operand(&self, operand: &Expression, place: Place, operator: char, side: &str) -> Outcome<Decimal> {
        match self.opened(operand, place)?.as_slice() {
            [Json::Number(digits)] => Decimal::parse(digits),
            _ => {
                let message = format!("{side} operand of jsonpath operator {operator} is not a single numeric value");
                Err(Failure::new("22038", message))
            }
        }
    }

    fn step(&self, step: &Step, items: Vec<Json>, place: Place, strict: bool) -> Outcome<Vec<Json>> {
        // These look into arrays in lax mode.
        let opens = match step {
            Step::Member(_) | Step::AnyMember | Step::Filter(_) => true,
            Step::Method(method) => !matches!(method, Method::Type | Method::Size),
            _ => false,
        };
        let items = if opens && !self.strict { open(items) } else { items };
        let mut found = Vec::new();
        for item in items {
            match step {
                Step::Filter(condition) => {
                    if self.condition(condition, Place { current: &item, ..place })? == Some(true) {
                        found.push(item);
                    }
                }
                Step::Elements(ranges) => self.elements(ranges, item, place, strict, &mut found)?,
                Step::Method(method) => apply(*method, item, strict, &mut found)?,
                Step::AnyDepth(from, to) => {
                    below(&item, 0, from.unwrap_or(u32::MAX), to.unwrap_or(u32::MAX), *from, &mut found);
                }
                other => inside(other, item, strict, &mut found)?,
            }
        }
        Ok(found)
    }

    fn elements(
        &self,
        ranges: &[(Expression, Option<Expression>)],
        item: Json,
        place: Place,
        strict: bool,
        found: &mut Vec<Json>,
    ) -> Outcome<()> {
        let elements = match item {
            Json::Array(elements) => elements,
            _ if strict => {
                return Err(Failure::new("22039", "jsonpath array accessor can only be applied to an array"));
            }
            other => vec![other],
        };
        let inner = Place { length: Some(elements.len()), ..place };
        for (from, to) in ranges {
            let first = self.subscript(from, inner)?;
            let last = match to {
                Some(to) => self.subscript(to, inner)?,
                None => first,
            };
            let length = elements.len() as i128;
            if strict && (first < 0 || first > last || last >= length) {
                return Err(Failure::new("22033", "jsonpath array subscript is out of bounds"));
            }
            let (first, last) = (first.max(0), last.min(length - 1));
            if first <= last {
                found.extend_from_slice(&elements[first as usize..=last as usize]);
            }
        }
        Ok(())
    }

    fn subscript(&self, expression: &Expression, place: Place) -> Outcome<i128> {
        match self.expression(expression, place)?.as_slice() {
            [Json::Number(digits)] => Ok(Decimal::parse(digits)?.truncated()),
            _ => Err(Failure::new("22033", "jsonpath array subscript is not a single numeric value")),
        }
    }

    /// `None` is unknown.
    fn condition(&self, condition: &Condition, place: Place) -> Outcome<Option<bool>> {
        match condition {
            Condition::And(left, right) => Ok(match self.condition(left, place)? {
                Some(false) => Some(false),
                left => match self.condition(right, place)? {
                    Some(true) => left,
                    right => right,
                },
            }),
            Condition::Or(left, right) => Ok(match self.condition(left, place)? {
                Some(true) => Some(true),
                left => match self.condition(right, place)? {
                    Some(false) => left,
                    right => right,
                },
            }),
            Condition::Not(inner) => Ok(self.condition(inner, place)?.map(|value| !value)),
            Condition::IsUnknown(inner) => Ok(Some(self.condition(inner, place)?.is_none())),
            Condition::Exists(inner) => Ok(unknown(self.expression(inner, place))?.map(|items| !items.is_empty())),
            Condition::Compare(left, operator, right) => {
                let (left, right) = (self.opened(left, place), self.opened(right, place));
                self.some_pair(left, right, |a, b| compare(a, operator, b))
            }
            Condition::StartsWith(left, right) => {
                let (left, right) = (self.opened(left, place), self.expression(right, place));
                self.some_pair(left, right, |a, b| match (a, b) {
                    (Json::String(text), Json::String(start)) => Some(text.starts_with(start.as_str())),
                    _ => None,
                })
            }
            Condition::LikeRegex(left, regex) => {
                let left = self.opened(left, place);
                self.some_pair(left, Ok(vec![Json::Null]), |a, _| match a {
                    Json::String(text) => Some(regex.is_match(text)),
                    _ => None,
                })
            }
        }
    }

    /// Whether a condition holds for some pair of items.
    fn some_pair(
        &self,
        left: Outcome<Vec<Json>>,
        right: Outcome<Vec<Json>>,
        holds: impl Fn(&Json, &Json) -> Option<bool>,
    ) -> Outcome<Option<bool>> {
        let (Some(left), Some(right)) = (unknown(left)?, unknown(right)?) else { return Ok(None) };
        let (mut found, mut failed) = (false, false);
        for a in &left {
            for b in &right {
                match holds(a, b) {
                    Some(true) if !self.strict => return Ok(Some(true)),
                    Some(true) => found = true,
                    Some(false) => {}
                    None if self.strict => return Ok(None),
                    None => failed = true,
                }
            }
        }
        Ok(if found {
            Some(true)
        } else if failed {
            None
        } else {
            Some(false)
        })
    }
}

/// The items that a path leads to.
pub(super) fn query(run: &Run, path: &Path, root: &Json) -> Outcome<Vec<Json>> {
    run.expression(&path.expression, Place { current: root, length: None })
}

fn fatal(code: &'static str, message: impl Into<String>) -> Failure {
    Failure { error: Error::new(code, message), can_be_silent: false }
}

/// A failure inside of a condition makes it unknown.
fn unknown<T>(outcome: Outcome<T>) -> Outcome<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(failure) if failure.can_be_silent => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn open(items: Vec<Json>) -> Vec<Json> {
    let opened = items.into_iter().flat_map(|item| match item {
        Json::Array(elements) => elements,
        other => vec![other],
    });
    opened.collect()
}

/// Members, all members, all elements.
fn inside(step: &Step, item: Json, strict: bool, found: &mut Vec<Json>) -> Outcome<()> {
    match (step, item) {
        (Step::Member(name), Json::Object(mut members)) => match find(&members, name) {
            Ok(at) => found.push(members.swap_remove(at).1),
            Err(_) if strict => {
                return Err(Failure::new("2203A", format!("JSON object does not contain key \"{name}\"")));
            }
            Err(_) => {}
        },
        (Step::AnyMember, Json::Object(members)) => found.extend(members.into_iter().map(|(_, value)| value)),
        (Step::AnyElement, Json::Array(elements)) => found.extend(elements),
        (Step::AnyElement, other) if !strict => found.push(other),
        _ if !strict => {}
        (Step::Member(_), _) => {
            return Err(Failure::new("2203A", "jsonpath member accessor can only be applied to an object"));
        }
        (Step::AnyMember, _) => {
            return Err(Failure::new("2203C", "jsonpath wildcard member accessor can only be applied to an object"));
        }
        _ => return Err(Failure::new("22039", "jsonpath wildcard array accessor can only be applied to an array")),
    }
    Ok(())
}

/// The item and what is in it, from one level to another. No first level: only what has nothing in it.
fn below(item: &Json, level: u32, from: u32, to: u32, first: Option<u32>, found: &mut Vec<Json>) {
    let is_leaf = match item {
        Json::Array(elements) => elements.is_empty(),
        Json::Object(members) => members.is_empty(),
        _ => true,
    };
    if level >= from && level <= to || first.is_none() && is_leaf {
        found.push(item.clone());
    }
    if level >= to {
        return;
    }
    match item {
        Json::Array(elements) => elements.iter().for_each(|inner| below(inner, level + 1, from, to, first, found)),
        Json::Object(members) => members.iter().for_each(|(_, inner)| below(inner, level + 1, from, to, first, found)),
        _ => {}
    }
}

fn apply(method: Method, item: Json, strict: bool, found: &mut Vec<Json>) -> Outcome<()> {
    let numeric = |item: &Json, name: &str| match item {
        Json::Number(digits) => Decimal::parse(digits),
        _ => {
            let message = format!("jsonpath item method .{name}() can only be applied to a numeric value");
            Err(Failure::new("22036", message))
        }
    };
    found.push(match (method, item) {
        (Method::Type, item) => Json::String(item.kind().to_string()),
        (Method::Size, Json::Array(elements)) => Json::Number(elements.len().to_string()),
        (Method::Size, _) if strict => {
            return Err(Failure::new("22039", "jsonpath item method .size() can only be applied to an array"));
        }
        (Method::Size, _) => Json::Number("1".to_string()),
        (Method::Double, item) => double(item)?,
        (Method::Ceiling, item) => Json::Number(numeric(&item, "ceiling")?.whole(true).text()),
        (Method::Floor, item) => Json::Number(numeric(&item, "floor")?.whole(false).text()),
        (Method::Abs, item) => Json::Number(numeric(&item, "abs")?.absolute().text()),
        (Method::KeyValue, Json::Object(members)) => {
            found.extend(members.into_iter().map(|(name, value)| {
                let (id, key) = (Json::Number("0".to_string()), Json::String(name));
                Json::Object(vec![("id".to_string(), id), ("key".to_string(), key), ("value".to_string(), value)])
            }));
            return Ok(());
        }
        (Method::KeyValue, _) => {
            return Err(Failure::new("2203C", "jsonpath item method .keyvalue() can only be applied to an object"));
        }
    });
    Ok(())
}

fn double(item: Json) -> Outcome<Json> {
    let (text, number) = match &item {
        Json::Number(digits) => (digits, true),
        Json::String(text) => (text, false),
        _ => {
            let message = "jsonpath item method .double() can only be applied to a string or numeric value";
            return Err(Failure::new("22036", message));
        }
    };
    match text.trim().parse::<f64>().ok().filter(|value| value.is_finite()) {
        Some(_) if number => Ok(item),
        Some(value) => Ok(Json::Number(value.to_string())),
        None => {
            let what = if number { "numeric" } else { "string" };
            let message = format!(
                "{what} argument of jsonpath item method .double() is not a valid representation of a double precision number"
            );
            Err(Failure::new("22036", message))
        }
    }
}

fn compare(a: &Json, operator: &str, b: &Json) -> Option<bool> {
    let order = match (a, b) {
        (Json::Null, Json::Null) => std::cmp::Ordering::Equal,
        (Json::Null, _) | (_, Json::Null) => return Some(operator == "!="),
        (Json::Boolean(a), Json::Boolean(b)) => a.cmp(b),
        (Json::String(a), Json::String(b)) => a.cmp(b),
        (Json::Number(a), Json::Number(b)) => key(a).cmp(&key(b)),
        _ => return None,
    };
    Some(match operator {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn key(number: &str) -> Vec<u8> {
    let mut key = Vec::new();
    sortable::append(number, &mut key);
    key
}
