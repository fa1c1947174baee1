//! As much of JSON Schema as the document uses; another keyword is a failure, so that
//! none is passed over.

use serde_json::{Map, Value as Json, json};

/// References that samples follow, one inside of another.
const DEPTH: usize = 3;

pub(crate) struct Document(pub(crate) Json);

impl Document {
    /// Follows references.
    pub(crate) fn resolve<'d>(&'d self, mut value: &'d Json) -> &'d Json {
        while let Some(reference) = value.get("$ref") {
            let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
            let found = self.0.pointer(pointer);
            value = found.unwrap_or_else(|| panic!("{reference} leads nowhere"));
        }
        value
    }

    /// Why a value doesn't fit a schema, if it doesn't.
    pub(crate) fn check(&self, schema: &Json, value: &Json) -> Result<(), String> {
        let schema = self.resolve(schema).as_object().unwrap();
        if value.is_null() && schema.get("nullable") == Some(&json!(true)) {
            return Ok(());
        }
        for (keyword, rule) in schema {
            self.keyword(schema, keyword, rule, value)
                .map_err(|cause| format!("{value} breaks `{keyword}`: {rule}{cause}"))?;
        }
        Ok(())
    }

    fn keyword(
        &self,
        schema: &Map<String, Json>,
        keyword: &str,
        rule: &Json,
        value: &Json,
    ) -> Result<(), String> {
        let limit = || rule.as_u64().unwrap() as usize;
        let hold = |holds: bool| if holds { Ok(()) } else { Err(String::new()) };
        match (keyword, value) {
            ("title" | "description" | "default" | "example" | "readOnly" | "nullable", _) => {
                Ok(())
            }
            ("type", _) => hold(match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64() || value.is_u64(),
                other => panic!("the type {other}"),
            }),
            ("enum", _) => hold(rule.as_array().unwrap().contains(value)),
            ("oneOf" | "anyOf", _) => {
                let mut fitting = rule.as_array().unwrap().iter();
                let count = fitting.by_ref().filter(|it| self.check(it, value).is_ok());
                let count = count.count();
                hold(count == 1 || (count > 1 && keyword == "anyOf"))
            }
            ("properties", Json::Object(object)) => {
                for (name, value) in object {
                    if let Some(schema) = rule.get(name) {
                        self.check(schema, value)
                            .map_err(|cause| format!("\n{cause}"))?;
                    }
                }
                Ok(())
            }
            ("required", Json::Object(object)) => {
                let mut names = rule.as_array().unwrap().iter();
                hold(names.all(|name| object.contains_key(name.as_str().unwrap())))
            }
            ("additionalProperties", Json::Object(object)) => {
                let known = |name: &String| {
                    schema
                        .get("properties")
                        .is_some_and(|it| it.get(name).is_some())
                };
                hold(rule.as_bool().unwrap() || object.keys().all(known))
            }
            ("minProperties", Json::Object(object)) => hold(object.len() >= limit()),
            ("items", Json::Array(items)) => items
                .iter()
                .try_for_each(|item| self.check(rule, item).map_err(|cause| format!("\n{cause}"))),
            ("minItems", Json::Array(items)) => hold(items.len() >= limit()),
            ("maxItems", Json::Array(items)) => hold(items.len() <= limit()),
            ("uniqueItems", Json::Array(items)) => {
                hold((1..items.len()).all(|end| !items[..end].contains(&items[end])))
            }
            ("minLength", Json::String(text)) => hold(text.chars().count() >= limit()),
            ("maxLength", Json::String(text)) => hold(text.chars().count() <= limit()),
            ("pattern", Json::String(text)) => hold(
                regex::Regex::new(rule.as_str().unwrap())
                    .unwrap()
                    .is_match(text),
            ),
            ("format", _) => match (rule.as_str().unwrap(), value) {
                ("date-time", Json::String(text)) => {
                    hold(text.len() == 24 && text.ends_with('Z') && text.contains('T'))
                }
                ("date", Json::String(text)) => hold(text.len() == 10),
                ("uuid", Json::String(text)) => hold(text.len() == 36),
                ("uuid" | "date" | "date-time" | "int32" | "int64", _) => Ok(()),
                (other, _) => panic!("the format {other}"),
            },
            ("minimum", Json::Number(number)) => hold(number.as_i64() >= rule.as_i64()),
            ("maximum", Json::Number(number)) => hold(number.as_i64() <= rule.as_i64()),
            // Rules for other types than the value's.
            (
                "properties"
                | "required"
                | "additionalProperties"
                | "minProperties"
                | "items"
                | "minItems"
                | "maxItems"
                | "uniqueItems"
                | "minLength"
                | "maxLength"
                | "pattern"
                | "minimum"
                | "maximum",
                _,
            ) => Ok(()),
            (other, _) => panic!("the keyword {other}"),
        }
    }

    /// The least that fits.
    pub(crate) fn minimal(&self, schema: &Json) -> Json {
        self.samples(schema).swap_remove(0)
    }

    /// Values that fit, the least first; each alternative and each property is in one of
    /// them, as deep as `DEPTH` allows.
    pub(crate) fn samples(&self, schema: &Json) -> Vec<Json> {
        self.samples_within(schema, DEPTH)
    }

    fn samples_within(&self, schema: &Json, depth: usize) -> Vec<Json> {
        let depth = match (schema.get("$ref"), depth) {
            (None, depth) => depth,
            (Some(_), 0) => return Vec::new(),
            (Some(_), depth) => depth - 1,
        };
        let schema = self.resolve(schema);
        if let Some(example) = schema.get("example") {
            return vec![example.clone()];
        }
        if let Some(values) = schema.get("enum").and_then(Json::as_array) {
            return values.clone();
        }
        if let Some(forms) = schema.get("oneOf").or(schema.get("anyOf")) {
            let forms = forms.as_array().unwrap().iter();
            return forms
                .flat_map(|it| self.samples_within(it, depth))
                .collect();
        }
        match schema["type"].as_str().unwrap() {
            "boolean" => vec![json!(true), json!(false)],
            "integer" => vec![schema.get("minimum").cloned().unwrap_or(json!(0)), json!(1)],
            "string" => vec![json!(match schema.get("format").and_then(Json::as_str) {
                Some("uuid") => "00000000-0000-7000-8000-000000000000",
                Some("date-time") => "2026-11-24T09:16:17.763Z",
                Some("date") => "2026-11-24",
                _ => "x",
            })],
            "array" => self.arrays(schema, depth),
            "object" => self.objects(schema, depth),
            other => panic!("the type {other}"),
        }
    }

    fn arrays(&self, schema: &Json, depth: usize) -> Vec<Json> {
        let least = schema.get("minItems").and_then(Json::as_u64).unwrap_or(0) as usize;
        let items = self.samples_within(&schema["items"], depth);
        let empty = (least == 0).then(|| json!([]));
        let filled = items
            .into_iter()
            .map(|item| json!(vec![item; least.max(1)]));
        empty.into_iter().chain(filled).collect()
    }

    fn objects(&self, schema: &Json, depth: usize) -> Vec<Json> {
        let none = Map::new();
        let properties = schema
            .get("properties")
            .map_or(&none, |it| it.as_object().unwrap());
        let mut base = json!({});
        for name in schema
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            let name = name.as_str().unwrap();
            let samples = self.samples_within(&properties[name], depth);
            let Some(first) = samples.into_iter().next() else {
                return Vec::new();
            };
            base[name] = first;
        }
        let mut objects = Vec::new();
        if schema.get("minProperties").is_none() {
            objects.push(base.clone());
        }
        for (name, property) in properties {
            for value in self.samples_within(property, depth) {
                let mut object = base.clone();
                object[name] = value;
                objects.push(object);
            }
        }
        objects
    }
}
