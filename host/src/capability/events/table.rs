//! The rows of a log.

use serde::{Deserialize, Serialize};

use super::OWN;
use super::cursor::Vector;
use super::log::{Log, number, topic_key};
use crate::capability::sql::{Database, Transaction};
use crate::contract::sql::{Dialect, Error, Kind, Value};

/// What a row says of its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verb {
    Publish,
    /// From here on the subject receives it.
    Admit,
    /// From here on the subject, or nobody, receives it.
    Revoke,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Admit => "admit",
            Self::Revoke => "revoke",
        }
    }

    fn read(name: &str) -> Option<Self> {
        [Self::Publish, Self::Admit, Self::Revoke]
            .into_iter()
            .find(|verb| verb.name() == name)
    }
}

/// What a row holds beside its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) verb: Verb,
    pub(super) topic: String,
    /// Of a `publish`: what happened, and a JSON text.
    pub(super) kind: String,
    pub(super) payload: String,
    /// Of an `admit`; of a `revoke`: none for everybody.
    pub(super) subject: Option<String>,
}

/// One row of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) part: usize,
    pub(super) position: u64,
    pub(super) entry: Entry,
    /// Microseconds since 1970.
    pub(super) at: i64,
}

/// Rows that one statement inserts.
const INSERTED: usize = 50;

/// The columns of a row beside its partition, in the order of [`read`].
const COLUMNS: &str = "position, verb, topic, kind, subject, payload, at";
const KINDS: [Kind; 7] = [
    Kind::Integer,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Timestamp,
];

fn read(part: usize, row: Vec<Value>) -> Option<Row> {
    let [position, verb, topic, kind, subject, payload, at] = row.try_into().ok()?;
    let text = |value| match value {
        Value::Text(text) => Some(text),
        _ => None,
    };
    let Value::Timestamp(at) = at else {
        return None;
    };
    Some(Row {
        part,
        position: position_of(&position)?,
        entry: Entry {
            verb: Verb::read(&text(verb)?)?,
            topic: text(topic)?,
            kind: text(kind).unwrap_or_default(),
            payload: text(payload).unwrap_or_default(),
            subject: text(subject),
        },
        at,
    })
}

fn position_of(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(position) => u64::try_from(*position).ok(),
        _ => None,
    }
}

pub(super) fn position(position: u64) -> Value {
    Value::Integer(i64::try_from(position).unwrap_or(i64::MAX))
}

/// Reads rows, which are the host's own and have nothing else in them.
fn rows(part: usize, rows: Vec<Vec<Value>>) -> Result<Vec<Row>, Error> {
    let rows = rows.into_iter().map(|row| read(part, row));
    rows.collect::<Option<_>>().ok_or(Error::Other)
}

/// The last position of each partition.
pub(super) async fn heads(database: &Database, log: &Log) -> Result<Vector, Error> {
    ends("last_position", database, log).await
}

/// The position up to which each partition is not kept any more.
pub(super) async fn floors(database: &Database, log: &Log) -> Result<Vector, Error> {
    ends("floor_position", database, log).await
}

async fn ends(column: &str, database: &Database, log: &Log) -> Result<Vector, Error> {
    let sql =
        format!("SELECT part, {column} FROM gateway_partitions WHERE log_id = ? ORDER BY part");
    let params = vec![Value::Integer(log.id)];
    let columns = [Kind::Integer, Kind::Integer];
    let rows = database.query_own(&sql, params, &columns, &OWN).await?;
    let ends: Option<Vec<u64>> = rows
        .iter()
        .map(|row| row.get(1).and_then(position_of))
        .collect();
    match ends {
        Some(ends) if ends.len() == log.partitions => Ok(Vector(ends)),
        _ => Err(Error::Other),
    }
}

/// Rows that follow on a position, in order; at most `limit`.
pub(super) async fn following(
    database: &Database,
    log: &Log,
    part: usize,
    after: u64,
    limit: usize,
) -> Result<Vec<Row>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM gateway_events \
         WHERE log_id = ? AND part = ? AND position > ? ORDER BY position LIMIT ?"
    );
    let params = vec![
        Value::Integer(log.id),
        number(part),
        position(after),
        number(limit),
    ];
    let found = database.query_own(&sql, params, &KINDS, &OWN).await?;
    rows(part, found)
}

/// Keys that one statement looks for.
const KEYS: usize = 64;

