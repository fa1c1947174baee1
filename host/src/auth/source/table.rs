//! The table of keys that the original's authentication service writes.

use std::time::Duration;

use tokio::sync::OnceCell;

use super::ReadError;
use crate::auth::key::{Algorithm, VerifyingKey};
use crate::auth::key_set::{self, Keys, MAX_KEYS};
use crate::capability::sql::Database;
use crate::config;
use crate::contract::sql::{Dialect, Kind, Value};

/// Bytes of all keys together.
const MAX_BYTES: usize = 1 << 20;

/// The whole table is read at once: it has a few rows, and so no `kid` of a token ever
/// gets into a statement. The table's private keys are never selected.
pub(super) struct Table {
    database: OnceCell<Database>,
    connect: config::Database,
    name: Option<String>,
    limits: config::SqlLimits,
}

impl Table {
    pub(super) fn new(table: &config::KeyTable, limit: Duration) -> Self {
        Self {
            database: OnceCell::new(),
            connect: config::Database {
                url: table.url.clone(),
                schema: None,
                max_connections: 1,
                acquire_timeout: limit,
                idle_timeout: Duration::from_secs(60),
                connect_timeout: limit,
                statement_cache: 1,
            },
            name: table.table.clone(),
            limits: config::SqlLimits {
                // One more than is taken, so that it is noticed.
                rows: MAX_KEYS + 1,
                bytes: MAX_BYTES,
                statement_timeout: limit,
                transactions: 1,
            },
        }
    }

    pub(super) async fn read(&self) -> Result<Keys, ReadError> {
        let database = self
            .database
            .get_or_try_init(|| Database::connect(&self.connect))
            .await?;
        let statement = self.statement(database.dialect());
        let rows = database
            .query_own(
                &statement,
                Vec::new(),
                &[Kind::Text, Kind::Text],
                &self.limits,
            )
            .await
            .map_err(ReadError::Query)?;
        let mut keys = Keys::default();
        for (index, row) in rows.into_iter().enumerate() {
            let [Value::Text(id), Value::Text(pem)] = row.as_slice() else {
                keys.skip(format!("row {index}: a value is null"));
                continue;
            };
            let key = VerifyingKey::new(Some(id.clone()), Algorithm::Rs256, pem.as_bytes());
            keys.add(&key_set::shown(id), key);
        }
        Ok(keys)
    }

    fn statement(&self, dialect: Dialect) -> String {
        let (usual, quote) = match dialect {
            Dialect::Mysql => ("jwt_keys", '`'),
            Dialect::Postgres | Dialect::Sqlite => ("main.jwt_keys", '"'),
        };
        let quoted: Vec<String> = self
            .name
            .as_deref()
            .unwrap_or(usual)
            .split('.')
            .map(|part| format!("{quote}{part}{quote}"))
            .collect();
        let rows = self.limits.rows;
        format!(
            "SELECT key_id, public_key FROM {} LIMIT {rows}",
            quoted.join(".")
        )
    }
}
