//! The parts of a filter besides `where`: which properties, in which order, how many.

use serde_json::{Value, json};

use super::literal;
use crate::domain::model::{CREATED_ON, ID, Model, Property};
use crate::domain::violation::{Violation, shortened};

/// One key that rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) property: &'static Property,
    pub(crate) direction: Direction,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

impl Order {
    const OLDEST_FIRST: Self = Self {
        property: &CREATED_ON,
        direction: Direction::Ascending,
    };

    /// The keys of an order in which no two rows are equal. The id comes last, and goes
    /// the way of the key before it: then one index serves both, forwards or backwards.
    /// What is behind the id, or there for the second time, decides nothing and is left
    /// out. No key at all stands for the oldest first.
    pub(crate) fn total(keys: &[Self]) -> Vec<Self> {
        let keys = match keys {
            [] => &[Self::OLDEST_FIRST],
            keys => keys,
        };
        let mut total: Vec<Self> = Vec::with_capacity(keys.len() + 1);
        for key in keys {
            if !total.iter().any(|it| it.property == key.property) {
                total.push(*key);
            }
            if *key.property == ID {
                return total;
            }
        }
        let direction = total.last().unwrap_or(&Self::OLDEST_FIRST).direction;
        total.push(Self {
            property: &ID,
            direction,
        });
        total
    }
}

/// Three forms: `{"a": true}` and `["a"]` name what is wanted, `{"a": false}` what is
/// not. Where both are named, what is wanted counts. Nothing named is everything.
pub(super) fn fields(
    model: &'static Model,
    value: &Value,
    path: &str,
) -> Result<Vec<&'static Property>, Violation> {
    let mut wanted = Vec::new();
    let mut unwanted = Vec::new();
    match value {
        Value::Array(names) => {
            for name in names {
                let name = name.as_str().unwrap_or_default();
                let property = model.property(name).ok_or_else(|| unknown(model, path))?;
                if wanted.contains(&property) {
                    return Err(Violation::duplicate(path));
                }
                wanted.push(property);
            }
        }
        Value::Object(entries) => {
            for (name, value) in entries {
                let property = model
                    .property(name)
                    .ok_or_else(|| Violation::unknown_property(path, name))?;
                let list = match literal::boolean(value) {
                    Some(true) => &mut wanted,
                    Some(false) => &mut unwanted,
                    None => return Err(Violation::wrong_type(path, "boolean")),
                };
                list.push(property);
            }
        }
        _ => {
            let message = "must be an object or a list of names";
            return Err(Violation::new(path, "oneOf", message, json!({})));
        }
    }
    let chosen = |property: &&'static Property| match wanted.is_empty() {
        true => !unwanted.contains(property),
        false => wanted.contains(property),
    };
    Ok(model.properties.iter().filter(chosen).collect())
}

fn unknown(model: &Model, path: &str) -> Violation {
    let names: Vec<_> = model
        .properties
        .iter()
        .map(|property| property.name)
        .collect();
    let message = "must be equal to one of the allowed values";
    Violation::new(path, "enum", message, json!({ "allowedValues": names }))
}

/// `"createdOn DESC"`, or a list of such. Column names are as good as property names.
pub(super) fn order(
    model: &'static Model,
    value: &Value,
    path: &str,
) -> Result<Vec<Order>, Violation> {
    let texts = match value {
        Value::String(_) => std::slice::from_ref(value),
        Value::Array(texts) => texts.as_slice(),
        _ => return Err(Violation::wrong_type(path, "string")),
    };
    if texts.len() > model.properties.len() {
        return Err(Violation::too_many(path, model.properties.len()));
    }
    let one = |value: &Value| {
        let text = value
            .as_str()
            .ok_or_else(|| Violation::wrong_type(path, "string"))?;
        key(model, text, path)
    };
    texts.iter().map(one).collect()
}

