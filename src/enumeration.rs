//! Enum types: labels in an order of their own.
//!
//! A value is a number, of the Arrow type `Duration(s)`, which stands for nothing else here. Its upper bits tell the type and its lower
//! bits the label's place in the order, with room between neighbours. So values of one type compare, hash and group as numbers, and
//! each finds its label even where nobody remembers its type. Labels that are added later take a place between, before or after the
//! others; renaming one changes no value. Hence whatever is kept anywhere (views, indexes, plans) stays right when a type changes.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock, Weak};

use datafusion::arrow::datatypes::{DataType, TimeUnit};

use crate::error::{Error, Result, code};

/// The Arrow type of enum values.
pub const ARROW: DataType = DataType::Duration(TimeUnit::Second);

/// Object identities of types that users make, their array types and their labels, begin here; those of relations end before. They
/// are unique in the process, so that a value finds its type.
pub const FIRST_TYPE_ID: u32 = 1 << 24;
/// Identity of PostgreSQL's `anyenum` and `anyarray`: of values whose type nobody remembers.
const ANY_ENUM: (u32, u32) = (3500, 2277);
/// Bits of a value that tell the place in the order.
const PLACE_BITS: u32 = 40;
/// Room that is left behind the last label when another one is added.
const STEP: i64 = 1 << 28;
/// Bytes of a label at most, as in PostgreSQL.
const LABEL_BYTES_MAX: usize = 63;

static NEXT_ID: AtomicU32 = AtomicU32::new(FIRST_TYPE_ID);
static TYPES: LazyLock<RwLock<HashMap<u32, Weak<Definition>>>> = LazyLock::new(RwLock::default);

/// Identities, one after the other, for types, array types and labels: the first of `count` that nothing else has. The array type of a
/// type has the one behind the type's. Errors: 54000 when there are no more.
pub fn next_type_ids(count: u32) -> Result<u32> {
    let id = NEXT_ID.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |id| {
        id.checked_add(count).filter(|next| *next < FIRST_TYPE_ID + (1 << 22))
    });
    id.map_err(|_| Error::new(code::PROGRAM_LIMIT_EXCEEDED, "too many types were made since the server was started"))
}

/// An enum type. Clones are the same type; it exists until the last clone is gone.
#[derive(Clone)]
pub struct EnumType(Arc<Definition>);

struct Definition {
    oid: u32,
    array_oid: u32,
    labels: RwLock<Arc<Labels>>,
}

/// A type's name and its labels, in order, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// The type's full name.
    pub type_name: String,
    labels: Vec<Label>,
}

/// One label.
#[derive(Debug, Clone)]
pub struct Label {
    /// As it is written.
    pub text: String,
    /// Its identity.
    pub oid: u32,
    /// PostgreSQL's `enumsortorder`.
    pub sort_order: f32,
    /// The value that it is shown for.
    pub value: i64,
}

/// Where ADD VALUE puts a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Behind all others.
    Last,
    /// In front of this one.
    Before(String),
    /// Behind this one.
    After(String),
}

impl EnumType {
    /// A new type. Errors: 42602 for a label that is none, 23505 for one that is given twice.
    pub fn new(name: &str, labels: &[String]) -> Result<EnumType> {
        let oid = next_type_ids(2)?;
        let step = (1_i64 << (PLACE_BITS - 1)) / (labels.len() as i64 + 1);
        if step < 2 {
            return Err(full(name));
        }
        let mut all = Labels { type_name: name.to_string(), labels: Vec::with_capacity(labels.len()) };
        for (at, text) in labels.iter().enumerate() {
            check_label(text)?;
            if all.value_of(text).is_some() {
                let message = "duplicate key value violates unique constraint \"pg_enum_typid_label_index\"";
                let detail = format!("Key (enumtypid, enumlabel)=({oid}, {text}) already exists.");
                return Err(Error::new(code::UNIQUE_VIOLATION, message).detail(detail));
            }
            let value = first_value(oid) + step * (at as i64 + 1);
            all.labels.push(Label { text: text.clone(), oid: next_type_ids(1)?, sort_order: at as f32 + 1.0, value });
        }
        let definition = Arc::new(Definition { oid, array_oid: oid + 1, labels: RwLock::new(Arc::new(all)) });
        let mut types = TYPES.write().unwrap_or_else(PoisonError::into_inner);
        types.insert(oid, Arc::downgrade(&definition));
        Ok(EnumType(definition))
    }

    /// The type of that identity.
    pub fn by_oid(oid: u32) -> Option<EnumType> {
        let types = TYPES.read().unwrap_or_else(PoisonError::into_inner);
        types.get(&oid).and_then(Weak::upgrade).map(EnumType)
    }

    /// The type whose arrays have that identity.
    pub fn by_array_oid(oid: u32) -> Option<EnumType> {
        EnumType::by_oid(oid.checked_sub(1)?)
    }

