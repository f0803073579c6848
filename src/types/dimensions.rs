//! Dimensions of arrays, which are part of their types here.

use super::SqlType;
use crate::error::{Error, code};

/// Dimensions of an array at most, as in PostgreSQL.
pub const DIMENSIONS_MAX: usize = 6;

impl SqlType {
    /// An array of values of a type with so many dimensions; the type itself for none.
    pub fn array_of(self, dimensions: usize) -> SqlType {
        (0..dimensions).fold(self, |item, _| SqlType::Array(Box::new(item)))
    }

    /// How many dimensions arrays of the type have; 0 if it is none of arrays.
    pub fn dimensions(&self) -> usize {
        match self {
            SqlType::Array(item) => 1 + item.dimensions(),
            _ => 0,
        }
    }

    /// What arrays of the type are made of, whatever their dimensions; the type itself if it is none of arrays.
    pub fn element(&self) -> &SqlType {
        match self {
            SqlType::Array(item) => item.element(),
            other => other,
        }
    }
}

/// 54000: more dimensions than arrays may have.
pub fn too_many_dimensions(count: usize) -> Error {
    let message = format!("number of array dimensions ({count}) exceeds the maximum allowed ({DIMENSIONS_MAX})");
    Error::new(code::PROGRAM_LIMIT_EXCEEDED, message)
}

/// 2202E: arrays in an array that are not equally long.
pub fn uneven_arrays() -> Error {
    let message = "multidimensional arrays must have array expressions with matching dimensions";
    Error::new(code::ARRAY_SUBSCRIPT_ERROR, message)
}

/// 0A000: an array with so many dimensions where there is only place for another number of them.
pub fn other_dimensions(found: usize, wanted: usize, element: &SqlType) -> Error {
    let message = format!("an array of dimension {found} where arrays of dimension {wanted} are kept is not supported");
    Error::unsupported(message).hint(format!(
        "Arrays of one column have one number of dimensions, which its type tells: declare it {element}{}.",
        "[]".repeat(found)
    ))
}
