//! `md5(text or bytea)` as text; `sha224`, `sha256`, `sha384`, `sha512` of bytes as bytes.

use datafusion::arrow::array::ArrayRef;
use md5::Md5;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use crate::error::Result;
use crate::format::text::bytea::write_hex_digits;
use crate::types::SqlType;

pub(super) static MD5: Definition = Definition::immutable(
    "md5",
    |arguments| overload(arguments, &[(&[Kind::Text], Kind::Text), (&[Kind::Bytea], Kind::Text)]),
    md5_of,
);
pub(super) static SHA224: Definition = Definition::immutable("sha224", types, hashed::<Sha224>);
pub(super) static SHA256: Definition = Definition::immutable("sha256", types, hashed::<Sha256>);
pub(super) static SHA384: Definition = Definition::immutable("sha384", types, hashed::<Sha384>);
pub(super) static SHA512: Definition = Definition::immutable("sha512", types, hashed::<Sha512>);

fn types(arguments: &[Argument]) -> Types {
    overload(arguments, &[(&[Kind::Bytea], Kind::Bytea)])
}

fn hashed<D: Digest>(call: &Call) -> Result<ArrayRef> {
    call.binaries(|row| Ok(D::digest(call.bytes(0).value(row)).to_vec()))
}

fn md5_of(call: &Call) -> Result<ArrayRef> {
    let is_binary = *call.arguments[0].data_type() == SqlType::Bytea.arrow();
    call.texts(|row| {
        let bytes = if is_binary { call.bytes(0).value(row) } else { call.text(0).value(row).as_bytes() };
        let mut digits = Vec::new();
        write_hex_digits(&Md5::digest(bytes), &mut digits);
        Ok(String::from_utf8_lossy(&digits).into_owned())
    })
}
