//! Tickets: for streams of events that can't bring a token.

use crate::domain::caller::Caller;
use crate::ports::{Database, Error, Kind, Value};
use crate::store::attempt::{Step, attempt};
use crate::store::channel::{number, word};
use crate::store::sql::{Sql, optional, text};

/// Tickets that have expired, and are removed along with the making of another.
const ALONG: i64 = 20;

/// Whose a ticket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) tenant: String,
    pub(crate) user: String,
    /// When the token ends that asked for it, in seconds since 1970.
    pub(crate) token_expires: Option<i64>,
}

/// Keeps a new ticket, under the hash of its secret. Times are microseconds since 1970.
pub(crate) fn make(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    hash: &[u8],
    (token_expires, expires): (Option<i64>, i64),
) -> Result<(), Error> {
    let mut remove = Sql::new("DELETE FROM chat_tickets WHERE expires_on <= ");
    remove.bind(
        "(SELECT MAX(o.expires_on) FROM (SELECT expires_on FROM chat_tickets \
         WHERE expires_on <= ? ORDER BY expires_on LIMIT ?) AS o)",
        [Value::Timestamp(now), Value::Integer(ALONG)],
    );
    let mut insert = Sql::new(
        "INSERT INTO chat_tickets (secret_hash, tenant_id, user_id, token_expires, expires_on) ",
    );
    insert.bind(
        "VALUES (?, ?, ?, ?, ?)",
        [
            Value::Bytes(hash.to_vec()),
            text(&caller.tenant),
            text(&caller.actor),
            optional(token_expires, Value::Integer),
            Value::Timestamp(expires),
        ],
    );
    attempt(db, |transaction| {
        remove.execute_in(transaction)?;
        insert.execute_in(transaction)?;
        Ok(Step::Commit(()))
    })
}

/// Takes a ticket, which nobody can do twice. None when it is unknown, was taken, or has
/// expired.
pub(crate) fn take(db: &impl Database, now: i64, hash: &[u8]) -> Result<Option<Ticket>, Error> {
    let this = |sql: &mut Sql| {
        sql.bind(
            " FROM chat_tickets WHERE secret_hash = ? AND expires_on > ?",
            [Value::Bytes(hash.to_vec()), Value::Timestamp(now)],
        );
    };
    attempt(db, |transaction| {
        let mut select = Sql::new("SELECT tenant_id, user_id, token_expires");
        this(&mut select);
        let rows = select.query_in(transaction, &[Kind::Text, Kind::Text, Kind::Integer])?;
        let ticket = rows.first().and_then(|row| {
            Some(Ticket {
                tenant: word(&row, 0)?,
                user: word(&row, 1)?,
                token_expires: number(&row, 2),
            })
        });
        let Some(ticket) = ticket else {
            return Ok(Step::Abandon(None));
        };
        let mut delete = Sql::new("DELETE");
        this(&mut delete);
        // Whoever was faster has it.
        Ok(match delete.execute_in(transaction)? {
            0 => Step::Abandon(None),
            _ => Step::Commit(Some(ticket)),
        })
    })
}
