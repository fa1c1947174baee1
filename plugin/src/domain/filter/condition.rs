//! `where`: conditions on the properties of a model.

use serde_json::{Value, json};

use super::literal::{self, Literal};
use crate::domain::model::{Model, Property, Type};
use crate::domain::pattern::{Like, Regexp};
use crate::domain::violation::{Violation, shortened};

/// `and` and `or` inside of one another.
pub(crate) const MAX_DEPTH: usize = 16;
/// Conditions in a `where`, groups included.
pub(crate) const MAX_CONDITIONS: usize = 200;
/// Values in a `where`: the smallest limit of parameters that a database has is far
/// above.
pub(crate) const MAX_VALUES: usize = 1_000;

/// What a row has to fulfil.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// All of them; an empty list is true.
    All(Vec<Condition>),
    /// At least one of them; never empty.
    Any(Vec<Condition>),
    /// One property.
    Property(&'static Property, Test),
}

/// What a property has to fulfil. As in SQL, a NULL fulfils nothing but `IsNull`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    IsNull(bool),
    Compare(Comparison, Literal),
    /// Both ends included.
    Between(Literal, Literal),
    OneOf {
        values: Vec<Literal>,
        negated: bool,
    },
    Like {
        pattern: Like,
        ignore_case: bool,
        negated: bool,
    },
    Regexp(Regexp),
}

/// The comparisons of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a property can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Compare(Comparison),
    Between,
    OneOf { negated: bool },
    Like { ignore_case: bool, negated: bool },
    Regexp,
    Exists,
}

impl Operator {
    /// As clients write them.
    pub(crate) const ALL: [(&'static str, Self); 15] = {
        const fn like(ignore_case: bool, negated: bool) -> Operator {
            Operator::Like {
                ignore_case,
                negated,
            }
        }
        [
            ("eq", Self::Compare(Comparison::Equal)),
            ("neq", Self::Compare(Comparison::NotEqual)),
            ("gt", Self::Compare(Comparison::Greater)),
            ("gte", Self::Compare(Comparison::GreaterOrEqual)),
            ("lt", Self::Compare(Comparison::Less)),
            ("lte", Self::Compare(Comparison::LessOrEqual)),
            ("between", Self::Between),
            ("inq", Self::OneOf { negated: false }),
            ("nin", Self::OneOf { negated: true }),
            ("like", like(false, false)),
            ("nlike", like(false, true)),
            ("ilike", like(true, false)),
            ("nilike", like(true, true)),
            ("regexp", Self::Regexp),
            ("exists", Self::Exists),
        ]
    };

    fn named(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(name, _)| *name == word)
            .map(|(_, operator)| operator)
    }

    /// Whether it makes sense for a property of that type, with whatever value.
    pub(crate) const fn fits(self, kind: Type) -> bool {
        match self {
            Self::Compare(Comparison::Equal | Comparison::NotEqual) | Self::Exists => true,
            Self::Like { .. } | Self::Regexp => matches!(kind, Type::Text),
            Self::Compare(_) | Self::Between | Self::OneOf { .. } => !matches!(kind, Type::Json),
        }
    }
}

impl Comparison {
    /// Whether NULL can be compared with, too.
    pub(crate) const fn takes_null(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }
}

impl Condition {
    /// A property that has to have a value.
    pub(crate) fn equal(property: &'static Property, value: Literal) -> Self {
        Self::Property(property, Test::Compare(Comparison::Equal, value))
    }

    /// One condition, and another one if there is one.
    pub(crate) fn both(one: Self, other: Option<Self>) -> Self {
        match other {
            None => one,
            Some(other) => Self::All(vec![one, other]),
        }
    }

    /// The one value that the condition allows for a property, where that can be told
    /// at sight.
    pub(crate) fn pinned(&self, wanted: &Property) -> Option<&Literal> {
        match self {
            Self::All(conditions) => conditions.iter().find_map(|it| it.pinned(wanted)),
            Self::Property(property, Test::Compare(Comparison::Equal, value)) => {
                (*property == wanted).then_some(value)
            }
            Self::Any(_) | Self::Property(..) => None,
        }
    }
}

