//! Errors as PostgreSQL gives them.

use super::complaint;
use crate::error::code;

/// SQLSTATE, message, position.
fn complained(sql: &str) -> (&'static str, String, Option<usize>) {
    let error = complaint(sql);
    (error.code, error.message, error.position)
}

#[test]
fn names() {
    let (code, message, position) = complained("SELECT prise FROM bids");
    assert_eq!(
        (code, message.as_str(), position),
        (code::UNDEFINED_COLUMN, "column \"prise\" does not exist", Some(8))
    );
    assert_eq!(complaint("SELECT prise FROM bids").hint.as_deref(), Some("did you mean \"price\"?"));
    assert_eq!(complained("SELECT b.prise FROM bids b").1, "column b.prise does not exist");
    assert_eq!(
        complained("SELECT c.price FROM bids b"),
        (code::UNDEFINED_TABLE, "missing FROM-clause entry for table \"c\"".to_string(), Some(8))
    );
    assert_eq!(
        complained("SELECT 1 FROM bid"),
        (code::UNDEFINED_TABLE, "relation \"bid\" does not exist".to_string(), Some(15))
    );
    assert_eq!(complaint("SELECT 1 FROM bid").hint.as_deref(), Some("did you mean \"bids\"?"));
    assert_eq!(complained("SELECT 1 FROM pg_catalog.nothing").1, "relation \"pg_catalog.nothing\" does not exist");
    assert_eq!(complained("SELECT x FROM t a, t b").0, code::AMBIGUOUS_COLUMN);
    assert_eq!(complained("SELECT x FROM t a, t b").1, "column reference \"x\" is ambiguous");
    assert_eq!(complained("SELECT 1 FROM t, t").0, "42712");
}

#[test]
fn functions_and_types() {
    assert_eq!(
        complained("SELECT lowwer('A')"),
        (code::UNDEFINED_FUNCTION, "function lowwer(unknown) does not exist".to_string(), Some(8))
    );
    assert_eq!(complaint("SELECT lowwer('A')").hint.as_deref(), Some("did you mean lower?"));
    assert_eq!(complained("SELECT nosuchthing(1)").0, code::UNDEFINED_FUNCTION);
    assert_eq!(complained("SELECT lower(5)").1, "function lower(integer) does not exist");
    assert_eq!(complained("SELECT x FROM t WHERE x").1, "argument of WHERE must be type boolean, not type integer");
    assert_eq!(complained("SELECT x FROM t LIMIT -1"), ("2201W", "LIMIT must not be negative".to_string(), None));
    assert_eq!(complained("SELECT DISTINCT x FROM t ORDER BY y").0, "42P10");
    assert_eq!(complained("SELECT active + 1 FROM people").0, code::UNDEFINED_FUNCTION);
    assert_eq!(complained("SELECT sum(name) FROM people").0, code::UNDEFINED_FUNCTION);
    assert_eq!(complained("SELECT x FROM t WHERE x").0, code::DATATYPE_MISMATCH);
}

#[test]
fn grouping() {
    let (code, message, position) = complained("SELECT x, y, count(*) FROM t GROUP BY x");
    assert_eq!(code, code::GROUPING_ERROR);
    assert_eq!(message, "column \"t.y\" must appear in the GROUP BY clause or be used in an aggregate function");
    assert_eq!(position, Some(11));
    assert_eq!(complained("SELECT x FROM t WHERE sum(y) > 1").0, code::GROUPING_ERROR);
}

#[test]
fn values_that_do_not_convert() {
    assert_eq!(complained("SELECT 'abc'::integer").0, code::INVALID_TEXT_REPRESENTATION);
    assert_eq!(complained("SELECT 'abc'::integer").1, "invalid input syntax for type integer: \"abc\"");
    assert_eq!(complained("SELECT '99999999999'::integer").1, "value \"99999999999\" is out of range for type integer");
    assert_eq!(complained("SELECT 40000::smallint").1, "smallint out of range");
    assert_eq!(complained("SELECT 'never'::timestamp").0, code::INVALID_DATETIME_FORMAT);
    assert_eq!(complained("SELECT 'never'::date").0, code::INVALID_DATETIME_FORMAT);
    assert_eq!(complained("SELECT 123.45::numeric(4,2)").0, code::NUMERIC_VALUE_OUT_OF_RANGE);
    assert_eq!(complained("SELECT (SELECT x FROM t)").0, code::CARDINALITY_VIOLATION);
}
