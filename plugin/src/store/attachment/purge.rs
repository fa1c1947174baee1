//! Giving up what nobody may have any more.

use uuid::Uuid;

use super::{tag, usage};
use crate::domain::attachment::State;
use crate::domain::caller::Caller;
use crate::ports::{Database, Error, Kind, Transaction, Value, ValueRef};
use crate::store::attempt::{Step, attempt};
use crate::store::sql::{Sql, id, text, uuid};

/// Attachments that one request gives up, and messages whose downloads it ends.
const MOST: i64 = 1_000;
/// What was never sent, and is removed along with another request.
const ALONG: i64 = 20;

/// Ends all that was sent with messages that have just been deleted.
pub(in crate::store) fn of_messages(
    transaction: &mut impl Transaction,
    caller: &Caller,
    messages: &[Uuid],
) -> Result<(), Error> {
    if messages.is_empty() {
        return Ok(());
    }
    let ended = give_up(transaction, caller, |sql| {
        sql.push("m.message_id IN ")
            .bind_list(messages.iter().copied().map(uuid));
    })?;
    for message in messages.iter().filter(|it| ended.contains(it)) {
        transaction.end_downloads(&tag::message(*message))?;
    }
    Ok(())
}

/// Ends a file that has just been deleted.
pub(in crate::store) fn of_file(
    transaction: &mut impl Transaction,
    caller: &Caller,
    file: Uuid,
) -> Result<(), Error> {
    let ended = give_up(transaction, caller, |sql| {
        sql.bind("m.id = ?", [uuid(file)]);
    })?;
    match ended.is_empty() {
        true => Ok(()),
        false => transaction.end_downloads(&tag::attachment(file)),
    }
}

/// Ends what somebody still downloads of messages whose recipient that one was.
pub(in crate::store) fn of_recipients(
    transaction: &mut impl Transaction,
    rows: &[(Uuid, String)],
) -> Result<(), Error> {
    for (message, user) in rows {
        transaction.end_downloads(&tag::recipient(*message, user))?;
    }
    Ok(())
}

/// Of messages that a condition names: those with something to give up. An error when they
/// are too many for one request.
pub(in crate::store) fn messages_with_files(
    transaction: &mut impl Transaction,
    scoped: &impl Fn(&mut Sql),
) -> Result<Vec<Uuid>, Error> {
    let mut sql = Sql::new("SELECT m.id FROM chat_messages AS m WHERE ");
    scoped(&mut sql);
    sql.bind(
        " AND EXISTS (SELECT 1 FROM chat_files AS f WHERE f.tenant_id = m.tenant_id \
         AND f.message_id = m.id AND f.blob_id IS NOT NULL) LIMIT ?",
        [Value::Integer(MOST + 1)],
    );
    let rows = sql.query_in(transaction, &[Kind::Uuid])?;
    few(rows.iter(1).filter_map(|row| id(row.get(0))).collect())
}

/// Of recipient rows that a condition names: those of messages with attachments.
pub(in crate::store) fn recipients_with_files(
    transaction: &mut impl Transaction,
    scoped: &impl Fn(&mut Sql),
) -> Result<Vec<(Uuid, String)>, Error> {
    let mut sql = Sql::new("SELECT m.message_id, m.recipient_id FROM chat_recipients AS m WHERE ");
    scoped(&mut sql);
    sql.bind(
        " AND EXISTS (SELECT 1 FROM chat_files AS f WHERE f.tenant_id = m.tenant_id \
         AND f.message_id = m.message_id AND f.blob_id IS NOT NULL) LIMIT ?",
        [Value::Integer(MOST + 1)],
    );
    let rows = sql.query_in(transaction, &[Kind::Uuid, Kind::Text])?;
    let pairs = rows
        .iter(2)
        .filter_map(|row| match (id(row.get(0)), row.get(1)) {
            (Some(message), ValueRef::Text(user)) => Some((message, user.to_owned())),
            _ => None,
        });
    few(pairs.collect())
}

fn few<T>(items: Vec<T>) -> Result<Vec<T>, Error> {
    match items.len() as i64 > MOST {
        true => Err(Error::TooLarge),
        false => Ok(items),
    }
}

