//! Results on their way in: packed as the contract has them, and as lists for the host.

use futures_util::{Stream, TryStreamExt};
use sqlx::{Either, Row};

use super::backend::Failure;
use crate::config;
use crate::contract::sql::{Cell, Error, Kind, Rows, Span, Value};

/// Where the texts and bytes of a result are put, and what counts its bytes.
#[derive(Debug)]
pub(super) struct Heap {
    data: Vec<u8>,
    /// What the values so far take; `data` is never longer.
    counted: usize,
    limit: usize,
}

impl Heap {
    /// A heap for values of `limit` bytes together; of 4 GiB at most, which is how far a
    /// span reaches.
    fn new(limit: usize) -> Self {
        Self {
            data: Vec::new(),
            counted: 0,
            limit: limit.min(u32::MAX as usize),
        }
    }

    /// Appends a text.
    pub(super) fn text(&mut self, text: &str) -> Result<Span, Unfit> {
        self.bytes(text.as_bytes())
    }

    /// Appends bytes. What is over the limit is not copied.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<Span, Unfit> {
        self.count(bytes.len())?;
        let span = Span {
            offset: narrow(self.data.len())?,
            length: narrow(bytes.len())?,
        };
        self.data.extend_from_slice(bytes);
        Ok(span)
    }

    fn count(&mut self, bytes: usize) -> Result<(), Unfit> {
        self.counted = self.counted.saturating_add(bytes);
        if self.counted > self.limit {
            return Err(Unfit::TooLarge);
        }
        Ok(())
    }
}

fn narrow(length: usize) -> Result<u32, Unfit> {
    u32::try_from(length).map_err(|_| Unfit::TooLarge)
}

/// Why a value can't be handed over.
#[derive(Debug)]
pub(super) enum Unfit {
    /// What the column held instead of the kind that was asked for.
    Kind(String),
    /// The result has more bytes than it may.
    TooLarge,
}

impl From<sqlx::Error> for Unfit {
    fn from(error: sqlx::Error) -> Self {
        Self::Kind(error.to_string())
    }
}

impl From<sqlx::error::BoxDynError> for Unfit {
    fn from(error: sqlx::error::BoxDynError) -> Self {
        Self::Kind(error.to_string())
    }
}

/// Reads rows as they come, and stops at the first that is one too many. A result that
/// is left unread makes the connection useless.
///
/// A row is counted once it is read, and the drivers of PostgreSQL and MySQL read it
/// whole: one row may take what the server sends for it (1 GiB a value on PostgreSQL,
/// `max_allowed_packet` a row on MySQL). SQLite ends at 32 MiB, see `.cargo/config.toml`.
pub(super) async fn collect<Done, R: Row>(
    mut steps: impl Stream<Item = Result<Either<Done, R>, sqlx::Error>> + Unpin,
    columns: &[Kind],
    limits: &config::SqlLimits,
    decode: fn(&R, usize, Kind, &mut Heap) -> Result<Cell, Unfit>,
    failure: fn(&sqlx::Error) -> Failure,
) -> Result<Rows, Failure> {
    let (mut cells, mut heap) = (Vec::new(), Heap::new(limits.bytes));
    // Not what the cells tell: a row may have none.
    let mut count = 0;
    while let Some(step) = steps.try_next().await.map_err(|error| failure(&error))? {
        let Either::Right(row) = step else { continue };
        if count >= limits.rows {
            return Err(Failure::lost(Error::TooLarge));
        }
        count += 1;
        if row.len() != columns.len() {
            return Err(Failure::lost(Error::InvalidStatement(format!(
                "{} columns, {} kinds",
                row.len(),
                columns.len()
            ))));
        }
        for (index, kind) in columns.iter().enumerate() {
            let cell = decode(&row, index, *kind, &mut heap).and_then(|cell| {
                heap.count(size_beside_the_heap(cell))?;
                Ok(cell)
            });
            cells.push(cell.map_err(|unfit| refusal(unfit, index, *kind))?);
        }
    }
    Ok(Rows {
        cells,
        heap: heap.data,
    })
}

/// What a value takes that the heap has not counted.
fn size_beside_the_heap(cell: Cell) -> usize {
    match cell {
        Cell::Text(_) | Cell::Bytes(_) | Cell::Json(_) => 0,
        Cell::Uuid(_) => 16,
        _ => 8,
    }
}

fn refusal(unfit: Unfit, index: usize, kind: Kind) -> Failure {
    Failure::lost(match unfit {
        Unfit::Kind(found) => Error::InvalidStatement(format!(
            "column {}: {found} for {}",
            index + 1,
            kind_name(kind)
        )),
        Unfit::TooLarge => Error::TooLarge,
    })
}

/// The name of a kind.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Integer => "integer",
        Kind::Real => "real",
        Kind::Text => "text",
        Kind::Bytes => "bytes",
        Kind::Uuid => "uuid",
        Kind::Timestamp => "timestamp",
        Kind::Json => "json",
    }
}

/// The rows as lists of `columns` values: for the host's own statements, which are few
/// and rather read well.
///
/// # Errors
/// `other` when a span points to no text or no bytes, which those of `collect` never do.
pub(super) fn unpack(rows: &Rows, columns: usize) -> Result<Vec<Vec<Value>>, Error> {
    let value = |cell: &Cell| value(*cell, &rows.heap).ok_or(Error::Other);
    rows.cells
        .chunks(columns.max(1))
        .map(|row| row.iter().map(value).collect())
        .collect()
}

fn value(cell: Cell, heap: &[u8]) -> Option<Value> {
    let bytes = |span: Span| {
        let start = span.offset as usize;
        Some(heap.get(start..start + span.length as usize)?.to_vec())
    };
    let text = |span| String::from_utf8(bytes(span)?).ok();
    Some(match cell {
        Cell::Null => Value::Null,
        Cell::Boolean(value) => Value::Boolean(value),
        Cell::Integer(value) => Value::Integer(value),
        Cell::Real(value) => Value::Real(value),
        Cell::Text(span) => Value::Text(text(span)?),
        Cell::Bytes(span) => Value::Bytes(bytes(span)?),
        Cell::Uuid(value) => Value::Uuid(value),
        Cell::Timestamp(value) => Value::Timestamp(value),
        Cell::Json(span) => Value::Json(text(span)?),
    })
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
