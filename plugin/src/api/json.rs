//! Rows as JSON, in one pass and without anything in between.

use uuid::Uuid;

use crate::domain::model::{Cardinality, Model, Property, Type};
use crate::domain::time;
use crate::ports::{Row, Value, ValueRef};
use crate::store::Page;

/// The longest array, in bytes. Escapes make a text up to six times as long as it is in
/// a row, so that rows within the host's limit may still be too much for a response, or
/// for the memory of the component.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// An array with an object for each row. None when it is longer than `MAX_PAGE_BYTES`.
pub(super) fn array(page: &Page) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(2 + page.rows().len() * 512);
    write_array(&mut out, page, page.rows())?;
    Some(out)
}

/// The object of the only row. None when it is longer than `MAX_PAGE_BYTES`.
pub(super) fn first(page: &Page) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(512);
    write_row(&mut out, page, page.rows().next()?)?;
    Some(out)
}

/// An object for a thing that was just made, without what isn't set.
pub(super) fn created(model: &Model, values: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write_created(&mut out, model, values);
    out
}

/// An array of the same.
pub(super) fn created_many(model: &Model, all: &[Vec<Value>]) -> Vec<u8> {
    let mut out = vec![b'['];
    for (index, values) in all.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_created(&mut out, model, values);
    }
    out.push(b']');
    out
}

fn write_created(out: &mut Vec<u8>, model: &Model, values: &[Value]) {
    let fields = model.properties.iter().zip(values);
    let set = fields.filter(|(_, value)| **value != Value::Null);
    write_object(out, set.map(|(property, value)| (property, value.as_ref())));
    out.push(b'}');
}

/// `{"count":…}`.
pub(super) fn count(count: u64) -> Vec<u8> {
    format!("{{\"count\":{count}}}").into_bytes()
}

fn write_array<'a>(
    out: &mut Vec<u8>,
    page: &Page,
    rows: impl Iterator<Item = Row<'a>>,
) -> Option<()> {
    out.push(b'[');
    for (index, row) in rows.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_row(out, page, row)?;
    }
    out.push(b']');
    Some(())
}

/// A row and what belongs to it. What is empty is absent.
fn write_row(out: &mut Vec<u8>, page: &Page, row: Row<'_>) -> Option<()> {
    let fields = page.properties.iter().enumerate();
    write_object(
        out,
        fields.map(|(index, property)| (*property, row.get(index))),
    );
    for related in &page.related {
        let mut rows = related.of(row);
        if rows.len() == 0 {
            continue;
        }
        if !out.ends_with(b"{") {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(related.relation.name.as_bytes());
        out.extend_from_slice(b"\":");
        match related.relation.kind {
            Cardinality::Many(_) => write_array(out, related.page(), rows)?,
            Cardinality::One(_) => write_row(out, related.page(), rows.next()?)?,
        }
    }
    out.push(b'}');
    // With room for the brackets. One row goes beyond by less than a megabyte.
    (out.len() < MAX_PAGE_BYTES).then_some(())
}

/// An object without its closing bracket.
fn write_object<'a>(
    out: &mut Vec<u8>,
    fields: impl Iterator<Item = (&'static Property, ValueRef<'a>)>,
) {
    out.push(b'{');
    for (index, (property, value)) in fields.enumerate() {
        out.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(property.name.as_bytes());
        out.extend_from_slice(b"\":");
        write_value(out, property, value);
    }
}

fn write_value(out: &mut Vec<u8>, property: &Property, value: ValueRef<'_>) {
    match value {
        ValueRef::Null | ValueRef::Bytes(_) => out.extend_from_slice(b"null"),
        ValueRef::Boolean(true) => out.extend_from_slice(b"true"),
        ValueRef::Boolean(false) => out.extend_from_slice(b"false"),
        ValueRef::Integer(number) => write_json(out, &number),
        ValueRef::Real(number) => write_json(out, &number),
        ValueRef::Text(text) if property.kind == Type::Json => {
            out.extend_from_slice(text.as_bytes());
        }
        ValueRef::Text(text) => write_json(out, text),
        ValueRef::Uuid((high, low)) => {
            let mut buffer = Uuid::encode_buffer();
            let id = Uuid::from_u64_pair(high, low).hyphenated();
            out.push(b'"');
            out.extend_from_slice(id.encode_lower(&mut buffer).as_bytes());
            out.push(b'"');
        }
        ValueRef::Timestamp(micros) => {
            out.push(b'"');
            time::write(out, micros);
            out.push(b'"');
        }
        ValueRef::Json(json) => out.extend_from_slice(json.as_bytes()),
    }
}

/// Numbers and texts have no way to fail, and neither has writing to a vector.
fn write_json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).ok();
}
