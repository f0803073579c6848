//! Types of values with fields: anonymous ones, of `ROW(…)` and of whole rows of relations, and composite types, which have a name.

use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, Fields};

use super::{SqlType, TYPE_MARK};

/// What the metadata of a column of a composite type begins with; the type's name follows.
const COMPOSITE: &str = "composite:";

/// What a type with a name is: a composite type, or the type of a table's rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CompositeName {
    /// Its identity in `pg_type`.
    pub oid: u32,
    /// Its name, with the schema in front if that is not `public`.
    pub name: String,
}

impl CompositeName {
    fn tag(&self) -> String {
        format!("{}:{}", self.oid, self.name)
    }

    fn read(tag: &str) -> Option<CompositeName> {
        let (oid, name) = tag.split_once(':')?;
        Some(CompositeName { oid: oid.parse().ok()?, name: name.to_string() })
    }
}

/// The fields of a row type, in order. Names may repeat.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowType {
    /// What it is called; anonymous rows have no name.
    pub name: Option<CompositeName>,
    /// Name and type of each field.
    pub fields: Vec<(String, SqlType)>,
}

impl RowType {
    /// The type of `ROW(…)`, whose fields are `f1`, `f2`, ….
    pub fn anonymous(types: impl IntoIterator<Item = SqlType>) -> RowType {
        let named = |(number, sql_type)| (format!("f{}", number + 1), sql_type);
        RowType { name: None, fields: types.into_iter().enumerate().map(named).collect() }
    }

    /// The place and the type of a field; of equal names the first.
    pub fn field(&self, name: &str) -> Option<(usize, &SqlType)> {
        self.fields.iter().enumerate().find(|(_, (known, _))| known == name).map(|(at, (_, sql_type))| (at, sql_type))
    }

    /// The name as messages show it.
    pub fn shown_name(&self) -> &str {
        self.name.as_ref().map_or("record", |composite| &composite.name)
    }

    /// The fields of the struct that holds such values.
    pub(super) fn arrow_fields(&self) -> Fields {
        self.fields.iter().map(|(name, sql_type)| Arc::new(sql_type.field(name))).collect()
    }

    /// What a column's metadata says of the type; nothing for anonymous ones.
    pub(super) fn tag(&self) -> Option<String> {
        self.name.as_ref().map(|name| format!("{COMPOSITE}{}", name.tag()))
    }

    /// The type of a struct with these fields, in a column whose metadata is `tag`.
    pub(super) fn of(fields: &Fields, tag: Option<&str>) -> RowType {
        let name = tag.and_then(|tag| tag.strip_prefix(COMPOSITE)).and_then(CompositeName::read);
        let field = |field: &FieldRef| (field.name().clone(), SqlType::of(field));
        RowType { name, fields: fields.iter().map(field).collect() }
    }

    /// The type in one line, fields included, as [`RowType::read`] takes it; `spelled` writes the fields' types.
    fn spelled(&self) -> String {
        let name = self.name.as_ref().map(|name| quoted(&name.tag())).unwrap_or_default();
        let field = |(name, sql_type): &(String, SqlType)| format!("{} {}", quoted(name), sql_type.spelled());
        format!("row{name}({})", self.fields.iter().map(field).collect::<Vec<_>>().join(","))
    }

    /// The type that [`SqlType::spelled`] wrote; `None` if it is no row type. `read` reads the fields' types.
    pub fn read(text: &str, read: impl Fn(&str) -> Option<SqlType>) -> Option<RowType> {
        let mut rest = text.strip_prefix("row")?;
        let name = match rest.starts_with('"') {
            true => Some(CompositeName::read(&unquoted(&mut rest)?)?),
            false => None,
        };
        let mut inside = rest.strip_prefix('(')?.strip_suffix(')')?;
        let mut fields = Vec::new();
        while !inside.is_empty() {
            let field = unquoted(&mut inside)?;
            let end = type_end(inside);
            fields.push((field, read(inside[..end].trim_start())?));
            inside = inside[end..].strip_prefix(',').unwrap_or_default();
        }
        Some(RowType { name, fields })
    }
}

impl SqlType {
    /// How expressions name the type, with everything that makes it what it is: also the fields of a row, which its name does not tell.
    pub fn spelled(&self) -> String {
        match self {
            SqlType::Row(row) => row.spelled(),
            // Types of users by identity: names may be taken over by others.
            SqlType::Enum(found) => format!("{TYPE_MARK}{}", found.oid()),
            SqlType::Named(name) => format!("{TYPE_MARK}{name}"),
            SqlType::Char(0) => "bpchar".to_string(),
            SqlType::Array(item) => format!("{}[]", item.spelled()),
            other => other.to_string(),
        }
    }

    /// The type's name, with the fields of rows that have none.
    pub fn described(&self) -> String {
        match self {
            SqlType::Row(row) if row.name.is_none() => row.spelled(),
            SqlType::Array(item) => format!("{}[]", item.element().described()),
            other => other.to_string(),
        }
    }

    /// The fields, if values of the type have some.
    pub fn row(&self) -> Option<&RowType> {
        match self {
            SqlType::Row(row) => Some(row),
            _ => None,
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Takes a name in quotes from the beginning of a text.
fn unquoted(text: &mut &str) -> Option<String> {
    let mut name = String::new();
    let mut letters = text.strip_prefix('"')?.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != '"' {
            name.push(letter);
        } else if letters.next_if(|(_, next)| *next == '"').is_some() {
            name.push('"');
        } else {
            *text = &text[at + 2..];
            return Some(name);
        }
    }
    None
}

/// Where the type at the beginning of a text ends: before a comma that is in no parentheses and no quotes.
fn type_end(text: &str) -> usize {
    let (mut depth, mut in_quotes) = (0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => in_quotes = !in_quotes,
            '(' if !in_quotes => depth += 1,
            ')' if !in_quotes => depth -= 1,
            ',' if !in_quotes && depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<SqlType> {
        match text {
            "integer" => Some(SqlType::Integer),
            "numeric(5,2)" => Some(SqlType::Numeric(5, 2)),
            "text[]" => Some(SqlType::Array(Box::new(SqlType::Text))),
            row => RowType::read(row, read).map(|row| SqlType::Row(Arc::new(row))),
        }
    }

    #[test]
    fn what_is_spelled_is_read_again() {
        let inner = RowType {
            name: Some(CompositeName { oid: 7, name: "a \"b\"(,:".to_string() }),
            fields: vec![("x,\"".to_string(), SqlType::Numeric(5, 2))],
        };
        let fields = vec![
            ("n".to_string(), SqlType::Integer),
            ("inner".to_string(), SqlType::Row(Arc::new(inner))),
            ("(".to_string(), SqlType::Array(Box::new(SqlType::Text))),
        ];
        for fields in [fields, Vec::new()] {
            let sql_type = SqlType::Row(Arc::new(RowType { name: None, fields }));
            assert_eq!(read(&sql_type.spelled()), Some(sql_type.clone()));
            assert_eq!(SqlType::of(&sql_type.field("c")), sql_type);
        }
    }
}