fn key(model: &'static Model, text: &str, path: &str) -> Result<Order, Violation> {
    let refused = |reason: &str| {
        let message = format!("The order \"{}\" has {reason}", shortened(text));
        Violation::new(path, "order", message, json!({}))
    };
    let mut words = text.split_whitespace();
    let property = words
        .next()
        .and_then(|name| model.property_or_column(name))
        .ok_or_else(|| refused("an unknown property"))?;
    let direction = match words.next() {
        None => Direction::Ascending,
        Some(word) if word.eq_ignore_ascii_case("ASC") => Direction::Ascending,
        Some(word) if word.eq_ignore_ascii_case("DESC") => Direction::Descending,
        Some(_) => return Err(refused("invalid direction")),
    };
    match words.next() {
        Some(_) => Err(refused("invalid direction")),
        None => Ok(Order {
            property,
            direction,
        }),
    }
}

/// `limit`, `skip` and `offset`.
pub(super) fn at_least(value: &Value, path: &str, minimum: i64) -> Result<i64, Violation> {
    match literal::integer(value) {
        Some(number) if number >= minimum => Ok(number),
        Some(_) => Err(Violation::below(path, minimum)),
        None => Err(Violation::wrong_type(path, "integer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::MESSAGE;

    fn names(value: &Value) -> Result<Vec<&'static str>, Violation> {
        fields(&MESSAGE, value, "/fields")
            .map(|list| list.iter().map(|property| property.name).collect())
    }

    #[test]
    fn fields_has_three_forms() {
        let two = Ok(vec!["id", "body"]);
        assert_eq!(names(&json!(["body", "id"])), two);
        assert_eq!(names(&json!({"body": true, "id": "true"})), two);
        assert_eq!(
            names(&json!({"body": true, "id": true, "status": false})),
            two
        );
        let rest = names(&json!({"body": false})).unwrap();
        assert_eq!((rest.len(), rest.contains(&"body")), (14, false));
        for all in [json!({}), json!([])] {
            assert_eq!(names(&all).unwrap().len(), 15);
        }
        for bad in [
            json!("id"),
            json!(["id", "id"]),
            json!(["x"]),
            json!({"x": true}),
        ] {
            assert!(names(&bad).is_err(), "{bad}");
        }
        for bad in [
            json!({"id": 1}),
            json!(["created_on"]),
            json!([1]),
            json!({"__proto__": true}),
        ] {
            assert!(names(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_total_order_ends_with_the_id() {
        let total = |texts: &[&str]| {
            let keys = order(&MESSAGE, &json!(texts), "/order").unwrap();
            let name = |it: &Order| match it.direction {
                Direction::Ascending => it.property.name.to_owned(),
                Direction::Descending => format!("-{}", it.property.name),
            };
            Order::total(&keys).iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(total(&[]), ["createdOn", "id"]);
        assert_eq!(total(&["body DESC"]), ["-body", "-id"]);
        assert_eq!(
            total(&["body DESC", "status", "body"]),
            ["-body", "status", "id"]
        );
        assert_eq!(total(&["status", "id DESC", "body"]), ["status", "-id"]);
    }

    #[test]
    fn order_knows_properties_columns_and_two_directions() {
        let one = |text: &str| order(&MESSAGE, &json!(text), "/order").map(|keys| keys[0]);
        for text in ["createdOn DESC", "created_on desc", " createdOn  Desc "] {
            let key = one(text).unwrap();
            assert_eq!(
                (key.property.name, key.direction),
                ("createdOn", Direction::Descending)
            );
        }
        assert_eq!(one("body").unwrap().direction, Direction::Ascending);
        for text in [
            "",
            "x",
            "body UP",
            "body ASC, id",
            "body; DROP TABLE x",
            "m.body",
        ] {
            assert!(one(text).is_err(), "{text}");
        }
        assert_eq!(
            order(&MESSAGE, &json!(["body", "id DESC"]), "/order")
                .unwrap()
                .len(),
            2
        );
        assert!(order(&MESSAGE, &json!(vec!["id"; 16]), "/order").is_err());
        assert!(order(&MESSAGE, &json!({"id": "ASC"}), "/order").is_err());
    }
}
