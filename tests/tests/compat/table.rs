//! The table of operations and databases in the documentation.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, Write};

use gateway_tests::database::Dialect;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
const BEFORE: &str = "<!-- operations: written by the tests -->\n";
const AFTER: &str = "<!-- /operations -->";
const HEAD: &str = "| operation | SQLite | PostgreSQL | MySQL, MariaDB |\n|---|---|---|---|\n";

/// An operation, and the statuses that were seen of it.
pub(crate) type Row = (&'static str, &'static str, BTreeSet<u16>);

/// Compares one database's column of the table with what was seen, or, with `UPDATE_DOCS`,
/// writes it. The databases are tested at the same time, so the file is locked.
pub(crate) fn documented(dialect: Dialect, rows: &[Row]) {
    let column = match dialect {
        Dialect::Sqlite => 0,
        Dialect::Postgres => 1,
        Dialect::Mysql => 2,
    };
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let mut file = File::options().read(true).write(update).open(DOCS).unwrap();
    match update {
        true => file.lock().unwrap(),
        false => file.lock_shared().unwrap(),
    }
    let mut docs = String::new();
    file.read_to_string(&mut docs).unwrap();
    let (head, rest) = docs.split_once(BEFORE).expect(BEFORE);
    let (old, tail) = rest.split_once(AFTER).expect(AFTER);

    let mut table = HEAD.to_owned();
    for (method, route, statuses) in rows {
        let name = format!("| `{method} {route}` |");
        let mut cells = cells(old, &name);
        let statuses: Vec<_> = statuses.iter().map(u16::to_string).collect();
        cells[column] = statuses.join(" ");
        let [sqlite, postgres, mysql] = cells;
        table += &format!("{name} {sqlite} | {postgres} | {mysql} |\n");
    }
    if update {
        let docs = format!("{head}{BEFORE}{table}{AFTER}{tail}");
        file.set_len(0).unwrap();
        file.rewind().unwrap();
        file.write_all(docs.as_bytes()).unwrap();
        return;
    }
    assert_eq!(
        old, table,
        "run the tests of the three databases with UPDATE_DOCS=1"
    );
}

/// What the table says of an operation so far.
fn cells(table: &str, name: &str) -> [String; 3] {
    let line = table.lines().find_map(|line| line.strip_prefix(name));
    let mut cells = line.unwrap_or_default().split('|').map(str::trim);
    std::array::from_fn(|_| cells.next().unwrap_or_default().to_owned())
}