    /// The type of a value; `None` if it was dropped.
    pub fn of_value(value: i64) -> Option<EnumType> {
        u32::try_from(value >> PLACE_BITS).ok().and_then(|number| EnumType::by_oid(FIRST_TYPE_ID + number))
    }

    /// Stands for the type of values of which it is not known.
    pub fn any() -> EnumType {
        static ANY: LazyLock<EnumType> = LazyLock::new(|| {
            let labels = Labels { type_name: "anyenum".to_string(), labels: Vec::new() };
            let (oid, array_oid) = ANY_ENUM;
            EnumType(Arc::new(Definition { oid, array_oid, labels: RwLock::new(Arc::new(labels)) }))
        });
        ANY.clone()
    }

    /// Whether it is [`EnumType::any`].
    pub fn is_any(&self) -> bool {
        self.0.oid == ANY_ENUM.0
    }

    /// Its identity.
    pub fn oid(&self) -> u32 {
        self.0.oid
    }

    /// The identity of the type of its arrays.
    pub fn array_oid(&self) -> u32 {
        self.0.array_oid
    }

    /// Its name and labels as they are now.
    pub fn labels(&self) -> Arc<Labels> {
        Arc::clone(&self.0.labels.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The value of a label. Errors: 22P02.
    pub fn value_of(&self, text: &str) -> Result<i64> {
        let labels = self.labels();
        labels.value_of(text).ok_or_else(|| {
            let message = format!("invalid input value for enum {}: \"{text}\"", labels.type_name);
            Error::new(code::INVALID_TEXT_REPRESENTATION, message)
        })
    }

    /// Gives the type another name.
    pub fn rename(&self, name: &str) {
        self.change(|labels| labels.type_name = name.to_string());
    }

    /// Adds a label. Errors: 42710 if it exists, 22023 if its neighbour does not.
    pub fn add(&self, text: &str, place: &Place) -> Result<()> {
        check_label(text)?;
        let mut labels = Labels::clone(&self.labels());
        if labels.value_of(text).is_some() {
            return Err(exists(text));
        }
        let (at, neighbours) = labels.gap(place)?;
        let first = first_value(self.0.oid);
        let (lower, upper) = (neighbours[0].map_or(first, |label| label.value), neighbours[1].map(|label| label.value));
        let step = match upper {
            Some(upper) => (upper - lower) / 2,
            None => STEP.min((first + (1 << PLACE_BITS) - lower) / 2),
        };
        if step == 0 {
            return Err(full(&labels.type_name));
        }
        let sort_order = match neighbours.map(|label| label.map(|label| label.sort_order)) {
            [Some(lower), Some(upper)] => (lower + upper) / 2.0,
            [Some(lower), None] => lower + 1.0,
            [None, Some(upper)] => upper - 1.0,
            [None, None] => 1.0,
        };
        let label = Label { text: text.to_string(), oid: next_type_ids(1)?, sort_order, value: lower + step };
        labels.labels.insert(at, label);
        self.change(|before| *before = labels);
        Ok(())
    }

    /// Gives a label another text. Errors: 22023 if there is no such one, 42710 if the other exists.
    pub fn rename_label(&self, from: &str, to: &str) -> Result<()> {
        check_label(to)?;
        let labels = self.labels();
        let at = labels.position(from)?;
        if labels.value_of(to).is_some() {
            return Err(exists(to));
        }
        self.change(|labels| labels.labels[at].text = to.to_string());
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut Labels)) {
        let mut labels = self.0.labels.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut labels));
    }
}

impl Labels {
    /// All labels, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Label> {
        self.labels.iter()
    }

    /// The value of a label.
    pub fn value_of(&self, text: &str) -> Option<i64> {
        self.labels.iter().find(|label| label.text == text).map(|label| label.value)
    }

    /// The label of a value.
    pub fn text_of(&self, value: i64) -> Option<&str> {
        let at = self.labels.binary_search_by_key(&value, |label| label.value).ok()?;
        Some(&self.labels[at].text)
    }

    fn position(&self, text: &str) -> Result<usize> {
        self.labels.iter().position(|label| label.text == text).ok_or_else(|| {
            Error::new(code::INVALID_PARAMETER_VALUE, format!("\"{text}\" is not an existing enum label"))
        })
    }

    /// Where a label of that place goes, and its neighbours.
    fn gap(&self, place: &Place) -> Result<(usize, [Option<&Label>; 2])> {
        let at = match place {
            Place::Last => self.labels.len(),
            Place::Before(other) => self.position(other)?,
            Place::After(other) => self.position(other)? + 1,
        };
        Ok((at, [at.checked_sub(1).and_then(|before| self.labels.get(before)), self.labels.get(at)]))
    }
}

/// Writes the labels of values; quick where all are of one type.
#[derive(Debug, Default)]
pub struct LabelWriter {
    type_of: Option<u32>,
    labels: Arc<Labels>,
}

