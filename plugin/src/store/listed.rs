//! Lists of messages across channels, the newest first: those that the caller is mentioned
//! in, likes, or looks for; and those of one channel or thread.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::around::around;
use super::channel::{MESSAGE_COLUMNS, MESSAGE_KINDS, not_hidden, read_message, time, word};
use super::run::{Alone, Run};
use super::scope;
use super::sql::{Sql, id, text, uuid};
use crate::domain::caller::Caller;
use crate::domain::message::{Around, Message};
use crate::domain::model::MESSAGE;
use crate::domain::search::Words;
use crate::domain::time as times;
use crate::ports::{Database, Dialect, Error, Kind, Value};

/// Messages with what is around them.
pub(crate) type Messages = Vec<(Message, Around)>;

/// The place behind a message, in lists by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    pub(crate) on: i64,
    pub(crate) id: Uuid,
}

impl Behind {
    pub(crate) fn of(message: &Message) -> Self {
        Self {
            on: message.created_on,
            id: message.id,
        }
    }

    pub(crate) fn to_json(self) -> Json {
        json!([self.on, self.id.simple().to_string()])
    }

    pub(crate) fn from_json(value: &Json) -> Option<Self> {
        let [on, id] = value.as_array()?.as_slice() else {
            return None;
        };
        Some(Self {
            on: times::from_micros(on.as_i64()?)?,
            id: Uuid::try_parse(id.as_str()?).ok()?,
        })
    }
}

/// Where a list comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source<'a> {
    /// Those that mention the caller.
    Mentions,
    /// Those that the caller likes.
    Favorites,
    /// Those that a channel of the caller's keeps in view.
    Pins(&'a str),
    /// Those that hold words, of all channels or of one.
    Search(&'a Words, Option<&'a str>),
    /// What the caller has written.
    Own,
}

/// A page of one of the lists.
pub(crate) fn listed(
    db: &impl Database,
    caller: &Caller,
    source: &Source<'_>,
    after: Option<Behind>,
    limit: i64,
) -> Result<Messages, Error> {
    let mut sql = Sql::new("SELECT ");
    sql.push(MESSAGE_COLUMNS).push(" FROM chat_messages AS m");
    let (me, tenant) = (|| text(&caller.actor), || text(&caller.tenant));
    match source {
        Source::Mentions => {
            sql.bind(
                " JOIN chat_mentions AS n ON n.message_id = m.id WHERE n.tenant_id = ? \
                 AND n.user_id = ?",
                [tenant(), me()],
            );
        }
        Source::Favorites => {
            sql.bind(
                " JOIN chat_recipients AS f ON f.message_id = m.id WHERE f.tenant_id = ? \
                 AND f.holder_id = ? AND f.is_favorite = TRUE",
                [tenant(), me()],
            );
        }
        Source::Pins(channel) => {
            sql.bind(
                " JOIN chat_pins AS n ON n.message_id = m.id WHERE n.tenant_id = ? \
                 AND n.channel_id = ? AND EXISTS (SELECT 1 FROM chat_members AS o \
                 WHERE o.tenant_id = n.tenant_id AND o.channel_id = n.channel_id \
                 AND o.user_id = ?)",
                [tenant(), text(channel), me()],
            );
        }
        Source::Search(words, channel) => {
            matching(&mut sql, db.dialect(), words);
            if let Some(channel) = channel {
                sql.bind(" AND m.channel_id = ?", [text(channel)]);
            }
        }
        Source::Own => {
            sql.bind(
                " WHERE m.tenant_id = ? AND m.created_by = ?",
                [tenant(), me()],
            );
        }
    }
    sql.push(" AND ");
    match source {
        Source::Search(..) => scope::visible_of_many(&mut sql, caller),
        _ => scope::visible(&mut sql, caller, &MESSAGE),
    }
    if !matches!(source, Source::Own) {
        sql.push(" AND ");
        not_hidden(&mut sql, caller);
    }
    if let Some(Behind { on, id }) = after {
        sql.bind(
            " AND (m.created_on < ? OR (m.created_on = ? AND m.id < ?))",
            [Value::Timestamp(on), Value::Timestamp(on), uuid(id)],
        );
    }
    sql.bind(
        " ORDER BY m.created_on DESC, m.id DESC LIMIT ?",
        [Value::Integer(limit)],
    );
    let mut run = Alone(db);
    let rows = run.run(&sql, &MESSAGE_KINDS)?;
    let messages = rows.iter(MESSAGE_KINDS.len());
    let messages = messages.filter_map(|row| read_message(&row)).collect();
    around(&mut run, caller, messages)
}