/// Gives the bytes up that a condition on `m` names, and tells their messages, or their own
/// ids where they have none. What somebody else gives up at this moment is left to that one.
fn give_up(
    transaction: &mut impl Transaction,
    caller: &Caller,
    wanted: impl Fn(&mut Sql),
) -> Result<Vec<Uuid>, Error> {
    let mut sql = Sql::new(
        "SELECT m.id, m.message_id, m.created_by, m.size_bytes, m.blob_id FROM chat_files AS m \
         WHERE ",
    );
    wanted(&mut sql);
    sql.bind(
        " AND m.tenant_id = ? AND m.blob_id IS NOT NULL LIMIT ?",
        [text(&caller.tenant), Value::Integer(MOST + 1)],
    );
    let kinds = [
        Kind::Uuid,
        Kind::Uuid,
        Kind::Text,
        Kind::Integer,
        Kind::Text,
    ];
    let rows = sql.query_in(transaction, &kinds)?;
    let found = rows.iter(kinds.len()).filter_map(|row| {
        let (ValueRef::Text(owner), ValueRef::Integer(size), ValueRef::Text(blob)) =
            (row.get(2), row.get(3), row.get(4))
        else {
            return None;
        };
        let file = id(row.get(0))?;
        Some((
            file,
            id(row.get(1)),
            owner.to_owned(),
            size,
            blob.to_owned(),
        ))
    });
    let found: Vec<_> = few(found.collect())?;
    let (mut ended, mut sizes) = (Vec::new(), Vec::<(String, i64)>::new());
    for (file, message, owner, size, blob) in found {
        let mut update = Sql::new("UPDATE chat_files SET state = ");
        update.bind(
            "?, blob_id = NULL WHERE id = ? AND blob_id = ?",
            [text(State::Purged.word()), uuid(file), text(&blob)],
        );
        if update.execute_in(transaction)? == 0 {
            continue;
        }
        transaction.unlink(&blob)?;
        let size = size + give_up_thumbnail(transaction, file)?;
        ended.push(message.unwrap_or(file));
        match sizes.iter_mut().find(|(user, _)| *user == owner) {
            Some((_, total)) => *total += size,
            None => sizes.push((owner, size)),
        }
    }
    if !sizes.is_empty() {
        usage::subtract(transaction, &caller.tenant, sizes)?;
    }
    Ok(ended)
}

/// Gives a small picture up, and tells its bytes. Its file is locked: what is read here is
/// what a report has left.
fn give_up_thumbnail(transaction: &mut impl Transaction, file: Uuid) -> Result<i64, Error> {
    let mut sql = Sql::new("SELECT thumbnail_id, thumbnail_bytes FROM chat_files");
    sql.bind(" WHERE id = ?", [uuid(file)]);
    let rows = sql.query_in(transaction, &[Kind::Text, Kind::Integer])?;
    let (Some(ValueRef::Text(blob)), Some(ValueRef::Integer(size))) = (
        rows.first().map(|row| row.get(0)),
        rows.first().map(|row| row.get(1)),
    ) else {
        return Ok(0);
    };
    let mut update = Sql::new("UPDATE chat_files SET thumbnail_id = NULL");
    update.bind(" WHERE id = ?", [uuid(file)]);
    update.execute_in(transaction)?;
    transaction.unlink(blob)?;
    Ok(size)
}

/// Removes some of what users of a tenant have uploaded before a time and never sent. What
/// is still arriving is told, so that it can be thrown away.
pub(crate) fn expired(
    db: &impl Database,
    caller: &Caller,
    before: i64,
) -> Result<Vec<String>, Error> {
    let mut select = Sql::new("SELECT m.id, m.upload_id FROM chat_files AS m ");
    select.bind(
        "WHERE m.tenant_id = ? AND m.state IN ('pending', 'ready', 'quarantined') \
         AND m.message_id IS NULL AND m.created_on < ? AND m.deleted = FALSE LIMIT ?",
        [
            text(&caller.tenant),
            Value::Timestamp(before),
            Value::Integer(ALONG),
        ],
    );
    let rows = select.query(db, &[Kind::Uuid, Kind::Text])?;
    let old: Vec<_> = rows
        .iter(2)
        .filter_map(|row| {
            let upload = match row.get(1) {
                ValueRef::Text(upload) => Some(upload.to_owned()),
                _ => None,
            };
            Some((id(row.get(0))?, upload))
        })
        .collect();
    let mut uploads = Vec::new();
    for (file, upload) in old {
        let mut update = Sql::new("UPDATE chat_files SET deleted = TRUE, deleted_on = ");
        update.bind(
            "?, upload_id = NULL WHERE id = ? AND message_id IS NULL AND deleted = FALSE",
            [Value::Timestamp(before), uuid(file)],
        );
        let removed = attempt(db, |transaction| {
            if update.execute_in(transaction)? == 0 {
                return Ok(Step::Abandon(false));
            }
            of_file(transaction, caller, file)?;
            Ok(Step::Commit(true))
        })?;
        if removed {
            uploads.extend(upload);
        }
    }
    Ok(uploads)
}