/// Reads a `where` object. `path` is where it stands.
pub(super) fn parse(
    model: &'static Model,
    value: &Value,
    path: &str,
) -> Result<Condition, Violation> {
    let mut parser = Parser {
        model,
        conditions: 0,
        values: 0,
    };
    parser.group(value, path, 0)
}

struct Parser {
    model: &'static Model,
    conditions: usize,
    values: usize,
}

impl Parser {
    fn group(&mut self, value: &Value, path: &str, depth: usize) -> Result<Condition, Violation> {
        let object = value
            .as_object()
            .ok_or_else(|| Violation::wrong_type(path, "object"))?;
        if depth > MAX_DEPTH {
            let message = format!("must NOT be nested deeper than {MAX_DEPTH}");
            return Err(Violation::new(
                path,
                "maxDepth",
                message,
                json!({ "limit": MAX_DEPTH }),
            ));
        }
        let mut all = Vec::with_capacity(object.len());
        for (key, value) in object {
            self.count(path)?;
            match key.as_str() {
                "and" => all.push(Condition::All(self.list(value, path, "and", depth)?)),
                "or" => all.push(Condition::Any(self.list(value, path, "or", depth)?)),
                name => {
                    let property = self
                        .model
                        .property(name)
                        .ok_or_else(|| Violation::unknown_property(path, name))?;
                    self.property(property, value, path, &mut all)?;
                }
            }
        }
        Ok(Condition::All(all))
    }

    /// An empty list is refused: is it true or false? Clients don't agree.
    fn list(
        &mut self,
        value: &Value,
        path: &str,
        key: &str,
        depth: usize,
    ) -> Result<Vec<Condition>, Violation> {
        let path = format!("{path}/{key}");
        let items = value
            .as_array()
            .ok_or_else(|| Violation::wrong_type(path.as_str(), "array"))?;
        if items.is_empty() {
            return Err(Violation::too_few(path, 1));
        }
        let mut list = Vec::new();
        for (index, item) in items.iter().enumerate() {
            self.count(&path)?;
            list.push(self.group(item, &format!("{path}/{index}"), depth + 1)?);
        }
        Ok(list)
    }

    fn property(
        &mut self,
        property: &'static Property,
        value: &Value,
        path: &str,
        all: &mut Vec<Condition>,
    ) -> Result<(), Violation> {
        let path = format!("{path}/{}", property.name);
        let Value::Object(operators) = value else {
            let test = self.equality(property, value, &path, false)?;
            all.push(Condition::Property(property, test));
            return Ok(());
        };
        if operators.is_empty() {
            let message = "must NOT have fewer than 1 properties";
            return Err(Violation::new(
                path,
                "minProperties",
                message,
                json!({ "limit": 1 }),
            ));
        }
        for (operator, value) in operators {
            self.count(&path)?;
            let path = format!("{path}/{}", shortened(operator));
            let test = self.test(property, operator, value, &path)?;
            all.push(Condition::Property(property, test));
        }
        Ok(())
    }

