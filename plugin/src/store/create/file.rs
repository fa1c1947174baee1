//! Registering files.

use serde_json::json;
use uuid::Uuid;

use super::{Created, Refused, Stamp, values};
use crate::domain::caller::Caller;
use crate::domain::draft::Draft;
use crate::domain::model::{FILE, FILE_CHANNEL_ID, FILE_KEY, FILE_MESSAGE_ID, MESSAGE, META_DATA};
use crate::ports::{Error, Transaction, Value};
use crate::store::sql::{Sql, literal, optional, text, uuid};
use crate::store::target::target;
use crate::store::{audit, scope, told};

/// The values of each, or the draft that was refused and why.
type CreatedAll<'f> = Result<Vec<Vec<Value>>, (&'f Draft, Refused)>;

/// Registers many files: all of them, or none.
pub(crate) fn create_files<'f>(
    transaction: &mut impl Transaction,
    caller: &Caller,
    files: &'f [(Stamp, Draft)],
) -> Result<CreatedAll<'f>, Error> {
    let mut all = Vec::with_capacity(files.len());
    for (stamp, draft) in files {
        match create_file(transaction, caller, *stamp, draft)? {
            Ok(values) => all.push(values),
            Err(refused) => return Ok(Err((draft, refused))),
        }
    }
    Ok(Ok(all))
}

/// Registers a file. One that names a message belongs to it from then on.
pub(crate) fn create_file(
    transaction: &mut impl Transaction,
    caller: &Caller,
    stamp: Stamp,
    draft: &Draft,
) -> Result<Created, Error> {
    let message = draft.uuid(&FILE_MESSAGE_ID);
    if insert_statement(caller, stamp, draft, message).execute_in(transaction)? == 0 {
        let target = message.map_or(Ok(None), |message| target(transaction, caller, message))?;
        return Ok(Err(match (target, draft.text(&FILE_CHANNEL_ID)) {
            (None, _) => Refused::NoTarget,
            (Some(target), Some(channel)) if channel != target.channel => {
                Refused::Fixed(&FILE_CHANNEL_ID)
            }
            (Some(_), _) => Refused::Forbidden,
        }));
    }
    let details = match message.as_ref().map(Uuid::to_string) {
        Some(message) => json!({ "messageId": message }),
        None => json!({}),
    };
    told::files(transaction, caller, &[stamp.id])?;
    transaction.audit(&audit::created(&FILE, stamp.id, details))?;
    Ok(Ok(values(&FILE, caller, stamp, draft)))
}

/// Inserts the file; one that names a message if, and only if, the caller may add to it.
fn insert_statement(caller: &Caller, stamp: Stamp, draft: &Draft, message: Option<Uuid>) -> Sql {
    let mut sql = Sql::new(
        "INSERT INTO chat_files (id, tenant_id, channel_id, file_key, meta_data, created_by, \
         created_on, modified_by, modified_on, message_id, deleted) ",
    );
    let channel = draft.text(&FILE_CHANNEL_ID);
    let given = [
        uuid(stamp.id),
        text(&caller.tenant),
        optional(channel, text),
        optional(draft.get(&FILE_KEY), literal),
        optional(draft.get(&META_DATA), literal),
        text(&caller.actor),
        Value::Timestamp(stamp.now),
        text(&caller.actor),
        Value::Timestamp(stamp.now),
    ];
    let Some(message) = message else {
        sql.bind("VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, FALSE)", given);
        return sql;
    };
    sql.bind(
        "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, m.id, FALSE FROM chat_messages AS m WHERE ",
        given,
    );
    sql.bind("m.id = ? AND ", [uuid(message)]);
    scope::visible(&mut sql, caller, &MESSAGE);
    sql.push(" AND ");
    scope::own_or_moderated(&mut sql, caller, "m");
    if let Some(channel) = channel {
        sql.bind(" AND m.channel_id = ?", [text(channel)]);
    }
    sql
}