impl LabelWriter {
    /// A writer for values of which this is one.
    pub fn new(first: Option<i64>) -> LabelWriter {
        match first.and_then(EnumType::of_value) {
            Some(found) => LabelWriter { type_of: Some(found.oid()), labels: found.labels() },
            None => LabelWriter::default(),
        }
    }

    /// Gives the label of a value to `write`; that of a type that was dropped meanwhile is empty.
    pub fn write<T>(&self, value: i64, write: impl FnOnce(&str) -> T) -> T {
        if self.type_of.is_some_and(|oid| first_value(oid) == value & !((1 << PLACE_BITS) - 1)) {
            return write(self.labels.text_of(value).unwrap_or_default());
        }
        let labels = EnumType::of_value(value).map(|found| found.labels()).unwrap_or_default();
        write(labels.text_of(value).unwrap_or_default())
    }
}

impl Drop for Definition {
    fn drop(&mut self) {
        TYPES.write().unwrap_or_else(PoisonError::into_inner).remove(&self.oid);
    }
}

impl PartialEq for EnumType {
    fn eq(&self, other: &Self) -> bool {
        self.0.oid == other.0.oid
    }
}

impl Eq for EnumType {}

impl Hash for EnumType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.oid.hash(state);
    }
}

impl fmt::Debug for EnumType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "enum {} ({})", self.labels().type_name, self.0.oid)
    }
}

/// What all values of a type are above.
fn first_value(oid: u32) -> i64 {
    i64::from(oid.saturating_sub(FIRST_TYPE_ID)) << PLACE_BITS
}

fn check_label(text: &str) -> Result<()> {
    if text.is_empty() || text.len() > LABEL_BYTES_MAX {
        let detail = format!("Labels must be {LABEL_BYTES_MAX} bytes or less.");
        return Err(Error::new("42602", format!("invalid enum label \"{text}\"")).detail(detail));
    }
    Ok(())
}

fn exists(text: &str) -> Error {
    Error::new(code::DUPLICATE_OBJECT, format!("enum label \"{text}\" already exists"))
}

fn full(name: &str) -> Error {
    let message = format!("no more labels fit into this place of enum {name}");
    Error::new(code::PROGRAM_LIMIT_EXCEEDED, message).hint("make a new type with all labels")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_keep_their_order_and_labels() {
        let mood = EnumType::new("mood", &labels(&["sad", "ok", "happy"])).unwrap();
        let ok = mood.value_of("ok").unwrap();
        mood.add("fine", &Place::After("ok".into())).unwrap();
        mood.add("awful", &Place::Before("sad".into())).unwrap();
        mood.add("ecstatic", &Place::Last).unwrap();
        let order = ["awful", "sad", "ok", "fine", "happy", "ecstatic"];
        let values: Vec<i64> = order.iter().map(|label| mood.value_of(label).unwrap()).collect();
        assert!(values.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(mood.value_of("ok").unwrap(), ok);
        let orders: Vec<f32> = mood.labels().iter().map(|label| label.sort_order).collect();
        assert_eq!(orders, [0.0, 1.0, 2.0, 2.5, 3.0, 4.0]);
        mood.rename_label("ok", "okay").unwrap();
        assert_eq!(LabelWriter::default().write(ok, str::to_string), "okay");
        assert_eq!(LabelWriter::new(Some(ok)).write(values[3], str::to_string), "fine");
        assert_eq!(mood.value_of("ok").unwrap_err().message, "invalid input value for enum mood: \"ok\"");
        assert_eq!(EnumType::of_value(ok), Some(mood.clone()));
        drop(mood);
        assert_eq!(EnumType::of_value(ok), None);
    }

    #[test]
    fn labels_are_checked() {
        let code = |result: Result<()>| result.unwrap_err().code;
        let made = |texts: &[&str]| EnumType::new("e", &labels(texts)).map(|_| ());
        assert_eq!(code(made(&["a", "a"])), code::UNIQUE_VIOLATION);
        assert_eq!(code(made(&[""])), "42602");
        assert_eq!(code(made(&["x".repeat(64).as_str()])), "42602");
        let one = EnumType::new("e", &labels(&["a"])).unwrap();
        assert_eq!(code(one.add("a", &Place::Last)), code::DUPLICATE_OBJECT);
        assert_eq!(code(one.add("b", &Place::After("c".into()))), code::INVALID_PARAMETER_VALUE);
        assert_eq!(code(one.rename_label("c", "d")), code::INVALID_PARAMETER_VALUE);
    }

    /// Every place has room for many labels, and says so when it has no more.
    #[test]
    fn places_fill_up() {
        let one = EnumType::new("e", &labels(&["a", "b", "c"])).unwrap();
        let added = (0..100).take_while(|n| one.add(&format!("x{n}"), &Place::Before("b".into())).is_ok()).count();
        assert!((30..100).contains(&added), "{added}");
        let added = (0..2_000).take_while(|n| one.add(&format!("y{n}"), &Place::Last).is_ok()).count();
        assert_eq!(added, 2_000);
    }
}
