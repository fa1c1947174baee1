//! Rows as JSON, in one pass and without anything in between.

use uuid::Uuid;

use crate::domain::model::Property;
use crate::domain::time;
use crate::ports::{Row, Value};

/// The longest array, in bytes. Escapes make a text up to six times as long as it is in
/// a row, so that rows within the host's limit may still be too much for a response, or
/// for the memory of the component.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// An array with an object for each row. None when it is longer than `MAX_PAGE_BYTES`.
pub(super) fn array(properties: &[&'static Property], rows: &[Row]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(2 + rows.len() * 512);
    out.push(b'[');
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_object(&mut out, properties.iter().copied().zip(row));
        // With room for the bracket. One row goes beyond by less than a megabyte.
        if out.len() >= MAX_PAGE_BYTES {
            return None;
        }
    }
    out.push(b']');
    Some(out)
}

/// An object for one row.
pub(super) fn object<'a>(
    fields: impl IntoIterator<Item = (&'static Property, &'a Value)>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write_object(&mut out, fields);
    out
}

/// `{"count":…}`.
pub(super) fn count(count: u64) -> Vec<u8> {
    format!("{{\"count\":{count}}}").into_bytes()
}

fn write_object<'a>(
    out: &mut Vec<u8>,
    fields: impl IntoIterator<Item = (&'static Property, &'a Value)>,
) {
    out.push(b'{');
    for (index, (property, value)) in fields.into_iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(property.name.as_bytes());
        out.extend_from_slice(b"\":");
        write_value(out, value);
    }
    out.push(b'}');
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null | Value::Bytes(_) => out.extend_from_slice(b"null"),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Integer(number) => write_json(out, number),
        Value::Real(number) => write_json(out, number),
        Value::Text(text) => write_json(out, text),
        Value::Uuid((high, low)) => {
            let mut buffer = Uuid::encode_buffer();
            let id = Uuid::from_u64_pair(*high, *low).hyphenated();
            out.push(b'"');
            out.extend_from_slice(id.encode_lower(&mut buffer).as_bytes());
            out.push(b'"');
        }
        Value::Timestamp(micros) => {
            out.push(b'"');
            time::write(out, *micros);
            out.push(b'"');
        }
        Value::Json(json) => out.extend_from_slice(json.as_bytes()),
    }
}

/// Numbers and texts have no way to fail, and neither has writing to a vector.
fn write_json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).ok();
}
