//! The channels of a user, and the public ones.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::{COLUMNS, KINDS, message, read_channel};
use crate::domain::caller::Caller;
use crate::domain::channel::{Channel, Unread};
use crate::domain::message::Message;
use crate::ports::{Database, Error, Kind, Transaction, Value};
use crate::store::run::{Alone, Run, Within};
use crate::store::sql::{Sql, text};

/// A channel as one of its members sees it in a list.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) channel: Channel,
    /// The last live message.
    pub(crate) last: Option<Message>,
    pub(crate) unread: Unread,
}

impl Entry {
    pub(crate) fn shown(&self) -> Json {
        let mut shown = self.channel.shown();
        let (unread, more) = self.unread.shown();
        let member = self.channel.member.as_ref();
        let others = [
            ("membership", member.map(|it| it.shown()).into()),
            ("lastMessage", self.last.as_ref().map(Message::shown).into()),
            ("unread", unread.into()),
            ("hasMoreUnread", more.into()),
        ];
        if let Some(shown) = shown.as_object_mut() {
            shown.extend(others.map(|(name, value): (_, Json)| (name.to_owned(), value)));
        }
        shown
    }
}

/// Where a page of channels ends: the time of the last message, and the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) active_on: i64,
    pub(crate) id: String,
}

impl Place {
    /// Behind an entry.
    pub(crate) fn behind(entry: &Entry) -> Self {
        Self {
            active_on: entry.channel.active_on,
            id: entry.channel.id.clone(),
        }
    }

    pub(crate) fn to_json(&self) -> Json {
        json!([self.active_on, self.id])
    }

    pub(crate) fn from_json(value: &Json) -> Option<Self> {
        let [active_on, id] = value.as_array()?.as_slice() else {
            return None;
        };
        Some(Self {
            active_on: crate::domain::time::from_micros(active_on.as_i64()?)?,
            id: id.as_str().filter(|id| !id.contains('\0'))?.to_owned(),
        })
    }
}

/// The channels whose member the caller is, the one with the newest message first: those
/// that are archived, the others, or all.
pub(crate) fn list(
    db: &impl Database,
    caller: &Caller,
    archived: Option<bool>,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).bind(
        " FROM chat_members AS p JOIN chat_channels AS c ON c.tenant_id = p.tenant_id \
         AND c.channel_id = p.channel_id WHERE p.tenant_id = ? AND p.user_id = ?",
        [text(&caller.tenant), text(&caller.actor)],
    );
    sql.push(match archived {
        None => "",
        Some(true) => " AND c.archived_on IS NOT NULL",
        Some(false) => " AND c.archived_on IS NULL",
    });
    page(&mut sql, after, limit);
    read(&mut Alone(db), caller, &sql)
}

/// The public channels of the tenant that are not archived.
pub(crate) fn public(
    db: &impl Database,
    caller: &Caller,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).bind(
        " FROM chat_channels AS c LEFT JOIN chat_members AS p ON p.tenant_id = c.tenant_id \
         AND p.channel_id = c.channel_id AND p.user_id = ? WHERE c.tenant_id = ? \
         AND c.kind = 'public' AND c.archived_on IS NULL",
        [text(&caller.actor), text(&caller.tenant)],
    );
    page(&mut sql, after, limit);
    read(&mut Alone(db), caller, &sql)
}

/// One channel of the caller's.
pub(crate) fn entry(db: &impl Database, caller: &Caller, id: &str) -> Result<Option<Entry>, Error> {
    one(&mut Alone(db), caller, id)
}

pub(super) fn entry_in(
    transaction: &mut impl Transaction,
    caller: &Caller,
    id: &str,
) -> Result<Option<Entry>, Error> {
    one(&mut Within(transaction), caller, id)
}

