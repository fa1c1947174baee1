//! What a statement of a migration makes, changes and takes away, by name.

use super::lexer::{Kind, Token};
use super::statement::tokens;
use crate::contract::sql::{Dialect, Error};

/// The names are in lower case, with their schema where they are written with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// What is there afterwards and can't have been there before.
    pub(crate) made: Vec<String>,
    /// What is changed or taken away.
    pub(crate) touched: Vec<String>,
    /// What is not there any more afterwards.
    pub(crate) gone: Vec<String>,
}

/// Reads one statement.
///
/// # Errors
/// `invalid-statement` when it takes away what it doesn't name, or nothing at all.
pub(crate) fn effect(dialect: Dialect, statement: &str) -> Result<Effect, Error> {
    let tokens = tokens(dialect, statement).map_err(|error| invalid(error.to_string()))?;
    let mut words = Words(&tokens);
    if cascades(&tokens) {
        return Err(invalid("CASCADE takes away what nobody named"));
    }
    let effect = if words.skip(&["CREATE"]) {
        creation(&mut words)
    } else if words.skip(&["DROP"]) {
        words.next();
        words.skip(&["CONCURRENTLY"]);
        words.skip_both("IF", "EXISTS");
        removal(words.names())
    } else if words.skip(&["TRUNCATE"]) {
        words.skip(&["TABLE"]);
        words.skip(&["ONLY"]);
        change(words.names())
    } else if words.skip(&["RENAME"]) || words.skip(&["ALTER"]) {
        words.next();
        words.skip_both("IF", "EXISTS");
        words.skip(&["ONLY"]);
        alteration(&mut words)
    } else if words.skip(&["DELETE"]) {
        words.skip(&["FROM"]);
        words.skip(&["ONLY"]);
        change(words.name().into_iter().collect())
    } else if words.skip(&["UPDATE"]) {
        words.skip(&["ONLY"]);
        change(words.name().into_iter().collect())
    } else {
        return Ok(Effect::default());
    };
    effect.ok_or_else(|| invalid("it names nothing"))
}

fn creation(words: &mut Words<'_>) -> Option<Effect> {
    let replaces = words.skip_both("OR", "REPLACE");
    while words.skip(&[
        "UNIQUE",
        "FULLTEXT",
        "SPATIAL",
        "VIRTUAL",
        "TEMPORARY",
        "TEMP",
    ]) {}
    words.next();
    words.skip(&["CONCURRENTLY"]);
    // One that was there before isn't known to be ours.
    let maybe = words.skip_both("IF", "NOT") && words.skip(&["EXISTS"]);
    // PostgreSQL finds a name for an index that has none.
    let name = match words.is("ON") {
        true => None,
        false => words.name(),
    };
    let name: Vec<String> = name.into_iter().collect();
    Some(Effect {
        made: if maybe { Vec::new() } else { name.clone() },
        touched: if replaces { name } else { Vec::new() },
        gone: Vec::new(),
    })
}

fn alteration(words: &mut Words<'_>) -> Option<Effect> {
    let name = words.name()?;
    let mut effect = change(vec![name.clone()])?;
    // Of MySQL's `RENAME TABLE a TO b` the new name isn't kept: no plugin may say it.
    loop {
        if words.skip_both("RENAME", "TO") || words.skip_both("RENAME", "AS") {
            effect.made.extend(words.name());
            effect.gone.push(name.clone());
        } else if words.next().is_none() {
            return Some(effect);
        }
    }
}

fn removal(names: Vec<String>) -> Option<Effect> {
    let mut effect = change(names)?;
    effect.gone.clone_from(&effect.touched);
    Some(effect)
}

fn change(names: Vec<String>) -> Option<Effect> {
    (!names.is_empty()).then(|| Effect {
        touched: names,
        ..Effect::default()
    })
}

/// A CASCADE that isn't part of what a foreign key does.
fn cascades(tokens: &[Token<'_>]) -> bool {
    let mut previous = None;
    for token in tokens {
        let of_key =
            previous.is_some_and(|before: &Token<'_>| before.is("DELETE") || before.is("UPDATE"));
        if token.is("CASCADE") && !of_key {
            return true;
        }
        previous = Some(token);
    }
    false
}

/// What is left of a statement.
struct Words<'a>(&'a [Token<'a>]);

impl<'a> Words<'a> {
    fn is(&self, keyword: &str) -> bool {
        self.0.first().is_some_and(|token| token.is(keyword))
    }

    fn next(&mut self) -> Option<&'a Token<'a>> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// Passes over one of the words, if it is the next.
    fn skip(&mut self, any: &[&str]) -> bool {
        let found = any.iter().any(|word| self.is(word));
        if found {
            self.next();
        }
        found
    }

    fn skip_both(&mut self, one: &str, other: &str) -> bool {
        let [first, second, rest @ ..] = self.0 else {
            return false;
        };
        let found = first.is(one) && second.is(other);
        if found {
            self.0 = rest;
        }
        found
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let found = self.0.first().is_some_and(|token| token.text == symbol);
        if found {
            self.next();
        }
        found
    }

    fn name(&mut self) -> Option<String> {
        let mut name = self.part()?;
        while self.symbol(".") {
            name.push('.');
            name.push_str(&self.part()?);
        }
        Some(name)
    }

    fn part(&mut self) -> Option<String> {
        let first = self.0.first()?;
        matches!(first.kind, Kind::Word | Kind::Quoted | Kind::String).then(|| {
            self.next();
            first.name().to_ascii_lowercase()
        })
    }

    fn names(&mut self) -> Vec<String> {
        let mut names: Vec<String> = self.name().into_iter().collect();
        while self.symbol(",") {
            names.extend(self.name());
        }
        names
    }
}

fn invalid(reason: impl Into<String>) -> Error {
    Error::InvalidStatement(reason.into())
}
