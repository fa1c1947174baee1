//! A parameter of a query string, given as JSON (`filter={"limit":1}`) or with brackets
//! (`filter[limit]=1`), as one JSON value.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// The longest query string, in bytes.
pub(crate) const MAX_BYTES: usize = 32 * 1024;
/// Parameters in a query string.
const MAX_PARAMETERS: usize = 1_000;
/// Brackets behind one another.
const MAX_DEPTH: usize = 24;

/// The parameter's value; None when it isn't there or empty. The texts of the error are
/// for people.
pub(super) fn parameter(query: &str, name: &str) -> Result<Option<Value>, String> {
    if query.len() > MAX_BYTES {
        return Err(format!("The query string is longer than {MAX_BYTES} bytes"));
    }
    let mut json = None;
    let mut tree = None;
    for (index, pair) in query.split('&').enumerate() {
        if index == MAX_PARAMETERS {
            return Err(format!("There are more than {MAX_PARAMETERS} parameters"));
        }
        let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decode(key)?;
        let Some(path) = key.strip_prefix(name) else {
            continue;
        };
        if path.is_empty() {
            let text = decode(text)?;
            if json.replace(text).is_some() {
                return Err("The parameter is given twice".to_owned());
            }
        } else if path.starts_with('[') {
            let text = decode(text)?;
            tree.get_or_insert_with(Node::default)
                .insert(&keys(path)?, text)?;
        }
    }
    match (json.filter(|json| !json.trim().is_empty()), tree) {
        (None, None) => Ok(None),
        (Some(json), None) => serde_json::from_str(&json)
            .map(Some)
            .map_err(|cause| cause.to_string()),
        (None, Some(tree)) => Ok(Some(tree.into_value())),
        (Some(_), Some(_)) => Err("The parameter is given in two forms at once".to_owned()),
    }
}

/// The text of a parameter that is no JSON; None when it isn't there.
pub(crate) fn text(query: &str, name: &str) -> Result<Option<String>, String> {
    let mut found = None;
    for pair in query.split('&').filter(|pair| names(pair, name)) {
        let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
        if decode(key)? != name {
            return Err("The parameter takes no brackets".to_owned());
        }
        if found.replace(decode(text)?).is_some() {
            return Err("The parameter is given twice".to_owned());
        }
    }
    Ok(found)
}

/// Whether the parameter is there in either form, be it empty. Keys that are no UTF-8
/// are no parameter's: [`parameter`] has refused them.
pub(crate) fn names(query: &str, name: &str) -> bool {
    query.split('&').any(|pair| {
        let key = pair.split_once('=').map_or(pair, |(key, _)| key);
        decode(key).is_ok_and(|key| {
            key.strip_prefix(name)
                .is_some_and(|path| path.is_empty() || path.starts_with('['))
        })
    })
}

/// Decodes percent signs, and `+` as a space.
fn decode(text: &str) -> Result<String, String> {
    let decoded = if text.contains('+') {
        let text = text.replace('+', " ");
        percent_decode_str(&text)
            .decode_utf8()
            .map(|text| text.into_owned())
    } else {
        percent_decode_str(text)
            .decode_utf8()
            .map(|text| text.into_owned())
    };
    decoded.map_err(|_| "The parameter is not UTF-8".to_owned())
}

/// Takes `[where][or][0]` apart.
fn keys(mut path: &str) -> Result<Vec<&str>, String> {
    let mut keys = Vec::new();
    while !path.is_empty() {
        let inside = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let Some((key, rest)) = inside.filter(|(key, _)| !key.contains('[')) else {
            return Err("The brackets of a parameter are not closed".to_owned());
        };
        if keys.len() == MAX_DEPTH {
            return Err(format!("There are more than {MAX_DEPTH} brackets"));
        }
        keys.push(key);
        path = rest;
    }
    Ok(keys)
}

/// What brackets build, before it is known what is a list.
#[derive(Debug, Default)]
enum Node {
    #[default]
    Empty,
    Text(String),
    Branch(Vec<(String, Node)>),
}

impl Node {
    fn insert(&mut self, keys: &[&str], text: String) -> Result<(), String> {
        let Some((key, rest)) = keys.split_first() else {
            return self.add(text);
        };
        if matches!(self, Self::Empty) {
            *self = Self::Branch(Vec::new());
        }
        let Self::Branch(children) = self else {
            return Err("A parameter is both a value and an object".to_owned());
        };
        // `[]` is the next place of a list.
        let key = match *key {
            "" => children.len().to_string(),
            key => key.to_owned(),
        };
        let place = children.iter().position(|(name, _)| *name == key);
        let child = match place.and_then(|place| children.get_mut(place)) {
            Some((_, child)) => return child.insert(rest, text),
            None => Self::Empty,
        };
        children.push((key, child));
        children
            .last_mut()
            .map_or(Ok(()), |(_, child)| child.insert(rest, text))
    }

