//! Content that is inspected, and what is reported of it.

use super::blobs::{asked, id};
use super::contract::exports::gateway::plugin::handler::{Request, Response};
use super::contract::exports::gateway::plugin::inspected::{Guest, Inspection, Outcome, Report};
use super::contract::gateway::plugin::sql::{self, Error, Kind, Transaction, Value};
use super::{Misfit, answer, database, resources, tell_of_panics};

/// Asks for an inspection; `rollback` forgets it.
pub(super) fn ask(request: &Request) -> Response {
    let media_type = asked(request, "type").unwrap_or("text/plain");
    let tag = asked(request, "tag").unwrap_or_default();
    let done = Transaction::begin().and_then(|transaction| {
        let done = transaction.inspect(&id(request), media_type, tag)?;
        if asked(request, "rollback").is_none() {
            Transaction::commit(transaction)?;
        }
        Ok(done)
    });
    match done {
        Ok(done) => answer(200, done.to_string()),
        Err(Error::InvalidStatement(text)) => answer(400, text),
        Err(error) => answer(500, format!("{error:?}")),
    }
}

/// Everything that was reported with a tag, as a JSON list.
pub(super) fn told(request: &Request) -> Response {
    match notes(&begin(asked(request, "tag").unwrap_or_default())) {
        Ok(notes) => answer(200, format!("[{}]", notes.join(","))),
        Err(error) => answer(500, format!("{error:?}")),
    }
}

/// A tag says what becomes of the report: `trap…` and `spin…` never take it, `late…` is
/// refused the first time.
impl Guest for Misfit {
    fn inspected(tag: String, report: Report) -> Result<(), String> {
        tell_of_panics();
        if tag.starts_with("trap") {
            core::arch::wasm32::unreachable();
        }
        if tag.starts_with("spin") {
            resources::spin();
        }
        let first = format!("refused {tag};");
        if tag.starts_with("late") && notes(&first).map_err(text)?.is_empty() {
            note(&first, "", &report).map_err(text)?;
            return Err("not the first time".to_owned());
        }
        note(&begin(&tag), &shown(&report), &report).map_err(text)
    }
}

fn begin(tag: &str) -> String {
    format!("report {tag};")
}

/// Keeps a note, and what was derived with it.
fn note(begin: &str, text: &str, report: &Report) -> Result<(), Error> {
    let transaction = Transaction::begin()?;
    let note = Value::Text(format!("{begin}{text}"));
    let row = [Value::Integer(database::some_id()), note];
    transaction.execute("INSERT INTO misfit_rows (id, note) VALUES (?, ?)", &row)?;
    let inspections = report.inspections.iter();
    for derived in inspections.flat_map(|inspection| &inspection.derived) {
        transaction.link(&derived.blob)?;
    }
    Transaction::commit(transaction)
}

/// What follows a beginning, of every note that has it.
fn notes(begin: &str) -> Result<Vec<String>, Error> {
    let rows = sql::query(
        "SELECT note FROM misfit_rows WHERE note LIKE ?",
        &[Value::Text(format!("{begin}%"))],
        &[Kind::Text],
    )?;
    let heap = String::from_utf8_lossy(&rows.heap).into_owned();
    // The notes follow each other, each with the same beginning.
    Ok(heap.split(begin).skip(1).map(str::to_owned).collect())
}

fn shown(report: &Report) -> String {
    let inspections: Vec<_> = report.inspections.iter().map(one).collect();
    format!(
        "{{\"blob\":{:?},\"inspections\":[{}]}}",
        report.blob,
        inspections.join(",")
    )
}

fn one(inspection: &Inspection) -> String {
    let (word, text) = match &inspection.outcome {
        Outcome::Clean => ("clean", ""),
        Outcome::Suspicious(text) => ("suspicious", text.as_str()),
        Outcome::Unknown(text) => ("unknown", text.as_str()),
        Outcome::Failed(text) => ("failed", text.as_str()),
    };
    let facts = inspection.facts.iter();
    let facts: Vec<_> = facts
        .map(|it| format!("{:?}:{:?}", it.name, it.value))
        .collect();
    let derived = inspection.derived.iter().map(|it| {
        format!(
            "[{:?},{:?},{:?},{}]",
            it.name, it.media_type, it.blob, it.size
        )
    });
    let derived: Vec<_> = derived.collect();
    format!(
        "{{\"by\":{:?},\"outcome\":[{word:?},{text:?}],\"facts\":{{{}}},\"derived\":[{}]}}",
        inspection.inspector,
        facts.join(","),
        derived.join(",")
    )
}

fn text(error: Error) -> String {
    format!("{error:?}")
}
