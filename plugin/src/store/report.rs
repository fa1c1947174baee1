//! What members find wrong with messages, and what moderators make of it.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::attempt::{Step, attempt};
use super::channel::{Done, Kept, said, time, word};
use super::sql::{Sql, id, optional, text, uuid};
use super::{Stamp, audit, event};
use crate::domain::caller::{Caller, Permission};
use crate::domain::time as times;
use crate::ports::{Database, Error, Kind, Row, Transaction, Value};

const COLUMNS: &str = "r.id, r.channel_id, r.message_id, r.reporter_id, r.reason, r.state, \
     r.created_on, r.closed_by, r.closed_on";
const KINDS: [Kind; 9] = [
    Kind::Uuid,
    Kind::Text,
    Kind::Uuid,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Timestamp,
    Kind::Text,
    Kind::Timestamp,
];

/// Somebody's report of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) id: Uuid,
    pub(crate) channel: String,
    pub(crate) message: Uuid,
    pub(crate) reporter: String,
    pub(crate) reason: Option<String>,
    pub(crate) state: String,
    /// Microseconds since 1970.
    pub(crate) on: i64,
    pub(crate) closed: Option<(String, i64)>,
}

impl Report {
    pub(crate) fn shown(&self) -> Json {
        let closed = self.closed.as_ref();
        json!({
            "id": self.id.to_string(),
            "channelId": self.channel,
            "messageId": self.message.to_string(),
            "reporterId": self.reporter,
            "reason": self.reason,
            "state": self.state,
            "createdOn": times::text(self.on),
            "closedBy": closed.map(|(user, _)| user),
            "closedOn": closed.map(|(_, on)| times::text(*on)),
        })
    }
}

fn read(row: &Row<'_>) -> Option<Report> {
    Some(Report {
        id: id(row.get(0))?,
        channel: word(row, 1)?,
        message: id(row.get(2))?,
        reporter: word(row, 3)?,
        reason: word(row, 4),
        state: word(row, 5)?,
        on: time(row, 6)?,
        closed: word(row, 7).zip(time(row, 8)),
    })
}

/// Reports a message of a channel of the caller's: once for each user, who gets the first
/// report again.
pub(crate) fn report(
    db: &impl Database,
    caller: &Caller,
    stamp: Stamp,
    message: Uuid,
    reason: Option<&str>,
) -> Result<Done<Report>, Error> {
    attempt(db, |transaction| {
        let Some(said) = said(transaction, caller, message)? else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        let mut sql = Sql::new("SELECT ");
        sql.push(COLUMNS).bind(
            " FROM chat_reports AS r WHERE r.tenant_id = ? AND r.message_id = ? \
             AND r.reporter_id = ?",
            [text(&caller.tenant), uuid(message), text(&caller.actor)],
        );
        let rows = sql.query_in(transaction, &KINDS)?;
        if let Some(known) = rows.first().and_then(|row| read(&row)) {
            return Ok(Step::Abandon(Ok(known)));
        }
        let report = Report {
            id: stamp.id,
            channel: said.message.channel,
            message,
            reporter: caller.actor.clone(),
            reason: reason.map(str::to_owned),
            state: "open".to_owned(),
            on: stamp.now,
            closed: None,
        };
        let mut insert = Sql::new(
            "INSERT INTO chat_reports (id, tenant_id, channel_id, message_id, reporter_id, \
             reason, state, created_on) ",
        );
        insert.bind(
            "VALUES (?, ?, ?, ?, ?, ?, 'open', ?)",
            [
                uuid(stamp.id),
                text(&caller.tenant),
                text(&report.channel),
                uuid(message),
                text(&caller.actor),
                optional(reason, text),
                Value::Timestamp(stamp.now),
            ],
        );
        insert.execute_in(transaction)?;
        tell(transaction, caller, &report, "report.created")?;
        transaction.audit(&audit::message("report", message))?;
        Ok(Step::Commit(Ok(report)))
    })
}

