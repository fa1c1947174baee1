//! Migrations as text.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use crate::migrate::{Applied, Migration, Status};

/// What a run did for one owner.
pub(super) fn applied(owner: &str, migrations: &[Migration], applied: &Applied) -> String {
    if applied.versions.is_empty() {
        return format!("{owner}: nothing was pending\n");
    }
    let done = migrations
        .iter()
        .filter(|it| applied.versions.contains(&it.version));
    done.map(|it| format!("{owner}: applied {:04} {}\n", it.version, it.name))
        .collect()
}

/// One line each, in columns.
pub(super) fn table(stands: &[(String, Vec<Status>)]) -> String {
    let mut rows = vec![["scope", "version", "name", "applied at", "state"].map(str::to_owned)];
    for (owner, status) in each(stands) {
        rows.push([
            owner.to_owned(),
            format!("{:04}", status.version),
            status.name.escape_debug().to_string(),
            status.applied_at.map_or_else(|| "-".into(), time),
            status.state.word().to_owned(),
        ]);
    }
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let line = |row: &[String; 5]| {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

/// A list of objects.
pub(super) fn json(stands: &[(String, Vec<Status>)]) -> String {
    let list = each(stands).map(|(owner, status)| {
        json!({
            "scope": owner,
            "version": status.version,
            "name": status.name,
            "appliedAt": status.applied_at.map(time),
            "state": status.state.word(),
        })
    });
    let list: Vec<_> = list.collect();
    format!("{:#}\n", json!(list))
}

fn each(stands: &[(String, Vec<Status>)]) -> impl Iterator<Item = (&str, &Status)> {
    stands
        .iter()
        .flat_map(|(owner, all)| all.iter().map(move |status| (owner.as_str(), status)))
}

/// What would run, each migration behind a comment that names it.
pub(super) fn statements(owner: &str, planned: &[&Migration]) -> String {
    let one = |it: &&Migration| {
        format!(
            "-- {owner} {:04} {}\n{}\n\n",
            it.version,
            it.name,
            it.statements.trim_end()
        )
    };
    planned.iter().map(one).collect()
}

fn time(micros: i64) -> String {
    let since = Duration::from_micros(micros.try_into().unwrap_or_default());
    humantime::format_rfc3339_micros(UNIX_EPOCH + since).to_string()
}
