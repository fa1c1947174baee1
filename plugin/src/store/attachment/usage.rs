//! How much is kept, and for whom.

use crate::domain::attachment::Quotas;
use crate::domain::caller::Caller;
use crate::ports::{Error, Kind, Transaction, Value, ValueRef};
use crate::store::sql::{Sql, text};

/// Nobody is called so: the row of the whole tenant.
const TENANT: &str = "";

/// Locks the row of a user until the transaction ends, so that what is counted meanwhile
/// stays true; and tells whether `more` bytes would fit.
pub(super) fn lock(
    transaction: &mut impl Transaction,
    caller: &Caller,
    more: i64,
    quotas: Quotas,
) -> Result<bool, Error> {
    let mut sql = Sql::new("UPDATE chat_usage SET used_bytes = used_bytes");
    this(&mut sql, &caller.tenant, &caller.actor);
    if sql.execute_in(transaction)? == 0 {
        insert(transaction, &caller.tenant, &caller.actor, 0)?;
    }
    let mut sql = Sql::new("SELECT user_id, used_bytes FROM chat_usage");
    sql.bind(
        " WHERE tenant_id = ? AND user_id IN (?, ?)",
        [text(&caller.tenant), text(&caller.actor), text(TENANT)],
    );
    let rows = sql.query_in(transaction, &[Kind::Text, Kind::Integer])?;
    let fits = rows.iter(2).all(|row| {
        let quota = match row.get(0) {
            ValueRef::Text(TENANT) => quotas.tenant,
            _ => quotas.user,
        };
        match row.get(1) {
            ValueRef::Integer(used) => used.saturating_add(more) <= quota,
            _ => false,
        }
    });
    Ok(fits && more <= quotas.user && more <= quotas.tenant)
}

/// Counts bytes, if there is room for them: one statement that compares and adds. First the
/// tenant's, as everywhere, so that no two transactions wait for each other.
pub(super) fn add(
    transaction: &mut impl Transaction,
    caller: &Caller,
    bytes: i64,
    quotas: Quotas,
) -> Result<bool, Error> {
    Ok(
        add_to(transaction, &caller.tenant, TENANT, bytes, quotas.tenant)?
            && add_to(
                transaction,
                &caller.tenant,
                &caller.actor,
                bytes,
                quotas.user,
            )?,
    )
}

fn add_to(
    transaction: &mut impl Transaction,
    tenant: &str,
    user: &str,
    bytes: i64,
    quota: i64,
) -> Result<bool, Error> {
    let mut sql = Sql::new("UPDATE chat_usage SET used_bytes = used_bytes + ");
    sql.bind("?", [Value::Integer(bytes)]);
    this(&mut sql, tenant, user);
    sql.bind(
        " AND used_bytes <= ?",
        [Value::Integer(quota.saturating_sub(bytes))],
    );
    if sql.execute_in(transaction)? > 0 {
        return Ok(true);
    }
    let mut sql = Sql::new("SELECT used_bytes FROM chat_usage");
    this(&mut sql, tenant, user);
    if !sql.query_in(transaction, &[Kind::Integer])?.is_empty() || bytes > quota {
        return Ok(false);
    }
    insert(transaction, tenant, user, bytes)?;
    Ok(true)
}

/// Counts bytes that are there already, whether there is room for them or not.
pub(super) fn count(
    transaction: &mut impl Transaction,
    tenant: &str,
    user: &str,
    bytes: i64,
) -> Result<(), Error> {
    for user in [TENANT, user] {
        add_to(transaction, tenant, user, bytes, i64::MAX)?;
    }
    Ok(())
}

/// Counts bytes no more: the tenant's first, then those of each user in their order.
pub(super) fn subtract(
    transaction: &mut impl Transaction,
    tenant: &str,
    mut of_users: Vec<(String, i64)>,
) -> Result<(), Error> {
    let total = of_users.iter().map(|(_, bytes)| bytes).sum();
    of_users.push((TENANT.to_owned(), total));
    of_users.sort_unstable();
    for (user, bytes) in of_users {
        let mut sql = Sql::new("UPDATE chat_usage SET used_bytes = used_bytes - ");
        sql.bind("?", [Value::Integer(bytes)]);
        this(&mut sql, tenant, &user);
        sql.execute_in(transaction)?;
    }
    Ok(())
}

/// When somebody else is faster, the transaction is run again.
fn insert(
    transaction: &mut impl Transaction,
    tenant: &str,
    user: &str,
    bytes: i64,
) -> Result<(), Error> {
    let mut sql = Sql::new("INSERT INTO chat_usage (tenant_id, user_id, used_bytes) ");
    sql.bind(
        "VALUES (?, ?, ?)",
        [text(tenant), text(user), Value::Integer(bytes)],
    );
    sql.execute_in(transaction)?;
    Ok(())
}

fn this(sql: &mut Sql, tenant: &str, user: &str) {
    sql.bind(
        " WHERE tenant_id = ? AND user_id = ?",
        [text(tenant), text(user)],
    );
}
