//! `pg_get_keywords()`, and pairs of vectors.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::function::function;

/// PostgreSQL's words, one a line: word, category, whether it may be an output's name without AS.
const LINES: &str = include_str!("keywords.txt");

/// The columns of `pg_get_keywords()` as arrays, and the pairs of `_pg_expandarray`.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let column = |at: usize| LINES.lines().map(move |line| line.split(' ').nth(at).unwrap_or_default());
    let category = |code: &str| match code {
        "U" => "unreserved",
        "C" => "unreserved (cannot be function or type name)",
        "T" => "reserved (can be function or type name)",
        _ => "reserved",
    };
    let label = |bare: &str| if bare == "t" { "can be bare label" } else { "requires AS" };
    vec![
        texts("pg_get_keywords_word[]", column(0).collect()),
        texts("pg_get_keywords_catcode[]", column(1).collect()),
        texts("pg_get_keywords_barelabel[]", column(2).collect()),
        texts("pg_get_keywords_catdesc[]", column(1).map(category).collect()),
        texts("pg_get_keywords_baredesc[]", column(2).map(label).collect()),
        function("pairs[]", DataType::List(Arc::new(Field::new_list_field(pair(), true))), |arguments| {
            pairs(arguments.first())
        }),
    ]
}

/// A function that answers these texts.
pub(super) fn texts(name: &str, values: Vec<&'static str>) -> ScalarUDF {
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    let values: Vec<ScalarValue> = values.into_iter().map(ScalarValue::from).collect();
    function(name, list, move |_| Ok(ScalarValue::List(ScalarValue::new_list(&values, &DataType::Utf8, true))))
}

fn pair() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)))
}

/// `{a, b}` → `{{a, 1}, {b, 2}}`.
fn pairs(vector: Option<&ScalarValue>) -> Result<ScalarValue> {
    let mut found = Vec::new();
    if let Some(ScalarValue::List(list)) = vector
        && !list.is_empty()
        && !list.is_null(0)
    {
        let values = list.value(0);
        for at in 0..values.len() {
            let value = ScalarValue::try_from_array(&values, at)?.cast_to(&DataType::Int64)?;
            let number = ScalarValue::Int64(Some(at as i64 + 1));
            found.push(ScalarValue::List(ScalarValue::new_list(&[value, number], &DataType::Int64, true)));
        }
    }
    Ok(ScalarValue::List(ScalarValue::new_list(&found, &pair(), true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_numbered() {
        let items = [ScalarValue::Int16(Some(7)), ScalarValue::Int16(Some(3))];
        let vector = ScalarValue::List(ScalarValue::new_list(&items, &DataType::Int16, true));
        assert_eq!(pairs(Some(&vector)).unwrap().to_string(), "[[7, 1], [3, 2]]");
    }
}
