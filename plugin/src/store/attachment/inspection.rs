//! What was found in an attachment's bytes.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::{tag, usage};
use crate::domain::attachment::Findings;
use crate::domain::caller::Caller;
use crate::ports::{Database, Error, Kind, Row, Transaction, Value, ValueRef};
use crate::store::attempt::{Step, attempt};
use crate::store::sql::{Sql, optional, text, uuid};
use crate::store::{audit, told};

/// What became of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Done,
    /// They are known already, or nobody needs them any more.
    Before,
    /// The store has forgotten the small picture.
    Lost,
}

/// Keeps what was found in a blob of a file, the first time that it is told: reports come
/// more than once. What is suspicious is kept back, and who downloads it is cut.
pub(crate) fn take(
    db: &impl Database,
    now: i64,
    (file, blob): (Uuid, &str),
    findings: &Findings,
) -> Result<Taken, Error> {
    let update = update_statement(now, (file, blob), findings);
    attempt(db, |transaction| {
        if update.execute_in(transaction)? == 0 {
            return Ok(Step::Abandon(Taken::Before));
        }
        // The row is locked: what is read now is what the update has found.
        let mut select = Sql::new("SELECT tenant_id, created_by, meta_data FROM chat_files");
        select.bind(" WHERE id = ?", [uuid(file)]);
        let rows = select.query_in(transaction, &[Kind::Text, Kind::Text, Kind::Text])?;
        let Some((tenant, owner, meta)) = rows.first().map(read) else {
            return Ok(Step::Abandon(Taken::Before));
        };
        if let Some(meta) = described(&meta, findings) {
            let mut update = Sql::new("UPDATE chat_files SET meta_data = ");
            update.bind("? WHERE id = ?", [Value::Text(meta), uuid(file)]);
            update.execute_in(transaction)?;
        }
        if let Some(thumbnail) = &findings.thumbnail {
            if !transaction.link(&thumbnail.blob)? {
                return Ok(Step::Abandon(Taken::Lost));
            }
            let size = i64::try_from(thumbnail.size).unwrap_or(i64::MAX);
            usage::count(transaction, &tenant, &owner, size)?;
        }
        if findings.suspicion.is_some() {
            transaction.end_downloads(&tag::attachment(file))?;
        }
        let owner = Caller::without_permissions(&owner, &tenant);
        told::files(transaction, &owner, &[file])?;
        transaction.audit(&audit::attachment_inspected(file, &tenant, findings))?;
        Ok(Step::Commit(Taken::Done))
    })
}

/// Only what is ready becomes kept back: what a moderator has kept back stays so, and what
/// is given up is gone.
fn update_statement(now: i64, (file, blob): (Uuid, &str), findings: &Findings) -> Sql {
    let side = |side: Option<u32>| optional(side, |side| Value::Integer(side.into()));
    let (width, height) = findings.sides.unzip();
    let thumbnail = findings.thumbnail.as_ref();
    let size = thumbnail.map(|it| i64::try_from(it.size).unwrap_or(i64::MAX));
    let mut update = Sql::new("UPDATE chat_files SET inspected_on = ");
    update.bind(
        "?, clean_by = COALESCE(clean_by, ?), width = ?, height = ?, thumbnail_id = ?, \
         thumbnail_type = ?, thumbnail_bytes = ?",
        [
            Value::Timestamp(now),
            text(&findings.clean_by),
            side(width),
            side(height),
            optional(thumbnail, |it| text(&it.blob)),
            optional(thumbnail, |it| text(&it.media_type)),
            optional(size, Value::Integer),
        ],
    );
    if findings.suspicion.is_some() {
        update.push(", state = 'quarantined'");
    }
    update.bind(
        " WHERE id = ? AND blob_id = ? AND inspected_on IS NULL \
         AND state IN ('ready', 'quarantined')",
        [uuid(file), text(blob)],
    );
    update
}

fn read(row: Row<'_>) -> (String, String, String) {
    let words = |place| match row.get(place) {
        ValueRef::Text(text) => text.to_owned(),
        _ => String::new(),
    };
    (words(0), words(1), words(2))
}

/// What clients of the original read, with what is known now. None where there is nothing
/// to add, or where somebody has put something else there.
fn described(meta: &str, findings: &Findings) -> Option<String> {
    let mut meta: Map<String, Json> = serde_json::from_str(meta).ok()?;
    let is_ours = ["name", "size", "type"]
        .iter()
        .all(|it| meta.contains_key(*it));
    let (width, height) = findings.sides.filter(|_| is_ours && meta.len() == 3)?;
    meta.insert("width".to_owned(), width.into());
    meta.insert("height".to_owned(), height.into());
    meta.insert("thumbnail".to_owned(), findings.thumbnail.is_some().into());
    Some(Json::Object(meta).to_string())
}