/// What happened in some topics of a partition behind `after` and up to `last`, as far as it
/// concerns `subject`, in order; at most `limit` rows.
pub(super) async fn missed(
    database: &Database,
    log: &Log,
    part: usize,
    (after, last): (u64, u64),
    keys: &[i64],
    subject: &str,
    limit: usize,
) -> Result<Vec<Row>, Error> {
    let mut all = Vec::new();
    for keys in keys.chunks(KEYS) {
        let Some(first) = keys.first() else { continue };
        // Of few lengths, so that there are few statements.
        let length = keys.len().next_power_of_two();
        let sql = format!(
            "SELECT {COLUMNS} FROM gateway_events \
             WHERE log_id = ? AND topic_key IN ({}) AND position > ? AND position <= ? \
             AND (verb = 'publish' OR subject IS NULL OR subject = ?) \
             ORDER BY position LIMIT ?",
            vec!["?"; length].join(", ")
        );
        let mut params = vec![Value::Integer(log.id)];
        let padded = keys.iter().chain(std::iter::repeat(first)).take(length);
        params.extend(padded.map(|key| Value::Integer(*key)));
        params.extend([
            position(after),
            position(last),
            Value::Text(subject.to_owned()),
            number(limit),
        ]);
        let found = database.query_own(&sql, params, &KINDS, &OWN).await?;
        all.extend(rows(part, found)?);
    }
    all.sort_by_key(|row| row.position);
    all.truncate(limit);
    Ok(all)
}

/// Appends entries to the log in a transaction that is about to commit; partitions in
/// ascending order, so that no two transactions wait for each other. From here to the commit
/// their rows are locked, which makes the order of the positions that of the commits.
pub(super) async fn append(
    transaction: &mut Transaction,
    log: &Log,
    entries: Vec<Entry>,
    at: i64,
) -> Result<Vec<Row>, Error> {
    let mut keyed: Vec<(usize, i64, Entry)> = entries
        .into_iter()
        .map(|entry| {
            let key = topic_key(&entry.topic);
            (log.part(key), key, entry)
        })
        .collect();
    // Stable: the order of the calls is kept in each.
    keyed.sort_by_key(|(part, ..)| *part);
    let mut placed: Vec<(i64, Row)> = Vec::with_capacity(keyed.len());
    let mut keyed = keyed.into_iter().peekable();
    while let Some(part) = keyed.peek().map(|(part, ..)| *part) {
        let mut of_part = Vec::new();
        while let Some((_, key, entry)) = keyed.next_if(|(next, ..)| *next == part) {
            of_part.push((key, entry));
        }
        let last = advance(transaction, log, part, of_part.len()).await?;
        let first = last.saturating_sub(of_part.len() as u64);
        placed.extend((1..).zip(of_part).map(|(count, (key, entry))| {
            let row = Row {
                part,
                position: first + count,
                entry,
                at,
            };
            (key, row)
        }));
    }
    for rows in placed.chunks(INSERTED) {
        insert(transaction, log, rows).await?;
    }
    Ok(placed.into_iter().map(|(_, row)| row).collect())
}

/// Takes positions at the end of a partition; tells the last of them.
async fn advance(
    transaction: &mut Transaction,
    log: &Log,
    part: usize,
    count: usize,
) -> Result<u64, Error> {
    let update = "UPDATE gateway_partitions SET last_position = last_position + ? \
                  WHERE log_id = ? AND part = ?";
    let place = [Value::Integer(log.id), number(part)];
    let mut params = vec![number(count)];
    params.extend(place.clone());
    let rows = if transaction.dialect() == Dialect::Mysql {
        transaction.execute_own(update, params).await?;
        let select = "SELECT last_position FROM gateway_partitions WHERE log_id = ? AND part = ?";
        transaction
            .query_own(select, place.to_vec(), &[Kind::Integer])
            .await?
    } else {
        let update = format!("{update} RETURNING last_position");
        transaction
            .query_own(&update, params, &[Kind::Integer])
            .await?
    };
    let last = rows.first().and_then(|row| row.first());
    last.and_then(position_of).ok_or_else(|| {
        tracing::error!(part, "the event log has no such partition");
        Error::Other
    })
}

async fn insert(
    transaction: &mut Transaction,
    log: &Log,
    rows: &[(i64, Row)],
) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO gateway_events (log_id, part, position, verb, topic_key, topic, kind, \
         subject, payload, at) VALUES {}",
        vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"; rows.len()].join(", ")
    );
    let mut params = Vec::with_capacity(rows.len() * 10);
    for (key, row) in rows {
        let entry = &row.entry;
        let of_event = |text: &String| match entry.verb {
            Verb::Publish => Value::Text(text.clone()),
            Verb::Admit | Verb::Revoke => Value::Null,
        };
        params.extend([
            Value::Integer(log.id),
            number(row.part),
            position(row.position),
            Value::Text(entry.verb.name().to_owned()),
            Value::Integer(*key),
            Value::Text(entry.topic.clone()),
            of_event(&entry.kind),
            entry.subject.clone().map_or(Value::Null, Value::Text),
            of_event(&entry.payload),
            Value::Timestamp(row.at),
        ]);
    }
    transaction.execute_own(&sql, params).await.map(drop)
}