/// The messages that hold all words, by the full-text index of the database.
fn matching(sql: &mut Sql, dialect: Dialect, words: &Words) {
    match dialect {
        Dialect::Sqlite => sql.bind(
            " WHERE m.id IN (SELECT i.message_id FROM chat_message_texts AS t \
             JOIN chat_text_ids AS i ON i.text_id = t.rowid WHERE chat_message_texts MATCH ?)",
            [text(&words.for_sqlite())],
        ),
        Dialect::Postgres => sql.bind(
            " WHERE to_tsvector('simple', m.body) @@ to_tsquery('simple', ?)",
            [text(&words.for_postgres())],
        ),
        Dialect::Mysql => sql.bind(
            " WHERE MATCH (m.body_words) AGAINST (? IN BOOLEAN MODE)",
            [text(&words.for_mysql())],
        ),
    };
}

/// The replies to a message that the caller sees, in the order of their numbers.
pub(crate) fn replies(
    db: &impl Database,
    caller: &Caller,
    parent: Uuid,
    after: i64,
    limit: i64,
) -> Result<Messages, Error> {
    let mut sql = Sql::new("SELECT ");
    sql.push(MESSAGE_COLUMNS).bind(
        " FROM chat_messages AS m WHERE m.parent_message_id = ? AND m.seq > ? AND ",
        [uuid(parent), Value::Integer(after)],
    );
    scope::visible(&mut sql, caller, &MESSAGE);
    sql.push(" AND ");
    not_hidden(&mut sql, caller);
    sql.bind(" ORDER BY m.seq LIMIT ?", [Value::Integer(limit)]);
    let mut run = Alone(db);
    let rows = run.run(&sql, &MESSAGE_KINDS)?;
    let messages = rows.iter(MESSAGE_KINDS.len());
    let messages = messages.filter_map(|row| read_message(&row)).collect();
    around(&mut run, caller, messages)
}

/// What a message said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) number: i64,
    pub(crate) body: String,
    pub(crate) subject: Option<String>,
    pub(crate) by: String,
    /// Microseconds since 1970.
    pub(crate) on: i64,
}

/// The versions of a message that the caller sees, the newest first, before one of them.
pub(crate) fn versions(
    db: &impl Database,
    caller: &Caller,
    message: Uuid,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Version>, Error> {
    let mut sql = Sql::new("SELECT v.version, v.body, v.subject, v.written_by, v.written_on ");
    sql.bind(
        "FROM chat_message_versions AS v JOIN chat_messages AS m ON m.id = v.message_id \
         WHERE v.message_id = ? AND ",
        [uuid(message)],
    );
    scope::visible(&mut sql, caller, &MESSAGE);
    if let Some(before) = before {
        sql.bind(" AND v.version < ?", [Value::Integer(before)]);
    }
    sql.bind(" ORDER BY v.version DESC LIMIT ?", [Value::Integer(limit)]);
    let kinds = [
        Kind::Integer,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Timestamp,
    ];
    let rows = sql.query(db, &kinds)?;
    let versions = rows.iter(kinds.len()).filter_map(|row| {
        Some(Version {
            number: super::channel::number(&row, 0)?,
            body: word(&row, 1)?,
            subject: word(&row, 2),
            by: word(&row, 3)?,
            on: time(&row, 4)?,
        })
    });
    Ok(versions.collect())
}

/// Whether the caller sees a message at all.
pub(crate) fn sees(db: &impl Database, caller: &Caller, message: Uuid) -> Result<bool, Error> {
    let mut sql = Sql::new("SELECT m.id FROM chat_messages AS m WHERE m.id = ");
    sql.bind("? AND ", [uuid(message)]);
    scope::visible(&mut sql, caller, &MESSAGE);
    let rows = sql.query(db, &[Kind::Uuid])?;
    Ok(rows.first().and_then(|row| id(row.get(0))).is_some())
}