    fn test(
        &mut self,
        property: &'static Property,
        operator: &str,
        value: &Value,
        path: &str,
    ) -> Result<Test, Violation> {
        let Some(operator) = Operator::named(operator) else {
            let message = match operator {
                "contains" | "containsAny" | "match" => format!(
                    "`{operator}` does not fit `{}`: it holds no list",
                    property.name
                ),
                _ => format!("`{}` is no operator", shortened(operator)),
            };
            return Err(Violation::new(path, "operator", message, json!({})));
        };
        let test = match operator {
            Operator::Compare(Comparison::Equal) => self.equality(property, value, path, false)?,
            Operator::Compare(Comparison::NotEqual) => {
                self.equality(property, value, path, true)?
            }
            Operator::Compare(comparison) => self.comparison(property, comparison, value, path)?,
            Operator::Between => match value.as_array().map(Vec::as_slice) {
                Some([low, high]) => Test::Between(
                    self.literal(property, low, path)?,
                    self.literal(property, high, path)?,
                ),
                _ => {
                    let message = "must be a list of two values";
                    return Err(Violation::new(path, "between", message, json!({})));
                }
            },
            Operator::OneOf { negated } => self.one_of(property, value, path, negated)?,
            Operator::Like {
                ignore_case,
                negated,
            } => self.like(property, value, path, ignore_case, negated)?,
            Operator::Regexp => {
                let text = self.pattern(property, value, path)?;
                let regexp = Regexp::parse(text).map_err(|reason| {
                    Violation::new(path, "regexp", format!("regexp {reason}"), json!({}))
                })?;
                Test::Regexp(regexp)
            }
            Operator::Exists => match literal::boolean(value) {
                Some(exists) => Test::IsNull(!exists),
                None => return Err(Violation::wrong_type(path, "boolean")),
            },
        };
        Ok(test)
    }

    fn equality(
        &mut self,
        property: &Property,
        value: &Value,
        path: &str,
        negated: bool,
    ) -> Result<Test, Violation> {
        if value.is_null() {
            return Ok(Test::IsNull(!negated));
        }
        let comparison = match negated {
            true => Comparison::NotEqual,
            false => Comparison::Equal,
        };
        self.comparison(property, comparison, value, path)
    }

    fn comparison(
        &mut self,
        property: &Property,
        comparison: Comparison,
        value: &Value,
        path: &str,
    ) -> Result<Test, Violation> {
        Ok(Test::Compare(
            comparison,
            self.literal(property, value, path)?,
        ))
    }

    fn one_of(
        &mut self,
        property: &Property,
        value: &Value,
        path: &str,
        negated: bool,
    ) -> Result<Test, Violation> {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            // With brackets, a list of one may be written without an index.
            Value::String(_) => std::slice::from_ref(value),
            _ => return Err(Violation::wrong_type(path, "array")),
        };
        let values = items.iter().map(|item| self.literal(property, item, path));
        Ok(Test::OneOf {
            values: values.collect::<Result<_, _>>()?,
            negated,
        })
    }

    fn like(
        &mut self,
        property: &Property,
        value: &Value,
        path: &str,
        ignore_case: bool,
        negated: bool,
    ) -> Result<Test, Violation> {
        let text = self.pattern(property, value, path)?;
        let pattern = Like::parse(text).map_err(|reason| {
            Violation::new(path, "pattern", format!("pattern {reason}"), json!({}))
        })?;
        Ok(Test::Like {
            pattern,
            ignore_case,
            negated,
        })
    }

    fn pattern<'v>(
        &mut self,
        property: &Property,
        value: &'v Value,
        path: &str,
    ) -> Result<&'v str, Violation> {
        self.value(path)?;
        if !Operator::Regexp.fits(property.kind) {
            let message = format!("patterns do not fit `{}`: it holds no text", property.name);
            return Err(Violation::new(path, "operator", message, json!({})));
        }
        value
            .as_str()
            .filter(|text| !text.contains('\0'))
            .ok_or_else(|| Violation::wrong_type(path, "string"))
    }

    fn literal(
        &mut self,
        property: &Property,
        value: &Value,
        path: &str,
    ) -> Result<Literal, Violation> {
        self.value(path)?;
        Literal::parse(property, value, path)
    }

    fn count(&mut self, path: &str) -> Result<(), Violation> {
        self.conditions += 1;
        match self.conditions > MAX_CONDITIONS {
            true => Err(Violation::too_many(path, MAX_CONDITIONS)),
            false => Ok(()),
        }
    }

    fn value(&mut self, path: &str) -> Result<(), Violation> {
        self.values += 1;
        match self.values > MAX_VALUES {
            true => Err(Violation::too_many(path, MAX_VALUES)),
            false => Ok(()),
        }
    }
}
