//! Rows as bytes that compare as the rows do: state that is kept in an order.

use std::borrow::Borrow;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, Rows, SortField};

use crate::canonical::{Equality, canonical_row, comparable, require_supported};
use crate::compile::plan::SortColumn;
use crate::error::Result;
use crate::flow::delta::arrow_error;

/// A row: the columns to order by, then all others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    bytes: Arc<[u8]>,
    /// How many bytes are of the columns to order by.
    order: u32,
}

impl Key {
    /// A row's bytes, the first `order` of them of the columns to order by.
    pub(super) fn new(bytes: &[u8], order: usize) -> Key {
        Key { bytes: bytes.into(), order: order as u32 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Of the columns to order by.
    pub(super) fn order(&self) -> &[u8] {
        &self.bytes[..self.order as usize]
    }

    /// Whether two rows are equal in the columns to order by.
    pub(super) fn is_peer(&self, other: &Key) -> bool {
        self.order() == other.order()
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.bytes
    }
}

/// Rows ⇄ [`Key`]s.
pub(super) struct Encoding {
    /// `None` if there are no columns to order by.
    order: Option<RowConverter>,
    /// `None` if there are no others.
    rest: Option<RowConverter>,
    /// The columns in the order in which they are compared: first as keys, then, to bring them back as they were, those
    /// whose keys do not tell equal values apart.
    columns: Vec<(usize, Equality)>,
    /// How many of `columns` are to order by.
    sorts: usize,
    /// Where among `columns` each column is.
    positions: Vec<usize>,
}

/// Encoded rows.
pub(super) struct EncodedRows {
    order: Option<Rows>,
    rest: Option<Rows>,
}

impl Encoding {
    /// For rows of these types; `what` names the construct in the error for types that cannot be compared.
    pub(super) fn new(types: &[DataType], order: &[SortColumn], what: &str) -> Result<Encoding> {
        require_supported(types, what)?;
        let mut columns: Vec<(usize, Equality)> = Vec::new();
        let mut fields = Vec::new();
        let ties = (0..types.len()).map(|column| SortColumn { column, descending: false, nulls_first: true });
        let mut sorts = 0;
        for (at, sort) in order.iter().copied().chain(ties).enumerate() {
            let SortColumn { column, descending, nulls_first } = sort;
            if columns.iter().all(|(other, _)| *other != column) {
                columns.push((column, Equality::Key));
                let options = SortOptions { descending, nulls_first };
                fields.push(SortField::new_with_options(types[column].clone(), options));
                sorts += usize::from(at < order.len());
            }
        }
        for (column, data_type) in types.iter().enumerate().filter(|(_, data_type)| are_alike(data_type)) {
            columns.push((column, Equality::Row));
            fields.push(SortField::new(data_type.clone()));
        }
        let last = |column: usize| columns.iter().rposition(|(other, _)| *other == column);
        // Every column is there: the ties are all columns.
        let positions = (0..types.len()).filter_map(last).collect();
        let rest = converter(fields.split_off(sorts))?;
        Ok(Encoding { order: converter(fields)?, rest, columns, sorts, positions })
    }

    pub(super) fn encode(&self, columns: &[ArrayRef]) -> Result<EncodedRows> {
        let canonical = |(column, equality): &(usize, Equality)| match equality {
            Equality::Key => comparable(&columns[*column]),
            Equality::Row => canonical_row(&columns[*column]),
        };
        let columns: Vec<ArrayRef> = self.columns.iter().map(canonical).collect();
        let (sorts, rest) = columns.split_at(self.sorts);
        let convert = |converter: &Option<RowConverter>, columns: &[ArrayRef]| {
            converter.as_ref().map(|converter| converter.convert_columns(columns)).transpose().map_err(arrow_error)
        };
        Ok(EncodedRows { order: convert(&self.order, sorts)?, rest: convert(&self.rest, rest)? })
    }

    /// The columns of rows.
    pub(super) fn decode<'a>(&self, rows: impl Iterator<Item = &'a Key> + Clone) -> Result<Vec<ArrayRef>> {
        let mut columns = Vec::with_capacity(self.columns.len());
        if let Some(order) = &self.order {
            let parser = order.parser();
            columns = order.convert_rows(rows.clone().map(|row| parser.parse(row.order()))).map_err(arrow_error)?;
        }
        if let Some(rest) = &self.rest {
            let parser = rest.parser();
            let rows = rows.map(|row| parser.parse(&row.bytes[row.order as usize..]));
            columns.extend(rest.convert_rows(rows).map_err(arrow_error)?);
        }
        Ok(self.positions.iter().map(|position| columns[*position].clone()).collect())
    }
}

impl EncodedRows {
    /// Writes the bytes of a row; answers how many of them are of the columns to order by.
    pub(super) fn write(&self, row: usize, bytes: &mut Vec<u8>) -> usize {
        bytes.clear();
        if let Some(order) = &self.order {
            bytes.extend_from_slice(order.row(row).data());
        }
        let sorts = bytes.len();
        if let Some(rest) = &self.rest {
            bytes.extend_from_slice(rest.row(row).data());
        }
        sorts
    }
}

fn converter(fields: Vec<SortField>) -> Result<Option<RowConverter>> {
    if fields.is_empty() {
        return Ok(None);
    }
    RowConverter::new(fields).map(Some).map_err(arrow_error)
}

/// Whether equal keys of the type may be different rows: of intervals, and of numerics with other digits after the point.
fn are_alike(data_type: &DataType) -> bool {
    match data_type {
        DataType::Interval(_) | DataType::LargeBinary => true,
        DataType::List(item) => are_alike(item.data_type()),
        _ => false,
    }
}