/// Moderators hear of it, each alone: who has reported what is not for everybody.
fn tell(
    transaction: &mut impl Transaction,
    caller: &Caller,
    report: &Report,
    kind: &str,
) -> Result<(), Error> {
    const MOST: i64 = 100;
    let mut sql = Sql::new("SELECT user_id FROM chat_members ");
    sql.bind(
        "WHERE tenant_id = ? AND channel_id = ? AND role IN ('owner', 'moderator') \
         ORDER BY user_id LIMIT ?",
        [
            text(&caller.tenant),
            text(&report.channel),
            Value::Integer(MOST),
        ],
    );
    let rows = sql.query_in(transaction, &[Kind::Text])?;
    for user in rows.iter(1).filter_map(|row| word(&row, 0)) {
        event::to_user(transaction, &caller.tenant, &user, kind, &report.shown())?;
    }
    Ok(())
}

/// Reports of a channel that the caller moderates, the newest first, before one of them.
pub(crate) fn reports(
    db: &impl Database,
    caller: &Caller,
    channel: &str,
    state: &str,
    before: Option<(i64, Uuid)>,
    limit: i64,
) -> Result<Vec<Report>, Error> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).bind(
        " FROM chat_reports AS r WHERE r.tenant_id = ? AND r.channel_id = ? AND r.state = ?",
        [text(&caller.tenant), text(channel), text(state)],
    );
    moderated(&mut sql, caller);
    if let Some((on, id)) = before {
        sql.bind(
            " AND (r.created_on < ? OR (r.created_on = ? AND r.id < ?))",
            [Value::Timestamp(on), Value::Timestamp(on), uuid(id)],
        );
    }
    sql.bind(
        " ORDER BY r.created_on DESC, r.id DESC LIMIT ?",
        [Value::Integer(limit)],
    );
    let rows = sql.query(db, &KINDS)?;
    Ok(rows
        .iter(KINDS.len())
        .filter_map(|row| read(&row))
        .collect())
}

fn moderated(sql: &mut Sql, caller: &Caller) {
    sql.bind(
        " AND EXISTS (SELECT 1 FROM chat_members AS p WHERE p.tenant_id = r.tenant_id \
         AND p.channel_id = r.channel_id AND p.user_id = ?",
        [text(&caller.actor)],
    );
    if !caller.may(Permission::ModerateMessage) {
        sql.push(" AND p.role IN ('owner', 'moderator')");
    }
    sql.push(")");
}

/// Closes a report, or opens it again.
pub(crate) fn close_report(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    report: Uuid,
    state: &str,
) -> Result<Done, Error> {
    attempt(db, |transaction| {
        let mut sql = Sql::new("SELECT ");
        sql.push(COLUMNS).bind(
            " FROM chat_reports AS r WHERE r.id = ? AND r.tenant_id = ?",
            [uuid(report), text(&caller.tenant)],
        );
        moderated(&mut sql, caller);
        let rows = sql.query_in(transaction, &KINDS)?;
        let Some(mut known) = rows.first().and_then(|row| read(&row)) else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        if known.state == state {
            return Ok(Step::Abandon(Ok(())));
        }
        let is_closed = state != "open";
        known.state = state.to_owned();
        known.closed = is_closed.then(|| (caller.actor.clone(), now));
        let mut update = Sql::new("UPDATE chat_reports SET state = ");
        update.bind(
            "?, closed_by = ?, closed_on = ? WHERE id = ? AND tenant_id = ?",
            [
                text(state),
                optional(is_closed.then_some(caller.actor.as_str()), text),
                optional(is_closed.then_some(now), Value::Timestamp),
                uuid(report),
                text(&caller.tenant),
            ],
        );
        update.execute_in(transaction)?;
        tell(transaction, caller, &known, "report.updated")?;
        transaction.audit(&audit::message(state, known.message))?;
        Ok(Step::Commit(Ok(())))
    })
}