    /// A key that is given again makes a list.
    fn add(&mut self, text: String) -> Result<(), String> {
        match self {
            Self::Empty => *self = Self::Text(text),
            Self::Text(first) => {
                let first = Self::Text(std::mem::take(first));
                let both = vec![("0".to_owned(), first), ("1".to_owned(), Self::Text(text))];
                *self = Self::Branch(both);
            }
            Self::Branch(children) if is_list(children) => {
                children.push((children.len().to_string(), Self::Text(text)));
            }
            Self::Branch(_) => return Err("A parameter is both a value and an object".to_owned()),
        }
        Ok(())
    }

    fn into_value(self) -> Value {
        match self {
            Self::Empty => Value::Null,
            Self::Text(text) => Value::String(text),
            Self::Branch(mut children) if is_list(&children) => {
                children.sort_by_key(|(key, _)| key.parse::<u32>().unwrap_or(u32::MAX));
                children
                    .into_iter()
                    .map(|(_, child)| child.into_value())
                    .collect()
            }
            Self::Branch(children) => {
                let entries = children
                    .into_iter()
                    .map(|(key, child)| (key, child.into_value()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }
}

fn is_list(children: &[(String, Node)]) -> bool {
    let is_index = |key: &str| key.len() <= 4 && key.bytes().all(|byte| byte.is_ascii_digit());
    children.iter().all(|(key, _)| is_index(key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let wanted = json!({"where": {"or": [{"body": "a b"}, {"body": "x&y"}]}, "limit": "2"});
        let json = "filter=%7B%22where%22:%7B%22or%22:[%7B%22body%22:%22a+b%22%7D,%7B%22body%22:\
                    %22x%26y%22%7D]%7D,%22limit%22:%222%22%7D";
        let brackets = "filter[where][or][1][body]=x%26y&filter%5Bwhere%5D[or][0][body]=a+b\
                        &filter[limit]=2&other=1&filtered=3";
        assert_eq!(parameter(json, "filter"), Ok(Some(wanted.clone())));
        assert_eq!(parameter(brackets, "filter"), Ok(Some(wanted)));
    }

    #[test]
    fn lists_come_from_empty_brackets_and_from_repetition() {
        let list = Ok(Some(json!({"fields": ["id", "body"]})));
        assert_eq!(
            parameter("filter[fields][]=id&filter[fields][]=body", "filter"),
            list
        );
        assert_eq!(
            parameter("filter[fields]=id&filter[fields]=body", "filter"),
            list
        );
        let three = parameter("w[a]=1&w[a]=2&w[a]=3", "w");
        assert_eq!(three, Ok(Some(json!({"a": ["1", "2", "3"]}))));
    }

    #[test]
    fn an_absent_or_empty_parameter_is_none() {
        for query in ["", "a=1", "filter", "filter=", "filter=+", "where={}"] {
            assert_eq!(parameter(query, "filter"), Ok(None), "{query}");
        }
    }

    #[test]
    fn a_text_is_given_once() {
        for (query, wanted) in [
            ("", None),
            ("cursors=1&a=cursor", None),
            ("cursor", Some("")),
            ("a=1&%63ursor=%41b&c", Some("Ab")),
        ] {
            assert_eq!(
                text(query, "cursor"),
                Ok(wanted.map(str::to_owned)),
                "{query}"
            );
        }
        for bad in ["cursor=a&cursor=a", "cursor[a]=1", "cursor=%ff"] {
            assert!(text(bad, "cursor").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_found_in_either_form() {
        for query in [
            "where",
            "where=",
            "a=1&where={}",
            "where[a]=1",
            "%77here%5Ba]=1",
        ] {
            assert!(names(query, "where"), "{query}");
        }
        for query in ["", "a=where", "wher=1", "wheres=1", "a[where]=1", "%ff=1"] {
            assert!(!names(query, "where"), "{query}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for query in [
            "filter={",
            "filter=1&filter=1",
            "filter={}&filter[limit]=1",
            "filter[limit=1",
            "filter[a[b]]=1",
            "filter[a]b=1",
            "filter[a]=1&filter[a][b]=2",
            "filter[a][b]=1&filter[a]=2",
            "filter=%ff",
            &format!("filter{}=1", "[a]".repeat(25)),
            &format!("filter={}", "[".repeat(200)),
            &format!("filter=\"{}\"", "x".repeat(MAX_BYTES)),
            &"&filter[x][]=1".repeat(1_001),
        ] {
            assert!(parameter(query, "filter").is_err(), "{query}");
        }
    }
}