fn one(run: &mut impl Run, caller: &Caller, id: &str) -> Result<Option<Entry>, Error> {
    let Some(channel) = super::look_up(run, caller, id, "")? else {
        return Ok(None);
    };
    Ok(entries(run, caller, vec![channel])?.pop())
}

fn page(sql: &mut Sql, after: Option<&Place>, limit: i64) {
    if let Some(Place { active_on, id }) = after {
        sql.bind(
            " AND (COALESCE(c.active_on, c.created_on) < ? \
             OR (COALESCE(c.active_on, c.created_on) = ? AND c.channel_id > ?))",
            [
                Value::Timestamp(*active_on),
                Value::Timestamp(*active_on),
                text(id),
            ],
        );
    }
    sql.bind(
        " ORDER BY COALESCE(c.active_on, c.created_on) DESC, c.channel_id LIMIT ?",
        [Value::Integer(limit)],
    );
}

fn read(run: &mut impl Run, caller: &Caller, sql: &Sql) -> Result<Vec<Entry>, Error> {
    let rows = run.run(sql, &KINDS)?;
    let channels = rows.iter(KINDS.len());
    let channels = channels.filter_map(|row| read_channel(&row)).collect();
    entries(run, caller, channels)
}

/// Adds what is around the channels of a page: two statements for all of them. Of channels
/// whose member the caller isn't, nothing is told but that they are there.
fn entries(
    run: &mut impl Run,
    caller: &Caller,
    channels: Vec<Channel>,
) -> Result<Vec<Entry>, Error> {
    let own = || channels.iter().filter(|it| it.member.is_some());
    let (mut last, mut unread) = (HashMap::new(), HashMap::new());
    if own().next().is_some() {
        last = message::last_of(run, caller, own().map(|it| it.id.as_str()))?;
        let cursors = own().filter_map(|it| {
            let read = it.member.as_ref()?.read_seq;
            // Nothing is behind the last one.
            (read < it.last_seq).then_some((it.id.as_str(), read))
        });
        unread = count_unread(run, caller, cursors.collect())?;
    }
    let entry = |channel: Channel| Entry {
        last: last.remove(&channel.id),
        unread: unread.remove(&channel.id).unwrap_or_default(),
        channel,
    };
    Ok(channels.into_iter().map(entry).collect())
}

/// What others have sent behind a number, in each of some channels. Counted no further
/// than is told.
pub(super) fn count_unread(
    run: &mut impl Run,
    caller: &Caller,
    cursors: Vec<(&str, i64)>,
) -> Result<HashMap<String, Unread>, Error> {
    if cursors.is_empty() {
        return Ok(HashMap::new());
    }
    let mut sql = Sql::new("");
    for (index, (channel, read)) in cursors.into_iter().enumerate() {
        if index > 0 {
            sql.push(" UNION ALL ");
        }
        sql.bind(
            "SELECT p.channel_id, (SELECT COUNT(*) FROM (SELECT 1 FROM chat_messages AS m \
             WHERE m.tenant_id = ? AND m.channel_id = ? AND m.deleted = FALSE AND m.seq > ? \
             AND m.created_by <> ? AND NOT EXISTS (SELECT 1 FROM chat_hidden AS h \
             WHERE h.tenant_id = ? AND h.user_id = ? AND h.message_id = m.id) LIMIT 1000) AS u) \
             FROM chat_members AS p WHERE p.tenant_id = ? AND p.channel_id = ? AND p.user_id = ?",
            [
                text(&caller.tenant),
                text(channel),
                Value::Integer(read),
                text(&caller.actor),
                text(&caller.tenant),
                text(&caller.actor),
                text(&caller.tenant),
                text(channel),
                text(&caller.actor),
            ],
        );
    }
    let rows = run.run(&sql, &[Kind::Text, Kind::Integer])?;
    let counts = rows.iter(2).filter_map(|row| {
        let count = super::number(&row, 1)?;
        Some((super::word(&row, 0)?, Unread(count)))
    });
    Ok(counts.collect())
}
