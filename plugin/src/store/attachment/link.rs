//! Links that work without a token, for one attachment and a short time.

use uuid::Uuid;

use crate::domain::caller::Caller;
use crate::ports::{Database, Error, Kind, Transaction, Value, ValueRef};
use crate::store::attempt::{Step, attempt};
use crate::store::sql::{Sql, id, text, uuid};
use crate::store::{Stamp, audit};

/// Links that have expired, and are removed along with the making of another.
const ALONG: i64 = 20;

/// A link, but for its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: Uuid,
    pub(crate) file: Uuid,
    /// Who made it, and whose rights count.
    pub(crate) user: String,
    pub(crate) tenant: String,
    pub(crate) once: bool,
}

/// Keeps a new link. `expires` is in microseconds since 1970.
pub(crate) fn make(
    db: &impl Database,
    caller: &Caller,
    stamp: Stamp,
    file: Uuid,
    (hash, once, expires): (&[u8], bool, i64),
) -> Result<(), Error> {
    let mut remove = Sql::new("DELETE FROM chat_links WHERE expires_on <= ");
    remove.bind(
        "(SELECT MAX(o.expires_on) FROM (SELECT expires_on FROM chat_links \
         WHERE expires_on <= ? ORDER BY expires_on LIMIT ?) AS o)",
        [Value::Timestamp(stamp.now), Value::Integer(ALONG)],
    );
    let mut insert = Sql::new(
        "INSERT INTO chat_links (secret_hash, id, tenant_id, file_id, user_id, once_only, \
         created_on, expires_on) ",
    );
    insert.bind(
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            Value::Bytes(hash.to_vec()),
            uuid(stamp.id),
            text(&caller.tenant),
            uuid(file),
            text(&caller.actor),
            Value::Boolean(once),
            Value::Timestamp(stamp.now),
            Value::Timestamp(expires),
        ],
    );
    let entry = audit::link_made(file, stamp.id, once, expires);
    attempt(db, |transaction| {
        remove.execute_in(transaction)?;
        insert.execute_in(transaction)?;
        transaction.audit(&entry)?;
        Ok(Step::Commit(()))
    })
}

/// The link with a secret of this hash, unless it has expired or was used up.
pub(crate) fn find(db: &impl Database, hash: &[u8], now: i64) -> Result<Option<Link>, Error> {
    let mut sql = Sql::new("SELECT id, file_id, user_id, tenant_id, once_only FROM chat_links");
    usable(&mut sql, hash, now);
    let kinds = [
        Kind::Uuid,
        Kind::Uuid,
        Kind::Text,
        Kind::Text,
        Kind::Boolean,
    ];
    let rows = sql.query(db, &kinds)?;
    let link = rows.first().and_then(|row| {
        let (ValueRef::Text(user), ValueRef::Text(tenant), ValueRef::Boolean(once)) =
            (row.get(2), row.get(3), row.get(4))
        else {
            return None;
        };
        Some(Link {
            id: id(row.get(0))?,
            file: id(row.get(1))?,
            user: user.to_owned(),
            tenant: tenant.to_owned(),
            once,
        })
    });
    Ok(link)
}

/// Uses a link up. False when somebody else was faster.
pub(crate) fn consume(db: &impl Database, hash: &[u8], now: i64) -> Result<bool, Error> {
    let mut sql = Sql::new("UPDATE chat_links SET used_on = ");
    sql.bind("?", [Value::Timestamp(now)]);
    usable(&mut sql, hash, now);
    attempt(db, |transaction| {
        let used = sql.execute_in(transaction)? > 0;
        Ok(match used {
            true => Step::Commit(true),
            false => Step::Abandon(false),
        })
    })
}

fn usable(sql: &mut Sql, hash: &[u8], now: i64) {
    sql.bind(
        " WHERE secret_hash = ? AND expires_on > ? AND (once_only = FALSE OR used_on IS NULL)",
        [Value::Bytes(hash.to_vec()), Value::Timestamp(now)],
    );
}
