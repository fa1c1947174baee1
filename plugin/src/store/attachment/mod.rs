//! Files whose bytes are in the host's store.

mod inspection;
mod link;
pub(super) mod purge;
mod tag;
mod upload;
mod usage;

use uuid::Uuid;

use super::attempt::{Step, attempt};
use super::audit;
use super::scope;
use super::sql::{Sql, id, optional, text, uuid};
use super::told;
use crate::domain::attachment::{Attachment, RELEASED, State, Thumbnail};
use crate::domain::caller::Caller;
use crate::domain::model::FILE;
use crate::ports::{Database, Error, Kind, Row, Transaction, Value, ValueRef};

pub(crate) use inspection::{Taken, take as take_findings};
pub(crate) use link::{Link, consume as consume_link, find as find_link, make as make_link};
pub(crate) use purge::expired;
pub(crate) use tag::{
    attachment as attachment_tag, attachment_of, hex, member as member_tag, message as message_tag,
    recipient as recipient_tag, scope as blob_scope,
};
pub(crate) use upload::{Begun, Readied, announce, ready, withdraw};

const COLUMNS: &str = "m.id, m.channel_id, m.message_id, m.created_by, m.state, m.name, \
     m.size_bytes, m.declared_type, m.sniffed_type, m.sha256, m.blob_id, m.upload_id, \
     m.created_on, m.clean_by, m.width, m.height, m.thumbnail_id, m.thumbnail_type, \
     m.thumbnail_bytes, ";
const KINDS: [Kind; 20] = [
    Kind::Uuid,
    Kind::Text,
    Kind::Uuid,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Integer,
    Kind::Text,
    Kind::Text,
    Kind::Bytes,
    Kind::Text,
    Kind::Text,
    Kind::Timestamp,
    Kind::Text,
    Kind::Integer,
    Kind::Integer,
    Kind::Text,
    Kind::Text,
    Kind::Integer,
    Kind::Integer,
];

/// An attachment that the caller may see: the caller's own, or one that was sent with a
/// message that the caller sees. None, too, for a file without bytes.
pub(crate) fn find_attachment(
    db: &impl Database,
    caller: &Caller,
    file: Uuid,
) -> Result<Option<Attachment>, Error> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push("CASE WHEN ");
    scope::changeable(&mut sql, caller, &FILE);
    sql.bind(
        " THEN 1 ELSE 0 END FROM chat_files AS m WHERE m.id = ? AND m.state IS NOT NULL AND ",
        [uuid(file)],
    );
    scope::visible(&mut sql, caller, &FILE);
    let rows = sql.query(db, &KINDS)?;
    Ok(rows.first().and_then(read))
}

fn read(row: Row<'_>) -> Option<Attachment> {
    let words = |place| match row.get(place) {
        ValueRef::Text(text) => Some(text.to_owned()),
        _ => None,
    };
    let number = |place| match row.get(place) {
        ValueRef::Integer(number) => u64::try_from(number).ok(),
        _ => None,
    };
    let side = |place| number(place).and_then(|it| u32::try_from(it).ok());
    Some(Attachment {
        id: id(row.get(0))?,
        channel: words(1).unwrap_or_default(),
        message: id(row.get(2)),
        owner: words(3)?,
        state: State::from_word(&words(4)?)?,
        name: words(5).unwrap_or_default(),
        size: number(6).unwrap_or_default(),
        declared: words(7),
        sniffed: words(8),
        sha256: match row.get(9) {
            ValueRef::Bytes(digest) => Some(digest.to_vec()),
            _ => None,
        },
        blob: words(10),
        upload: words(11),
        created_on: match row.get(12) {
            ValueRef::Timestamp(time) => time,
            _ => 0,
        },
        clean_by: words(13),
        sides: side(14).zip(side(15)),
        thumbnail: match (words(16), words(17), number(18)) {
            (Some(blob), Some(media_type), Some(size)) => Some(Thumbnail {
                blob,
                media_type,
                size,
            }),
            _ => None,
        },
        may_change: row.get(19) == ValueRef::Integer(1),
    })
}

/// Takes an attachment out of circulation, or back. False when it is in neither state, or
/// may not be changed by the caller.
pub(crate) fn set_quarantine(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    file: Uuid,
    to: State,
) -> Result<bool, Error> {
    let mut update = Sql::new("UPDATE chat_files AS m SET state = ");
    // Who gives it free says that it is clean, whatever an inspector found.
    let clean_by = (to == State::Ready).then_some(RELEASED);
    update.bind(
        "?, clean_by = ?, modified_by = ?, modified_on = ? WHERE m.id = ? \
         AND m.state IN ('ready', 'quarantined') AND ",
        [
            text(to.word()),
            optional(clean_by, text),
            text(&caller.actor),
            Value::Timestamp(now),
            uuid(file),
        ],
    );
    scope::changeable(&mut update, caller, &FILE);
    let entry = audit::attachment_state(file, to);
    attempt(db, |transaction| {
        if update.execute_in(transaction)? == 0 {
            return Ok(Step::Abandon(false));
        }
        if to == State::Quarantined {
            transaction.end_downloads(&tag::attachment(file))?;
        }
        told::files(transaction, caller, &[file])?;
        transaction.audit(&entry)?;
        Ok(Step::Commit(true))
    })
}

/// Makes attachments those of a message that was just sent: the sender's own, of the same
/// channel, complete, and of no message yet. All of them, or false.
pub(super) fn send_with(
    transaction: &mut impl Transaction,
    caller: &Caller,
    (message, now): (Uuid, i64),
    channel: &str,
    files: &[Uuid],
) -> Result<bool, Error> {
    if files.is_empty() {
        return Ok(true);
    }
    let mut sql = Sql::new("UPDATE chat_files SET message_id = ");
    sql.bind(
        "?, modified_by = ?, modified_on = ? WHERE tenant_id = ? AND created_by = ? \
         AND channel_id = ? AND state = 'ready' AND message_id IS NULL AND deleted = FALSE \
         AND id IN ",
        [
            uuid(message),
            text(&caller.actor),
            Value::Timestamp(now),
            text(&caller.tenant),
            text(&caller.actor),
            text(channel),
        ],
    )
    .bind_list(files.iter().copied().map(uuid));
    Ok(sql.execute_in(transaction)? == files.len() as u64)
}
