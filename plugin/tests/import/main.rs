//! The import, linked natively, from one SQLite to another.
#![cfg(test)]

mod quirks;
mod run;
mod support;

use chat::ports::Dialect;
use support::World;

/// What every run here is told.
const TENANT: &str = r#"{"tenant":"t"}"#;

/// A small UUID, as the original writes it.
fn id(number: u32) -> String {
    format!("00000000-0000-0000-0000-{number:012}")
}

/// A message on the original's side. `more` are further columns and their SQL.
fn message(
    world: &World,
    number: u32,
    channel: &str,
    sender: &str,
    at: i64,
    more: &[(&str, &str)],
) {
    let mut columns = vec![
        ("id", format!("'{}'", id(number))),
        ("body", format!("'body {number}'")),
        ("channel_id", format!("'{channel}'")),
        ("channel_type", "'direct'".to_owned()),
        ("created_by", format!("'{sender}'")),
        ("created_on", at.to_string()),
        ("modified_on", at.to_string()),
        ("status", "0".to_owned()),
    ];
    insert(world, "messages", &mut columns, more);
}

/// A recipient on the original's side.
fn recipient(world: &World, number: u32, message: u32, user: &str, at: i64, more: &[(&str, &str)]) {
    let mut columns = vec![
        ("id", format!("'{}'", id(number))),
        ("message_id", format!("'{}'", id(message))),
        ("channel_id", "'c'".to_owned()),
        ("recipient_id", format!("'{user}'")),
        ("created_by", "'ann'".to_owned()),
        ("created_on", at.to_string()),
        ("modified_on", at.to_string()),
    ];
    insert(world, "message_recipients", &mut columns, more);
}

fn insert<'a>(
    world: &World,
    table: &str,
    columns: &mut Vec<(&'a str, String)>,
    more: &[(&'a str, &str)],
) {
    columns.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    columns.extend(more.iter().map(|(name, sql)| (*name, (*sql).to_owned())));
    let (names, values): (Vec<_>, Vec<_>) = columns.iter().cloned().unzip();
    world.original(&format!(
        "INSERT INTO {table} ({}) VALUES ({})",
        names.join(", "),
        values.join(", ")
    ));
}

/// The cells of a table's line in the report.
fn counts(lines: &[String], table: &str) -> Vec<u64> {
    let line = lines
        .iter()
        .find(|line| line.starts_with(&format!("{table} ")));
    let cells = line.unwrap_or_else(|| panic!("no line of {table}: {lines:#?}"));
    cells
        .split_whitespace()
        .skip(1)
        .map(|cell| cell.parse().unwrap())
        .collect()
}

fn both(test: impl Fn(World)) {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        test(World::new(dialect));
    }
}
