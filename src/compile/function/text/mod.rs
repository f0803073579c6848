//! Functions on texts. Positions and lengths count characters.

// `array_to_string`, `string_to_array`.
mod array;
// `lower`, `upper`, `initcap`.
pub(super) mod case;
// Characters and their codes.
mod character;
// `||`, `concat`, `concat_ws`.
pub(super) mod concat;
// `format`.
mod format;
// How long texts are.
mod length;
// `normalize`.
mod normal;
// `overlay`.
mod overlay;
// `lpad`, `rpad`, `repeat`.
mod pad;
// Texts as parts of SQL.
mod quote;
// `replace`, `reverse`, `translate`.
mod replace;
// Where texts are found in others.
pub(super) mod position;
// Parts of texts.
pub(super) mod slice;
// `split_part`.
mod split;
// `trim`.
pub(super) mod trim;
// `unistr`.
mod unistr;

use super::definition::Definition;

pub(super) static DEFINITIONS: &[&Definition] = &[
    &array::ARRAY_TO_STRING,
    &array::STRING_TO_ARRAY,
    &case::INITCAP,
    &case::LOWER,
    &case::UPPER,
    &character::ASCII,
    &character::CHR,
    &character::TO_HEX,
    &concat::CONCAT,
    &concat::CONCAT_WS,
    &format::DEFINITION,
    &length::BIT_LENGTH,
    &length::CHAR_LENGTH,
    &length::LENGTH,
    &length::OCTET_LENGTH,
    &normal::DEFINITION,
    &overlay::DEFINITION,
    &pad::LPAD,
    &pad::REPEAT,
    &pad::RPAD,
    &position::DEFINITION,
    &position::STARTS_WITH,
    &quote::IDENT,
    &quote::LITERAL,
    &quote::NULLABLE,
    &replace::REPLACE,
    &replace::REVERSE,
    &replace::TRANSLATE,
    &slice::LEFT,
    &slice::RIGHT,
    &slice::SUBSTR,
    &split::DEFINITION,
    &trim::BTRIM,
    &trim::LTRIM,
    &trim::RTRIM,
    &unistr::DEFINITION,
];
