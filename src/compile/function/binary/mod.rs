//! Functions on binary strings. `||`, `length`, `substring`, `overlay`, `position` and `trim` are with those on texts.

// Single bytes and bits.
mod byte;
// `convert_to`, `convert_from`, `convert`.
mod convert;
// `encode`, `decode`.
mod encode;
// `md5`, `sha256` and its like.
mod hash;

use super::definition::Definition;

pub(super) static DEFINITIONS: &[&Definition] = &[
    &byte::BIT_COUNT,
    &byte::GET_BIT,
    &byte::GET_BYTE,
    &byte::SET_BIT,
    &byte::SET_BYTE,
    &convert::CONVERT,
    &convert::CONVERT_FROM,
    &convert::CONVERT_TO,
    &encode::DECODE,
    &encode::ENCODE,
    &hash::MD5,
    &hash::SHA224,
    &hash::SHA256,
    &hash::SHA384,
    &hash::SHA512,
];
