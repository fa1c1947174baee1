//! What one call may say, and the text that is sent for it.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::lexer::{Kind, Lexer, Token, Unreadable};
use super::names;
use crate::contract::sql::{Dialect, Error};

/// The longest statement, in bytes.
const MAX_LENGTH: usize = 256 * 1024;
/// Parameters of one statement at most: what SQLite takes. PostgreSQL and MySQL take
/// twice as many.
const MAX_PARAMS: usize = 32_766;
/// The text that the cache holds at most, in bytes.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// The size of a statement that the cache is laid out for, in bytes.
const USUAL_LENGTH: usize = 512;

/// What a call may start with.
const FIRST: [&str; 7] = [
    "SELECT", "WITH", "VALUES", "INSERT", "UPDATE", "DELETE", "REPLACE",
];
/// What makes a statement that starts with `WITH` one that writes.
const WRITES: [&str; 5] = ["INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"];

/// One statement that passed the checks, as it is sent.
#[derive(Debug)]
pub(super) struct Statement {
    /// The text, with the placeholders of the dialect.
    pub(super) text: SqlStr,
    /// How many parameters it takes.
    pub(super) placeholders: usize,
    /// It changes nothing, so it may run on a reader and be run again.
    pub(super) reads: bool,
}

/// Who wrote a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// A plugin: every check.
    Plugin,
    /// The host itself, whose tables start with `gateway_`.
    Host,
}

impl Statement {
    /// Reads, checks and rewrites a text.
    ///
    /// # Errors
    /// `invalid-statement`, with the reason.
    pub(super) fn new(dialect: Dialect, author: Author, text: &str) -> Result<Self, Error> {
        if text.len() > MAX_LENGTH {
            return Err(invalid(format!("longer than {MAX_LENGTH} bytes")));
        }
        let tokens = tokens(dialect, text).map_err(invalid)?;
        let Some(first) = tokens.first() else {
            return Err(invalid("no statement"));
        };
        if author == Author::Plugin {
            check(dialect, first, &tokens)?;
        }
        let (text, placeholders) = rewrite(dialect, text, &tokens);
        if placeholders > MAX_PARAMS {
            return Err(invalid(format!("more than {MAX_PARAMS} placeholders")));
        }
        Ok(Self {
            text,
            placeholders,
            reads: reads(first, &tokens),
        })
    }
}

/// All pieces of a text.
pub(super) fn tokens(dialect: Dialect, text: &str) -> Result<Vec<Token<'_>>, Unreadable> {
    match text.find('\0') {
        Some(at) => Err(Unreadable {
            what: "a NUL byte",
            at,
        }),
        None => Lexer::new(dialect, text).collect(),
    }
}

fn invalid(reason: impl ToString) -> Error {
    Error::InvalidStatement(reason.to_string())
}

fn check(dialect: Dialect, first: &Token<'_>, tokens: &[Token<'_>]) -> Result<(), Error> {
    if !FIRST.iter().any(|keyword| first.is(keyword)) {
        return Err(invalid(format!(
            "a statement starts with one of {}",
            FIRST.join(", ")
        )));
    }
    let mut pieces = tokens
        .iter()
        .skip_while(|token| token.kind != Kind::Semicolon);
    if let Some(second) = pieces.find(|token| token.kind != Kind::Semicolon) {
        return Err(invalid(format!(
            "a second statement at byte {}",
            second.start
        )));
    }
    for (token, next) in tokens.iter().zip(tokens.iter().skip(1)) {
        if token.is("INTO") && (next.is("OUTFILE") || next.is("DUMPFILE")) {
            return Err(invalid(format!("a file is written at byte {}", next.start)));
        }
    }
    if dialect == Dialect::Postgres
        && let Some(into) = select_into(tokens)
    {
        return Err(invalid(format!("a table is made at byte {}", into.start)));
    }
    names::check(dialect, tokens)
}

/// The INTO of a `SELECT … INTO table`, which PostgreSQL takes for CREATE TABLE: one
/// that has a SELECT before it, between the same parentheses. That of INSERT and MERGE
/// has none; the word before it tells nothing, since a column may be called `insert`.
fn select_into<'a, 't>(tokens: &'t [Token<'a>]) -> Option<&'t Token<'a>> {
    // Whether a SELECT was seen, for each parenthesis that is open.
    let mut outer = Vec::new();
    let mut selects = false;
    for token in tokens {
        match token.text {
            "(" => outer.push(std::mem::take(&mut selects)),
            ")" => selects = outer.pop().unwrap_or_default(),
            _ if token.is("SELECT") => selects = true,
            _ if selects && token.is("INTO") => return Some(token),
            _ => {}
        }
    }
    None
}

fn reads(first: &Token<'_>, tokens: &[Token<'_>]) -> bool {
    first.is("SELECT")
        || first.is("VALUES")
        || first.is("WITH")
            && !tokens
                .iter()
                .any(|token| WRITES.iter().any(|keyword| token.is(keyword)))
}

/// The text with `$1`, `$2`, … for PostgreSQL. Nothing else changes.
fn rewrite(dialect: Dialect, text: &str, tokens: &[Token<'_>]) -> (SqlStr, usize) {
    let placeholders = tokens
        .iter()
        .filter(|token| token.kind == Kind::Placeholder);
    if dialect != Dialect::Postgres {
        return (
            AssertSqlSafe(Arc::<str>::from(text)).into_sql_str(),
            placeholders.count(),
        );
    }
    let mut out = String::with_capacity(text.len() + 16);
    let (mut copied, mut count) = (0, 0);
    for placeholder in placeholders {
        count += 1;
        out.push_str(text.get(copied..placeholder.start).unwrap_or_default());
        out.push_str(&format!("${count}"));
        copied = placeholder.end();
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    (AssertSqlSafe(Arc::<str>::from(out)).into_sql_str(), count)
}

/// Statements that were seen before, so that a hot one costs one look-up.
#[derive(Debug)]
pub(super) struct Statements {
    dialect: Dialect,
    plugin: Cache<Box<str>, Arc<Statement>, Length>,
    /// Apart, so that a plugin never finds what the host alone may say.
    host: Cache<Box<str>, Arc<Statement>, Length>,
}

#[derive(Debug, Clone)]
struct Length;

impl Weighter<Box<str>, Arc<Statement>> for Length {
    fn weight(&self, key: &Box<str>, statement: &Arc<Statement>) -> u64 {
        (key.len() + statement.text.as_str().len() + 64) as u64
    }
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let cache = |bytes: u64| Cache::with_weighter(bytes as usize / USUAL_LENGTH, bytes, Length);
        Self {
            dialect,
            plugin: cache(CACHE_BYTES),
            host: cache(CACHE_BYTES / 16),
        }
    }

    /// The statement of a text, checked; and whether it takes `params` parameters.
    ///
    /// # Errors
    /// `invalid-statement`, with the reason.
    pub(super) fn get(
        &self,
        author: Author,
        text: &str,
        params: usize,
    ) -> Result<Arc<Statement>, Error> {
        let cache = match author {
            Author::Plugin => &self.plugin,
            Author::Host => &self.host,
        };
        let statement = match cache.get(text) {
            Some(statement) => statement,
            None => {
                let statement = Arc::new(Statement::new(self.dialect, author, text)?);
                cache.insert(text.into(), Arc::clone(&statement));
                statement
            }
        };
        if statement.placeholders != params {
            return Err(invalid(format!(
                "{} placeholders and {params} parameters",
                statement.placeholders
            )));
        }
        Ok(statement)
    }
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
