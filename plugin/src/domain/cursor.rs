//! The place in a list where its next page starts: behind one row, in one order.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};
use uuid::Uuid;

use super::filter::{Direction, Literal, Order};
use super::model::{Property, Type};
use super::time;
use super::violation::Violation;

/// The longest cursor, in bytes of JSON. It travels in a header and in a query. And MySQL
/// sorts by the first 1,024 bytes of a text alone, so that a longer one is no place.
const MAX_BYTES: usize = 1_024;
/// The same in characters of base64.
const MAX_CHARS: usize = MAX_BYTES.div_ceil(3) * 4;

/// What the keys of an order are in one row. Whoever makes one up gets another place of
/// the same list: it says nothing of what may be seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cursor {
    keys: Vec<Key>,
}

/// One key of the order, and its value; None stands for NULL.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) order: Order,
    pub(crate) value: Option<Literal>,
}

impl Cursor {
    /// The keys are those of a total order, see [`Order::total`].
    pub(crate) fn new(keys: Vec<Key>) -> Self {
        Self { keys }
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The cursor as a client gets it. None where it would be too long.
    pub(crate) fn encode(&self) -> Option<String> {
        let names: Vec<_> = self.keys.iter().map(|key| name(&key.order)).collect();
        let values: Vec<_> = self.keys.iter().map(|key| write(&key.value)).collect();
        let text = json!([names, values]).to_string();
        (text.len() <= MAX_BYTES).then(|| BASE64_URL_SAFE_NO_PAD.encode(text))
    }

    /// Reads what a client sent for a list in this total order.
    pub(crate) fn decode(text: &str, order: &[Order]) -> Result<Self, Violation> {
        let malformed = || Violation::wrong_format("", "cursor");
        let (names, values) = parts(text).ok_or_else(malformed)?;
        if !names
            .iter()
            .eq(order.iter().map(name).collect::<Vec<_>>().iter())
        {
            let message = "was made for another `order`";
            return Err(Violation::new("", "order", message, json!({})));
        }
        if values.len() != order.len() {
            return Err(malformed());
        }
        let keys = order.iter().zip(values).map(|(order, value)| {
            let value = read(order.property, value)?;
            Some(Key {
                order: *order,
                value,
            })
        });
        keys.collect::<Option<_>>()
            .map(Self::new)
            .ok_or_else(malformed)
    }
}

fn parts(text: &str) -> Option<(Vec<String>, Vec<Value>)> {
    if text.len() > MAX_CHARS {
        return None;
    }
    let json = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    serde_json::from_slice(&json).ok()
}

/// `createdOn`, or `-createdOn` for the other way.
fn name(order: &Order) -> String {
    let sign = match order.direction {
        Direction::Ascending => "",
        Direction::Descending => "-",
    };
    format!("{sign}{}", order.property.name)
}

fn write(value: &Option<Literal>) -> Value {
    match value {
        None => Value::Null,
        Some(Literal::Boolean(value)) => json!(value),
        Some(Literal::Integer(value) | Literal::Time(value)) => json!(value),
        Some(Literal::Text(value) | Literal::Json(value)) => json!(value),
        Some(Literal::Uuid(id)) => json!(id.simple().to_string()),
    }
}

/// The value of a key; None for what is no value of the property.
fn read(property: &Property, value: Value) -> Option<Option<Literal>> {
    if value.is_null() {
        return property.nullable.then_some(None);
    }
    let number = || value.as_i64();
    let text = || value.as_str().filter(|text| !text.contains('\0'));
    let literal = match property.kind {
        Type::Boolean => Literal::Boolean(value.as_bool()?),
        Type::Integer => Literal::Integer(i32::try_from(number()?).ok()?.into()),
        Type::Text => Literal::Text(text()?.to_owned()),
        Type::Json => Literal::Json(text()?.to_owned()),
        Type::Uuid => Literal::Uuid(Uuid::try_parse(text()?).ok()?),
        Type::Time => Literal::Time(time::from_micros(number()?)?),
    };
    Some(Some(literal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::{CREATED_ON, DELETED, META_DATA, STATUS, SUBJECT};

    fn order(keys: &[(&'static Property, Direction)]) -> Vec<Order> {
        let order = |&(property, direction)| Order {
            property,
            direction,
        };
        Order::total(&keys.iter().map(order).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_written_can_be_read_in_the_same_order_alone() {
        use Direction::{Ascending, Descending};
        let order = order(&[
            (&STATUS, Descending),
            (&CREATED_ON, Ascending),
            (&DELETED, Ascending),
            (&SUBJECT, Descending),
            (&META_DATA, Ascending),
        ]);
        let values = [
            Some(Literal::Integer(-1)),
            Some(Literal::Time(1_795_511_777_763_456)),
            Some(Literal::Boolean(false)),
            None,
            Some(Literal::Json("{}".to_owned())),
            Some(Literal::Uuid(Uuid::from_u128(7))),
        ];
        let keys = order.iter().zip(values).map(|(order, value)| Key {
            order: *order,
            value,
        });
        let cursor = Cursor::new(keys.collect());
        let text = cursor.encode().unwrap();
        assert_eq!(Cursor::decode(&text, &order), Ok(cursor));
        for other in [&order[1..], &order[..5], &[]] {
            let refused = Cursor::decode(&text, other).unwrap_err();
            assert_eq!(refused.code, "order");
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let order = order(&[(&STATUS, Direction::Ascending)]);
        let id = Uuid::nil().to_string();
        let good = json!([["status", "id"], [1, id]]);
        let text = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        assert!(Cursor::decode(&text(&good), &order).is_ok());
        for bad in [
            json!(null),
            json!([["status", "id"]]),
            json!([["status", "id"], [1]]),
            json!([["status", "id"], [1, id, 2]]),
            json!([["status", "id"], [null, id]]),
            json!([["status", "id"], ["1", id]]),
            json!([["status", "id"], [1.5, id]]),
            json!([["status", "id"], [i64::MAX, id]]),
            json!([["status", "id"], [1, "x"]]),
            json!([["status", 1], [1, id]]),
        ] {
            let refused = Cursor::decode(&text(&bad), &order).unwrap_err();
            assert_eq!(refused.code, "format", "{bad}");
        }
        let padded = format!("{}=", text(&good));
        for bad in ["", "*", "e30", &padded, &"A".repeat(MAX_CHARS + 4)] {
            assert!(Cursor::decode(bad, &order).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_long_text_is_no_place() {
        let key = |length: usize| Key {
            order: order(&[(&SUBJECT, Direction::Ascending)])[0],
            value: Some(Literal::Text("x".repeat(length))),
        };
        assert!(Cursor::new(vec![key(1_000)]).encode().is_some());
        assert!(Cursor::new(vec![key(1_024)]).encode().is_none());
    }
}
